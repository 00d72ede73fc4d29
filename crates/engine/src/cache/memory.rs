//! A cache in this process's memory, bounded by entries and bytes.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

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
        self.shelf.lock().places.len()
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

/// The entries in a circle. A hand goes round: what was used since it last came by stays, the next that wasn't goes (CLOCK,
/// which does as well as a list in order of use and moves nothing at a hit).
struct Shelf {
    /// Where the entry lies whose signature begins like this. Two that begin alike are as good as impossible, and then the
    /// later one stays; but the index is small enough to stay in the processor's cache.
    places: HashMap<u64, usize, BuildHasherDefault<PrefixHasher>>,
    circle: Vec<Place>,
    free: Vec<usize>,
    hand: usize,
    bytes: u64,
    max_entries: usize,
    max_bytes: u64,
}

#[repr(align(64))]
struct Place {
    signature: KeyDigest,
    /// `None` where the place is free.
    entry: Option<Arc<Entry>>,
    bytes: u64,
    used: bool,
}

impl Shelf {
    fn new(max_entries: usize, max_bytes: u64) -> Self {
        Self { places: HashMap::default(), circle: Vec::new(), free: Vec::new(), hand: 0, bytes: 0, max_entries, max_bytes }
    }

    fn get(&mut self, signature: &KeyDigest) -> Option<Arc<Entry>> {
        let place = &mut self.circle[*self.places.get(&prefix(signature))?];
        if place.signature != *signature {
            return None;
        }
        place.used = true;
        place.entry.clone()
    }

    fn put(&mut self, signature: KeyDigest, entry: Entry) -> Result<(), CacheError> {
        self.remove_prefix(prefix(&signature));
        let bytes = weight(&entry);
        if bytes > self.max_bytes {
            return Err(CacheError::new(format!("a result of {bytes} bytes is larger than the whole cache")));
        }
        while self.places.len() >= self.max_entries || self.bytes + bytes > self.max_bytes {
            self.evict();
        }
        let place = Place { signature, entry: Some(Arc::new(entry)), bytes, used: false };
        let at = self.free.pop().unwrap_or(self.circle.len());
        if at == self.circle.len() {
            self.circle.push(place);
        } else {
            self.circle[at] = place;
        }
        self.places.insert(prefix(&signature), at);
        self.bytes += bytes;
        Ok(())
    }

    fn remove(&mut self, signature: &KeyDigest) {
        let prefix = prefix(signature);
        if self.places.get(&prefix).is_some_and(|&at| self.circle[at].signature == *signature) {
            self.remove_prefix(prefix);
        }
    }

    fn remove_prefix(&mut self, prefix: u64) {
        if let Some(at) = self.places.remove(&prefix) {
            self.bytes -= self.circle[at].bytes;
            self.circle[at].entry = None;
            self.free.push(at);
        }
    }

    /// Lets the next entry go that wasn't used since the hand last came by. There is one.
    fn evict(&mut self) {
        loop {
            let at = self.hand;
            self.hand = (at + 1) % self.circle.len();
            let place = &mut self.circle[at];
            if place.entry.is_some() && !std::mem::take(&mut place.used) {
                let prefix = prefix(&place.signature);
                return self.remove_prefix(prefix);
            }
        }
    }

    fn bound(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        while self.places.len() > self.max_entries || self.bytes > self.max_bytes {
            self.evict();
        }
    }
}

/// About how much memory an entry takes.
fn weight(entry: &Entry) -> u64 {
    const EACH_BYTES: usize = 256;
    let parts: usize = entry.parts.iter().map(|part| part.name.len() + 64).sum();
    let outputs: usize = entry.outputs.iter().map(|output| output.type_name.len() + 96).sum();
    let pipeline = entry.pipeline.as_ref().map_or(0, |outputs| 32 * outputs.identities.len() + 8 * outputs.lengths.len());
    entry.size_bytes().saturating_add((EACH_BYTES + entry.path.len() + parts + outputs + pipeline) as u64)
}

/// The first bytes of a digest, which are as random as a hash can be.
fn prefix(signature: &KeyDigest) -> u64 {
    u64::from_le_bytes(*signature.first_chunk().unwrap_or(&[0; 8]))
}

/// Takes a prefix for its own hash.
#[derive(Default)]
struct PrefixHasher(u64);

impl Hasher for PrefixHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, prefix: u64) {
        self.0 = prefix;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cache::CachedOutput;

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
                prop_assert_eq!(kept.count(), shelf.places.len());
                prop_assert!(shelf.places.len() <= max_entries && shelf.bytes <= 3_000);
            }
        }
    }
}
