//! W3C trace context: how a trace crosses a process boundary.
//!
//! The format is <https://www.w3.org/TR/trace-context/#traceparent-header>; in environment variables it is `TRACEPARENT`.

use std::fmt;
use std::str::FromStr;

use crate::{SpanId, TraceId};

/// The parent that a process was given: a trace, the span above, and whether the trace is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span above.
    pub parent_id: SpanId,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

/// A text was not a `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParentError;

impl fmt::Display for TraceParentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a traceparent: expected `00-` 32 hexadecimal digits `-` 16 hexadecimal digits `-` 2 hexadecimal digits",
        )
    }
}

impl std::error::Error for TraceParentError {}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.parent_id, u8::from(self.sampled))
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Reads version 00, and of later versions the part that they share with it, as the specification asks.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let text = text.trim_matches([' ', '\t']);
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')))
        };
        let (version, trace, parent, flags) = match (part(2), part(32), part(16), part(2)) {
            (Some(version), Some(trace), Some(parent), Some(flags)) => (version, trace, parent, flags),
            _ => return Err(TraceParentError),
        };
        let more = parts.next().is_some();
        let trace_id: TraceId = trace.parse().map_err(|_| TraceParentError)?;
        let parent_id: SpanId = parent.parse().map_err(|_| TraceParentError)?;
        if version == "ff" || (version == "00" && more) || trace_id.is_zero() || parent_id.is_none() {
            return Err(TraceParentError);
        }
        let sampled = u8::from_str_radix(flags, 16).map_err(|_| TraceParentError)? & 1 == 1;
        Ok(Self { trace_id, parent_id, sampled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_specifications_example_comes_back_equal() {
        assert_eq!(EXAMPLE.parse::<TraceParent>().unwrap().to_string(), EXAMPLE);
    }

    #[test]
    fn malformed_values_are_refused() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(TraceParentError), "{text}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_known_part() {
        let text = EXAMPLE.replacen("00", "01", 1) + "-more";
        assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), EXAMPLE);
    }
}
