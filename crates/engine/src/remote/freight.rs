//! A value on its way between processes: its bytes, or the name under which they lie in a cache that both sides use.
//!
//! The name is the digest of the bytes, which is what the key of an entry and the place of an output in it lead to, too. So one
//! form of reference does for results that are cached, for those that aren't, and for inputs that no node has made.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::payload::Payload;
use crate::cache::{Cache, CacheError};
use crate::value::KeyDigest;

/// A value on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Freight {
    Bytes(Payload),
    Shared(Reference),
}

/// Bytes in a shared cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) digest: KeyDigest,
    pub(crate) size_bytes: u64,
}

/// Where there is a shared cache, values that no entry of it holds are sent themselves up to this size, in bytes.
pub(crate) const LARGE_BYTES: usize = 1 << 20;

/// What a reference takes in a message, in bytes, about.
const REFERENCE_BYTES: usize = 80;

impl Freight {
    /// Packs an encoded value: if it is larger than `most`, and the cache takes it, as a reference.
    pub(crate) fn pack(bytes: Vec<u8>, cache: Option<&Cache>, most: usize) -> Self {
        let shared = cache.filter(|_| bytes.len() > most).and_then(|cache| cache.deposit(&bytes).ok());
        match shared {
            Some(digest) => Self::Shared(Reference { digest, size_bytes: bytes.len() as u64 }),
            None => Self::Bytes(Payload(bytes)),
        }
    }

    /// Returns the encoded value.
    ///
    /// # Errors
    /// If it is a reference, and there is no cache or not this value in it.
    pub(crate) fn open(&self, cache: Option<&Cache>) -> Result<Cow<'_, [u8]>, CacheError> {
        match (self, cache) {
            (Self::Bytes(bytes), _) => Ok(Cow::Borrowed(&bytes.0)),
            (Self::Shared(reference), Some(cache)) => cache.withdraw(&reference.digest).map(Cow::Owned),
            (Self::Shared(_), None) => Err(CacheError::new("there is no cache that both sides use")),
        }
    }

    /// Returns what it takes in a message, in bytes.
    pub(crate) fn message_bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.0.len(),
            Self::Shared(_) => REFERENCE_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::DiskCache;

    #[test]
    fn what_is_large_goes_through_the_cache_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::from(DiskCache::open(folder.path()).unwrap());
        let large = vec![7; 1000];
        assert_eq!(Freight::pack(large.clone(), None, 10), Freight::Bytes(Payload(large.clone())));
        assert_eq!(Freight::pack(large.clone(), Some(&cache), 1000), Freight::Bytes(Payload(large.clone())));
        let shared = Freight::pack(large.clone(), Some(&cache), 999);
        assert!(matches!(shared, Freight::Shared(_)) && shared.message_bytes() < 100);
        assert_eq!(shared.open(Some(&cache)).unwrap(), large);
        assert!(shared.open(None).is_err());
        std::fs::remove_dir_all(folder.path().join("values")).unwrap();
        assert!(shared.open(Some(&cache)).is_err(), "what is gone is said to be gone");
    }
}
