//! The entries of a cache in memory: found by their signatures, and which of them goes when there is no room.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::{CacheError, Entry};
use crate::value::KeyDigest;

/// The entries in a circle. A hand goes round: what was used since it last came by stays, the next that wasn't goes (CLOCK,
/// which does as well as a list in order of use and moves nothing at a hit).
pub(super) struct Shelf {
    /// Where the entry lies whose signature begins like this. Two that begin alike are as good as impossible, and then the
    /// later one stays; but the index is small enough to stay in the processor's cache.
    places: HashMap<u64, usize, BuildHasherDefault<PrefixHasher>>,
    pub(super) circle: Vec<Place>,
    free: Vec<usize>,
    hand: usize,
    pub(super) bytes: u64,
    pub(super) max_entries: usize,
    pub(super) max_bytes: u64,
}

#[repr(align(64))]
pub(super) struct Place {
    signature: KeyDigest,
    /// `None` where the place is free.
    pub(super) entry: Option<Arc<Entry>>,
    pub(super) bytes: u64,
    used: bool,
}

impl Shelf {
    pub(super) fn new(max_entries: usize, max_bytes: u64) -> Self {
        Self { places: HashMap::default(), circle: Vec::new(), free: Vec::new(), hand: 0, bytes: 0, max_entries, max_bytes }
    }

    /// Returns how many entries there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&mut self, signature: &KeyDigest) -> Option<Arc<Entry>> {
        let place = &mut self.circle[*self.places.get(&prefix(signature))?];
        if place.signature != *signature {
            return None;
        }
        place.used = true;
        place.entry.clone()
    }

    pub(super) fn put(&mut self, signature: KeyDigest, entry: Entry) -> Result<(), CacheError> {
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

    pub(super) fn remove(&mut self, signature: &KeyDigest) {
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

    pub(super) fn bound(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        while self.places.len() > self.max_entries || self.bytes > self.max_bytes {
            self.evict();
        }
    }
}

/// About how much memory an entry takes.
pub(super) fn weight(entry: &Entry) -> u64 {
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
