//! The two parts of a cache, each replaceable: entries by their signatures, large values by their content.
//!
//! Both are plain calls, not futures: a hit in memory takes a tenth of a microsecond and one on disk a few, and values are
//! also loaded where nothing can be awaited, when somebody takes a run's output.

use std::sync::Arc;

use super::{CacheError, Entry};
use crate::value::KeyDigest;

/// Keeps entries by their signatures: small records that are found in microseconds.
pub trait SignatureStore: Send + Sync + 'static {
    /// Names the store for people: `DiskCache: .flowglass/cache`.
    fn describe(&self) -> String;

    /// Returns a text by which another process can open the same store, if there is one: `disk:/var/cache/app`.
    fn address(&self) -> Option<String> {
        None
    }

    /// Returns how large an output may be to lie in its entry, in bytes; larger ones go to the [`ValueStore`].
    fn inline_bytes(&self) -> usize;

    /// Returns the entry of this signature.
    ///
    /// # Errors
    /// If there is one and it is damaged, or if the store can't be reached. It counts as a miss and is told of.
    fn get(&self, signature: &KeyDigest) -> Result<Option<Arc<Entry>>, CacheError>;

    /// Keeps an entry, in place of an earlier one.
    ///
    /// # Errors
    /// If the store can't write; the run goes on, and its node's `cache.status` is `miss`.
    fn put(&self, signature: &KeyDigest, entry: Entry) -> Result<(), CacheError>;

    /// Forgets an entry, because its values turned out to be lost.
    ///
    /// # Errors
    /// If the store can't write.
    fn remove(&self, signature: &KeyDigest) -> Result<(), CacheError>;
}

/// Keeps the bytes of large values by their digests.
pub trait ValueStore: Send + Sync + 'static {
    /// Says whether the value seems to be there, without reading it.
    fn holds(&self, digest: &KeyDigest, size_bytes: u64) -> bool;

    /// Returns the bytes of a value. The cache checks them against the digest.
    ///
    /// # Errors
    /// If they can't be read.
    fn load(&self, digest: &KeyDigest) -> Result<Vec<u8>, CacheError>;

    /// Keeps the bytes of a value.
    ///
    /// # Errors
    /// If the store can't write.
    fn put(&self, digest: &KeyDigest, bytes: &[u8]) -> Result<(), CacheError>;

    /// Forgets a value that turned out to be damaged.
    ///
    /// # Errors
    /// If the store can't write.
    fn remove(&self, digest: &KeyDigest) -> Result<(), CacheError>;
}
