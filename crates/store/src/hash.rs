//! A fast 64-bit hash whose values never change: it is part of the file format. It doesn't resist somebody who seeks collisions.

use std::hash::{BuildHasherDefault, Hasher};

/// Hashes bytes, eight at a time.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let (words, part) = bytes.as_chunks::<8>();
    let start = stir(bytes.len() as u64 ^ 0x51_7c_c1_b7_27_22_0a_95);
    let state = words.iter().fold(start, |state, word| stir(state ^ u64::from_le_bytes(*word)));
    let last = part.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    stir(state ^ last)
}

/// Makes one hash of two, in this order.
pub(crate) const fn pair(first: u64, second: u64) -> u64 {
    pair_ended(pair_begun(first), second)
}

/// Returns what all pairs with this first hash have in common.
pub(crate) const fn pair_begun(first: u64) -> u64 {
    stir(first)
}

/// Makes the hash of a pair of which [`pair_begun`] knows the first.
pub(crate) const fn pair_ended(begun: u64, second: u64) -> u64 {
    stir(begun ^ second.rotate_left(23))
}

/// Spreads a number over all 64 bits (the finaliser of SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) const fn stir(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Hashes the keys of small maps that live as long as a batch or a merge.
pub(crate) type BuildFastHasher = BuildHasherDefault<FastHasher>;

/// The hasher of [`BuildFastHasher`]: for numbers and short byte strings.
#[derive(Debug, Default)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        self.write_u64(hash(bytes));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_change() {
        assert_eq!(
            [hash(b""), hash(b"node.id"), hash(b"0123456789")],
            [3_321_205_642_704_008_668, 9_685_250_500_112_582_150, 18_308_224_755_830_957_422]
        );
        assert_eq!(pair(1, 2), 6_478_320_886_314_722_178);
    }

    #[test]
    fn texts_and_orders_are_told_apart() {
        let texts = (0..5000).map(|at| format!("{}{at}", "x".repeat(at % 24)));
        let hashes: std::collections::HashSet<u64> = texts.map(|text| hash(text.as_bytes())).collect();
        assert_eq!(hashes.len(), 5000);
        assert!(pair(1, 2) != pair(2, 1) && hash(b"a") != hash(b"a\0"));
    }
}
