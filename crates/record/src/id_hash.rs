//! Maps whose keys are ids: random or counted already, so that hashing them is one multiplication.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are ids.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildIdHasher>;

/// Makes [`IdHasher`]s.
pub(crate) type BuildIdHasher = BuildHasherDefault<IdHasher>;

/// Spreads the bits of an id by Fibonacci hashing.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its position from the low bits, and multiplication stirs the high ones.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, Hash};

    use super::*;

    fn hash(value: impl Hash) -> u64 {
        BuildIdHasher::default().hash_one(value)
    }

    #[test]
    fn neighbours_land_apart() {
        let low_bits: std::collections::HashSet<u64> = (0..64_u64).map(|id| hash(id) & 0xfff).collect();
        assert!(low_bits.len() > 56, "{}", low_bits.len());
    }

    #[test]
    fn bytes_of_any_length_hash() {
        assert_ne!(hash([1_u8; 16]), hash([2_u8; 16]));
        assert_ne!(hash("abc"), hash("abd"));
    }
}
