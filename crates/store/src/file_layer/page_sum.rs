//! The checksum of a page. Part of the file format.
//!
//! Four lanes are multiplied side by side, so that a page takes well under a microsecond; each step can be undone, so that no
//! change of a single word goes unseen.

use crate::hash::stir;

/// How many bytes at the end of a page its checksum takes.
pub(super) const SUM_BYTES: usize = 8;

const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the checksum of a page at this offset of the file: a page in the wrong place is damaged, too.
fn sum(content: &[u8], offset: u64) -> u64 {
    let mut lanes = [offset, 1, 2, 3];
    let (quads, rest) = content.as_chunks::<32>();
    for quad in quads {
        let (words, _) = quad.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME).rotate_left(29);
        }
    }
    let state = lanes.into_iter().fold(rest.len() as u64, |state, lane| stir(state ^ lane));
    rest.iter().fold(state, |state, &byte| stir(state ^ u64::from(byte)))
}

/// Writes the checksum into the end of a page.
pub(super) fn seal(page: &mut [u8], offset: u64) {
    if let Some((content, end)) = page.split_last_chunk_mut::<SUM_BYTES>() {
        *end = sum(content, offset).to_le_bytes();
    }
}

/// Says whether a page is as it was written. One that was never written is all zeros.
pub(super) fn is_whole(page: &[u8], offset: u64) -> bool {
    let Some((content, end)) = page.split_last_chunk::<SUM_BYTES>() else { return false };
    sum(content, offset).to_le_bytes() == *end || page.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_and_any_other_place_is_seen() {
        let mut page: Vec<u8> = (0..512u16).map(|at| (at * 7) as u8).collect();
        seal(&mut page, 4096);
        assert!(is_whole(&page, 4096) && !is_whole(&page, 0));
        for bit in 0..page.len() * 8 {
            page[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_whole(&page, 4096), "{bit}");
            page[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(is_whole(&[0; 512], 512) && !is_whole(&[], 0) && !is_whole(&[0; 7], 0));
    }

    #[test]
    fn values_never_change() {
        assert_eq!((sum(&[7; 100], 3), sum(&[], 0)), (16_562_862_986_780_847_980, 1_470_200_354_583_225_620));
    }
}
