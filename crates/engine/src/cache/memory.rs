//! A cache in this process's memory, bounded by entries and bytes.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::shelf::Shelf;
use super::{Cache, CacheError, Entry, SignatureStore, ValueStore};
use crate::value::KeyDigest;

const MAX_ENTRIES: usize = 100_000;
const MAX_BYTES: u64 = 1 << 30;

/// Keeps results in memory, at most 100,000 of 1 GiB unless told otherwise; what wasn't used lately goes first. Values are
/// kept encoded, so that a result means the same as from a cache on disk. Cheap to clone: clones are one cache.
#[derive(Clone)]
pub struct MemoryCache {
    shelf: Arc<Mutex<Shelf>>,
}

impl MemoryCache {
    /// Makes an empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self { shelf: Arc::new(Mutex::new(Shelf::new(MAX_ENTRIES, MAX_BYTES))) }
    }

    /// Bounds how many entries are kept; at least one is.
    #[must_use]
    pub fn max_entries(self, max_entries: usize) -> Self {
        self.shelf.lock().bound(|shelf| shelf.max_entries = max_entries.max(1));
        self
    }

    /// Bounds how much memory the entries take, in bytes. A result that is larger than all of it isn't kept.
    #[must_use]
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        self.shelf.lock().bound(|shelf| shelf.max_bytes = max_bytes);
        self
    }

    /// Returns how many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shelf.lock().len()
    }

    /// Says whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how much memory the entries take, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shelf.lock().bytes
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        let mut shelf = self.shelf.lock();
        *shelf = Shelf::new(shelf.max_entries, shelf.max_bytes);
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("entries", &self.len()).field("size_bytes", &self.size_bytes()).finish()
    }
}

impl From<MemoryCache> for Cache {
    fn from(cache: MemoryCache) -> Self {
        Self::new(cache, Nowhere)
    }
}

impl SignatureStore for MemoryCache {
    fn describe(&self) -> String {
        "MemoryCache".to_owned()
    }

    fn inline_bytes(&self) -> usize {
        usize::MAX
    }

    fn get(&self, signature: &KeyDigest) -> Result<Option<Arc<Entry>>, CacheError> {
        Ok(self.shelf.lock().get(signature))
    }

    fn put(&self, signature: &KeyDigest, entry: Entry) -> Result<(), CacheError> {
        self.shelf.lock().put(*signature, entry)
    }

    fn remove(&self, signature: &KeyDigest) -> Result<(), CacheError> {
        self.shelf.lock().remove(signature);
        Ok(())
    }
}

/// Holds nothing, because every value lies in its entry.
struct Nowhere;

impl ValueStore for Nowhere {
    fn holds(&self, _: &KeyDigest, _: u64) -> bool {
        false
    }

    fn load(&self, _: &KeyDigest) -> Result<Vec<u8>, CacheError> {
        Err(CacheError::new("values in memory lie in their entries"))
    }

    fn put(&self, _: &KeyDigest, _: &[u8]) -> Result<(), CacheError> {
        Err(CacheError::new("values in memory lie in their entries"))
    }

    fn remove(&self, _: &KeyDigest) -> Result<(), CacheError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cache::CachedOutput;
    use crate::cache::shelf::weight;

    fn entry(size: usize) -> Entry {
        let outputs = vec![CachedOutput::of(&vec![7; size], String::new()).with_inline(vec![7; size])];
        Entry { path: String::new(), cost_ns: 1, stored_unix_ns: 0, ttl_ns: None, parts: Vec::new(), outputs, pipeline: None }
    }

    fn signature(number: u8) -> KeyDigest {
        *blake3::hash(&[number]).as_bytes()
    }

    fn holds(cache: &MemoryCache, number: u8) -> bool {
        cache.get(&signature(number)).unwrap().is_some()
    }

    #[test]
    fn what_was_not_used_lately_goes_first() {
        let cache = MemoryCache::new().max_entries(2);
        cache.put(&signature(1), entry(1)).unwrap();
        cache.put(&signature(2), entry(1)).unwrap();
        assert!(holds(&cache, 1));
        cache.put(&signature(3), entry(1)).unwrap();
        assert_eq!([1, 2, 3].map(|number| holds(&cache, number)), [true, false, true]);
    }

    #[test]
    fn bytes_are_bounded_too_and_what_is_too_large_is_refused() {
        let cache = MemoryCache::new().max_bytes(10_000);
        for number in 0..10 {
            cache.put(&signature(number), entry(3_000)).unwrap();
        }
        assert_eq!(cache.len(), 2);
        assert!(cache.put(&signature(77), entry(10_000)).is_err());
        assert_eq!(cache.len(), 2);
        cache.clear();
        assert_eq!((cache.len(), cache.size_bytes()), (0, 0));
    }

    #[test]
    fn signatures_that_begin_alike_are_never_mixed_up() {
        let (cache, one, mut other) = (MemoryCache::new(), signature(1), signature(1));
        other[31] ^= 1;
        cache.put(&one, entry(1)).unwrap();
        assert_eq!(cache.get(&other).unwrap(), None);
        cache.remove(&other).unwrap();
        assert_eq!(cache.len(), 1, "another's entry stays");
        cache.put(&other, entry(2)).unwrap();
        assert_eq!((cache.get(&one).unwrap(), cache.get(&other).unwrap().map(|entry| entry.size_bytes())), (None, Some(2)));
        assert_eq!((cache.len(), cache.size_bytes()), (1, weight(&entry(2))));
    }

    proptest! {
        #[test]
        fn bounds_hold_whatever_is_done(
            actions in prop::collection::vec((0u8..3, 0u8..12, 0usize..900), 0..200),
            max_entries in 1usize..6,
        ) {
            let cache = MemoryCache::new().max_entries(max_entries).max_bytes(3_000);
            for (action, number, size) in actions {
                match action {
                    0 => cache.put(&signature(number), entry(size)).unwrap(),
                    1 => cache.remove(&signature(number)).unwrap(),
                    _ => drop(cache.get(&signature(number))),
                }
                let shelf = cache.shelf.lock();
                let kept = shelf.circle.iter().filter(|place| place.entry.is_some());
                prop_assert_eq!(kept.clone().map(|place| place.bytes).sum::<u64>(), shelf.bytes);
                prop_assert_eq!(kept.count(), shelf.len());
                prop_assert!(shelf.len() <= max_entries && shelf.bytes <= 3_000);
            }
        }
    }
}
