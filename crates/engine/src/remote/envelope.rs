//! How a message is wrapped: what kind it is, which version, how large it may be.
//!
//! A job and its result look the same whether they travel over a socket, a queue or a cluster's own protocol.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of every message of this build. Driver and workers are one program, so no other is read.
pub(crate) const VERSION: u16 = 1;

/// What begins every message.
const MAGIC: [u8; 4] = *b"FGlw";

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Job = 1,
    Result = 2,
    Update = 3,
}

/// A message couldn't be made or read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    TooLarge { size_bytes: usize, limit_bytes: usize },
    Version { found: u16 },
    Malformed(String),
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size_bytes, limit_bytes } => {
                write!(f, "a message of {size_bytes} bytes is larger than the {limit_bytes} that the backend takes")
            }
            Self::Version { found } => {
                write!(
                    f,
                    "a message of version {found}; this build reads version {VERSION}: driver and worker must be one build"
                )
            }
            Self::Malformed(problem) => write!(f, "not a message of a worker: {problem}"),
        }
    }
}

impl std::error::Error for EnvelopeError {}

/// Wraps a message.
pub(crate) fn seal<T: Serialize>(kind: Kind, message: &T, limit_bytes: usize) -> Result<Vec<u8>, EnvelopeError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.push(kind as u8);
    rmp_serde::encode::write(&mut bytes, message).map_err(|error| EnvelopeError::Malformed(error.to_string()))?;
    within(bytes.len(), limit_bytes)?;
    Ok(bytes)
}

/// Unwraps a message of this kind.
pub(crate) fn open<T: DeserializeOwned>(kind: Kind, bytes: &[u8], limit_bytes: usize) -> Result<T, EnvelopeError> {
    within(bytes.len(), limit_bytes)?;
    let malformed = |problem: &str| EnvelopeError::Malformed(problem.to_owned());
    let rest = bytes.strip_prefix(&MAGIC).ok_or_else(|| malformed("it begins with something else"))?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(|| malformed("it is cut off"))?;
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        return Err(EnvelopeError::Version { found });
    }
    let (&found, body) = rest.split_first().ok_or_else(|| malformed("it is cut off"))?;
    if found != kind as u8 {
        return Err(malformed("it is of another kind"));
    }
    rmp_serde::from_slice(body).map_err(|error| EnvelopeError::Malformed(error.to_string()))
}

fn within(size_bytes: usize, limit_bytes: usize) -> Result<(), EnvelopeError> {
    if size_bytes > limit_bytes { Err(EnvelopeError::TooLarge { size_bytes, limit_bytes }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1 << 20;

    #[test]
    fn a_message_comes_back_equal() {
        let sealed = seal(Kind::Update, &("text", 7u8), LIMIT).unwrap();
        assert_eq!(open::<(String, u8)>(Kind::Update, &sealed, LIMIT).unwrap(), ("text".to_owned(), 7));
    }

    #[test]
    fn another_version_kind_or_size_is_refused() {
        let mut sealed = seal(Kind::Job, &vec![1u8; 100], LIMIT).unwrap();
        assert!(matches!(open::<Vec<u8>>(Kind::Result, &sealed, LIMIT), Err(EnvelopeError::Malformed(_))));
        assert_eq!(seal(Kind::Job, &"long enough", 10).unwrap_err().to_string().split(' ').next(), Some("a"));
        assert!(matches!(open::<Vec<u8>>(Kind::Job, &sealed, 50), Err(EnvelopeError::TooLarge { .. })));
        sealed[4] = 9;
        assert_eq!(open::<Vec<u8>>(Kind::Job, &sealed, LIMIT), Err(EnvelopeError::Version { found: 9 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(noise in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
            let _ = open::<super::super::job::Job>(Kind::Job, &noise, LIMIT);
            let mut framed = seal(Kind::Job, &"x", LIMIT).unwrap();
            framed.truncate(7);
            framed.extend(&noise);
            let _ = open::<super::super::job::Job>(Kind::Job, &framed, LIMIT);
            framed.truncate(cut.index(framed.len()));
            let _ = open::<super::super::job::JobResult>(Kind::Result, &framed, LIMIT);
        }
    }
}
