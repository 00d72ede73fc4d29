//! Ids of traces, spans, runs, writers and graphs, with their hexadecimal text forms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text was not the hexadecimal form of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    expected: &'static str,
    found: String,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an id: expected {}", self.found, self.expected)
    }
}

impl std::error::Error for ParseIdError {}

fn parse_hex<const N: usize>(text: &str, expected: &'static str) -> Result<[u8; N], ParseIdError> {
    let error = || ParseIdError { expected, found: text.chars().take(80).collect() };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(error());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            b'A'..=b'F' => Ok(c - b'A' + 10),
            _ => Err(error()),
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// No id: all zeros.
            pub const NONE: Self = Self([0; $bytes]);

            /// Makes the id from its bytes, in the order of its text form.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes of the id, in the order of its text form.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// Makes a random id that isn't all zeros.
            #[must_use]
            pub fn random() -> Self {
                let mut bytes = [0; $bytes];
                fastrand::fill(&mut bytes);
                bytes[0] |= u8::from(bytes == [0; $bytes]);
                Self(bytes)
            }

            /// Says whether the id is all zeros, which no real id is.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                let mut at = 0;
                while at < $bytes {
                    if self.0[at] != 0 {
                        return false;
                    }
                    at += 1;
                }
                true
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text, $expected).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_id!(
    /// Names one trace: 16 bytes, 32 lower-case hexadecimal digits in text.
    TraceId, 16, "32 hexadecimal digits"
);
hex_id!(
    /// Names one writer of a store: a process's recorder, from its start to its end.
    WriterId, 16, "32 hexadecimal digits"
);
hex_id!(
    /// Names the shape of a pipeline: equal graphs (structure, names, versions, code) have equal fingerprints.
    Fingerprint, 16, "32 hexadecimal digits"
);

/// Names one span of a trace: 8 bytes, 16 lower-case hexadecimal digits in text. Zero stands for "no span".
///
/// Kept as a number, because a run's ids are computed (a random base and a sequence).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(u64);

impl SpanId {
    /// No span: the parent of a root.
    pub const NONE: Self = Self(0);

    /// Makes the id from its number (the big-endian reading of its bytes).
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Returns the id's number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// Makes a random id that isn't zero.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::u64(1..))
    }

    /// Says whether this stands for "no span".
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns the id, or nothing if it stands for "no span".
    #[must_use]
    pub const fn some(self) -> Option<Self> {
        if self.0 == 0 { None } else { Some(self) }
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex::<8>(text, "16 hexadecimal digits").map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SpanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Names one run: its trace's id, or `traceid-rootspanid` for a run that joined a trace which something else had begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// The trace that the run's spans are in.
    pub trace: TraceId,
    /// The run's root span, if the run joined a trace; else [`SpanId::NONE`].
    pub joined_at: SpanId,
}

impl From<TraceId> for RunId {
    fn from(trace: TraceId) -> Self {
        Self { trace, joined_at: SpanId::NONE }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.joined_at.some() {
            None => fmt::Display::fmt(&self.trace, f),
            Some(root) => write!(f, "{}-{root}", self.trace),
        }
    }
}

impl FromStr for RunId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match text.split_once('-') {
            None => Ok(text.parse::<TraceId>()?.into()),
            Some((trace, root)) => Ok(Self { trace: trace.parse()?, joined_at: root.parse()? }),
        }
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_come_back_equal() {
        let trace = TraceId::random();
        let root = SpanId::random();
        assert_eq!(trace.to_string().parse(), Ok(trace));
        assert_eq!(root.to_string().parse(), Ok(root));
        for run in [RunId::from(trace), RunId { trace, joined_at: root }] {
            assert_eq!(run.to_string().parse(), Ok(run));
            assert_eq!(serde_json::from_str::<RunId>(&serde_json::to_string(&run).unwrap()).unwrap(), run);
        }
    }

    #[test]
    fn a_bad_id_is_named() {
        let error = "xyz".parse::<TraceId>().unwrap_err();
        assert_eq!(error.to_string(), "`xyz` is not an id: expected 32 hexadecimal digits");
        assert!("é".repeat(16).parse::<TraceId>().is_err());
        assert!("0123456789abcdeg".parse::<SpanId>().is_err());
    }
}
