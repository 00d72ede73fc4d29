//! Which texts an arena has, found by their hashes: open addressing, so that a look costs one line of memory.

use std::hash::{BuildHasher, RandomState};

use super::arena::{Arena, Sym};

/// How many places there are when the first text comes.
const FIRST_PLACES: usize = 64;

/// Which texts an arena has.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// A power of two, at most three quarters of them taken.
    places: Vec<Place>,
    taken: usize,
    seed: Seed,
}

/// A text that is known; a free place names the empty text, which is never looked for.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u32,
    sym: Sym,
}

impl Known {
    /// Returns the name of a text, which is added to the arena if it isn't there yet.
    #[inline]
    pub(super) fn intern(&mut self, bytes: &[u8], arena: &mut Arena) -> Sym {
        if self.taken >= self.places.len() / 4 * 3 {
            self.grow();
        }
        let hash = self.seed.hash(bytes) as u32;
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let place = self.places[at];
            if place.sym == Sym::EMPTY {
                break;
            }
            if place.hash == hash && arena.bytes(place.sym) == bytes {
                return place.sym;
            }
            at = (at + 1) & mask;
        }
        let sym = arena.push(bytes);
        // An arena that is full gives the name of the empty text.
        self.taken += usize::from(sym != Sym::EMPTY);
        self.places[at] = Place { hash, sym };
        sym
    }

    #[cold]
    fn grow(&mut self) {
        let count = (self.places.len() * 2).max(FIRST_PLACES);
        let old = std::mem::replace(&mut self.places, vec![Place::default(); count]);
        for place in old.into_iter().filter(|place| place.sym != Sym::EMPTY) {
            let mut at = place.hash as usize & (count - 1);
            while self.places[at].sym != Sym::EMPTY {
                at = (at + 1) & (count - 1);
            }
            self.places[at] = place;
        }
    }
}

/// Where the hashes of a batch's texts start from: texts may come from anywhere, and nobody shall know which collide.
#[derive(Debug)]
struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl Seed {
    /// Hashes bytes: a multiplication for every eight, because most texts are that short. The last eight may overlap with those
    /// before; the length tells what then reads alike apart.
    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        let start = self.0 ^ bytes.len() as u64;
        let (words, part) = bytes.as_chunks::<8>();
        let state = words.iter().fold(start, |state, word| stir(state ^ u64::from_le_bytes(*word)));
        if part.is_empty() {
            return stir(state ^ self.0.rotate_left(32));
        }
        stir(state ^ last_word(bytes) ^ self.0.rotate_left(32))
    }
}

/// Returns the last eight bytes, or all of them where there are fewer, as a number.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Multiplies by an odd number near the golden ratio of 2^64, and folds the product.
#[inline]
fn stir(word: u64) -> u64 {
    let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn hashes_tell_texts_apart() {
        let seed = Seed(7);
        let texts: Vec<String> = (0..4096).map(|at| format!("{}{at}", "x".repeat(at % 24))).collect();
        let hashes: HashSet<u64> = texts.iter().map(|text| seed.hash(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        let low: HashSet<u64> = hashes.iter().map(|hash| hash & 0xffff).collect();
        assert!(low.len() > 3800, "{} of 4096 low bits differ", low.len());
        assert_ne!(seed.hash(b"a"), seed.hash(b"a\0"));
        assert_ne!(seed.hash(b"a"), Seed(8).hash(b"a"));
    }

    #[test]
    fn each_byte_of_a_text_counts() {
        let seed = Seed(7);
        for length in 1..40 {
            let text = vec![b'a'; length];
            let changed = (0..length).map(|at| {
                let mut other = text.clone();
                other[at] = b'b';
                seed.hash(&other)
            });
            let hashes: HashSet<u64> = changed.chain([seed.hash(&text)]).collect();
            assert_eq!(hashes.len(), length + 1, "{length}");
        }
    }

    #[test]
    fn each_text_is_kept_once_however_many_there_are() {
        let (mut known, mut arena) = (Known::default(), Arena::default());
        let texts: Vec<String> = (0..5000).map(|at| format!("text {at}")).collect();
        let first: Vec<Sym> = texts.iter().map(|text| known.intern(text.as_bytes(), &mut arena)).collect();
        let again: Vec<Sym> = texts.iter().map(|text| known.intern(text.as_bytes(), &mut arena)).collect();
        assert_eq!((first == again, arena.len()), (true, 5001));
        assert!(texts.iter().zip(first).all(|(text, sym)| arena.text(sym) == text));
    }
}
