//! Chunks as formats before 5 wrote them: of each fingerprint 24 bits, and one Rice code for fingerprint and place together.

use std::ops::ControlFlow;

use super::{Entry, FINGERPRINT_BITS, Shape};
use crate::block::Damaged;
use crate::block::bytes::Reader;
use crate::sketch::bits::BitReader;

const KNOWN_FINGERPRINT_BITS: u32 = 24;
const UNKNOWN_BITS: u32 = FINGERPRINT_BITS - KNOWN_FINGERPRINT_BITS;
/// What these chunks know of an [`Entry`].
pub(super) const KNOWN_BITS: u64 = u64::MAX << (32 + UNKNOWN_BITS) | 0xffff_ffff;

/// Shows the entries of a chunk in their order: the number of entries, the number of low bits of the code (a byte), the codes.
pub(super) fn each(
    chunk: u32,
    bytes: &[u8],
    shape: Shape,
    mut show: impl FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), Damaged> {
    let mut reader = Reader::new(bytes);
    let (count, low) = (reader.varint32()?, u32::from(reader.byte()?));
    if low > 31 {
        return Err(Damaged("postings have an unknown code"));
    }
    let mut codes = BitReader::new(reader.rest());
    let place_bits = u32::BITS - shape.blocks.saturating_sub(1).leading_zeros();
    let end = 1u64 << (KNOWN_FINGERPRINT_BITS - shape.chunk_bits + place_bits);
    let mut next = 0u64;
    for _ in 0..count {
        let packed = next.checked_add(codes.rice(low)?).filter(|&packed| packed < end);
        let packed = packed.ok_or(Damaged("postings run over their end"))?;
        next = packed + 1;
        if show(unpack(chunk, packed, place_bits, shape)).is_break() {
            break;
        }
    }
    Ok(())
}

const fn unpack(chunk: u32, packed: u64, place_bits: u32, shape: Shape) -> Entry {
    let fingerprint = (chunk as u64) << (KNOWN_FINGERPRINT_BITS - shape.chunk_bits) | packed >> place_bits;
    Entry(fingerprint << (32 + UNKNOWN_BITS) | packed & ((1 << place_bits) - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::bytes::put_varint;
    use crate::sketch::bits::BitWriter;
    use crate::sketch::postings::{Coding, places};

    /// Writes a chunk as those formats did.
    fn encode(fingerprints: &[(u64, u32)], shape: Shape, low: u32) -> Vec<u8> {
        let place_bits = u32::BITS - shape.blocks.saturating_sub(1).leading_zeros();
        let mut packed: Vec<u64> =
            fingerprints.iter().map(|(fingerprint, place)| fingerprint >> 40 << place_bits | u64::from(*place)).collect();
        packed.sort_unstable();
        packed.dedup();
        let (mut writer, mut next) = (BitWriter::default(), 0);
        for &number in &packed {
            writer.put_rice(number - next, low);
            next = number + 1;
        }
        let mut out = Vec::new();
        put_varint(&mut out, packed.len() as u64);
        out.push(low as u8);
        out.extend(writer.finish());
        out
    }

    proptest! {
        #[test]
        fn what_an_earlier_format_wrote_is_found(
            fingerprints in prop::collection::vec((any::<u64>(), 0u32..50), 1..300), low in 8u32..25,
        ) {
            let shape = Shape { coding: Coding::Early, chunk_bits: 0, blocks: 50 };
            let bytes = encode(&fingerprints, shape, low);
            for (fingerprint, place) in fingerprints {
                prop_assert!(places(&bytes, shape, fingerprint).unwrap().contains(&place));
            }
        }
    }
}
