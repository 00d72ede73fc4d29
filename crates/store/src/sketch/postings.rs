//! Postings: for the fingerprint of a trace, a name or an attribute, the blocks of a segment that may hold it.
//!
//! An entry is the upper 24 bits of the fingerprint and the block's place in its segment. The sorted entries are cut into chunks
//! by their highest bits, so that a look-up reads one small chunk however large the segment is. Gaps between entries are
//! Rice-coded: about 15 bits an entry, whether a segment has one block or thousands.
//!
//! Layout of a chunk: the number of entries, the number of low bits of the code (a byte), the codes.

use crate::block::Damaged;
use crate::block::bytes::{Reader, put_varint};

use super::bits::{BitReader, BitWriter};

const FINGERPRINT_BITS: u32 = 24;
const ENTRIES_PER_CHUNK: usize = 512;
/// Chunks of a segment are numbered below this.
pub(crate) const MOST_CHUNKS: i64 = 1 << 16;
const MOST_CHUNK_BITS: u32 = 16;
const MOST_PLACE_BITS: u32 = 24;

/// One entry, in the order in which entries are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry(u64);

impl Entry {
    pub(crate) const fn new(fingerprint: u64, place: u32) -> Self {
        Self((fingerprint >> (64 - FINGERPRINT_BITS)) << 32 | place as u64)
    }

    /// Returns the entry for the same fingerprint at another place.
    pub(crate) const fn moved(self, place: u32) -> Self {
        Self(self.0 >> 32 << 32 | place as u64)
    }

    pub(crate) const fn place(self) -> u32 {
        self.0 as u32
    }
}

/// How the postings of a segment are cut and coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    chunk_bits: u32,
    place_bits: u32,
}

impl Shape {
    /// Fits so many entries over so many blocks.
    pub(crate) fn fitting(entries: usize, blocks: usize) -> Self {
        let chunk_bits = (entries / ENTRIES_PER_CHUNK).checked_ilog2().map_or(0, |bits| bits + 1).min(MOST_CHUNK_BITS);
        Self { chunk_bits, place_bits: usize::BITS - blocks.saturating_sub(1).leading_zeros() }
    }

    /// Takes the shape of stored postings.
    pub(crate) fn stored(chunk_bits: u32, blocks: usize) -> Result<Self, Damaged> {
        let shape = Self { chunk_bits, ..Self::fitting(0, blocks) };
        let fits = chunk_bits <= MOST_CHUNK_BITS && shape.place_bits <= MOST_PLACE_BITS;
        if fits { Ok(shape) } else { Err(Damaged("postings have an impossible shape")) }
    }

    pub(crate) const fn chunk_bits(self) -> u32 {
        self.chunk_bits
    }

    pub(crate) const fn chunks(self) -> u32 {
        1 << self.chunk_bits
    }

    /// Returns the number of the chunk that a fingerprint is in.
    pub(crate) const fn chunk_of(self, fingerprint: u64) -> u32 {
        if self.chunk_bits == 0 { 0 } else { (fingerprint >> (64 - self.chunk_bits)) as u32 }
    }

    const fn chunk_of_entry(self, entry: Entry) -> u32 {
        (entry.0 >> 32 >> (FINGERPRINT_BITS - self.chunk_bits)) as u32
    }

    /// Returns the entry as a number without gaps: what its chunk doesn't say of the fingerprint, and the place.
    const fn pack(self, entry: Entry) -> u64 {
        let fingerprint = entry.0 >> 32 & ((1 << (FINGERPRINT_BITS - self.chunk_bits)) - 1);
        fingerprint << self.place_bits | entry.0 & 0xffff_ffff
    }

    const fn unpack(self, chunk: u32, packed: u64) -> Entry {
        let fingerprint = (chunk as u64) << (FINGERPRINT_BITS - self.chunk_bits) | packed >> self.place_bits;
        Entry(fingerprint << 32 | packed & ((1 << self.place_bits) - 1))
    }
}

/// Fewer entries are sorted by comparing them.
const FEW: usize = 64;

/// Sorts entries of which those with one fingerprint already are in the order of their places, and leaves one of each: byte by byte,
/// the last one first, which compares nothing.
pub(crate) fn sort(entries: &mut Vec<Entry>) {
    if entries.len() < FEW {
        entries.sort_unstable();
    } else {
        let mut sorted = vec![Entry(0); entries.len()];
        for shift in (32..32 + FINGERPRINT_BITS).step_by(8) {
            sort_by_byte(entries, &mut sorted, shift);
            std::mem::swap(entries, &mut sorted);
        }
    }
    entries.dedup();
}

fn sort_by_byte(entries: &[Entry], sorted: &mut [Entry], shift: u32) {
    let byte = |entry: &Entry| usize::from((entry.0 >> shift) as u8);
    let mut places = [0; 256];
    entries.iter().for_each(|entry| places[byte(entry)] += 1);
    let mut before = 0;
    for place in &mut places {
        before += std::mem::replace(place, before);
    }
    for entry in entries {
        let place = &mut places[byte(entry)];
        sorted[*place] = *entry;
        *place += 1;
    }
}

/// Cuts sorted entries, each there once, into chunks with their numbers; one that would be empty is left out.
pub(crate) fn encode(entries: &[Entry], shape: Shape) -> impl Iterator<Item = (u32, Vec<u8>)> {
    entries
        .chunk_by(move |a, b| shape.chunk_of_entry(*a) == shape.chunk_of_entry(*b))
        .map(move |chunk| (shape.chunk_of_entry(chunk[0]), encode_chunk(chunk, shape)))
}

fn encode_chunk(entries: &[Entry], shape: Shape) -> Vec<u8> {
    let space = FINGERPRINT_BITS - shape.chunk_bits + shape.place_bits;
    let gap = (1u64 << space) / entries.len() as u64;
    // The gaps are about geometric; the best low part is then a little below their mean.
    let low = (gap - gap / 3).checked_ilog2().unwrap_or(0).min(31);
    let mut writer = BitWriter::default();
    let mut next = 0;
    for &entry in entries {
        let packed = shape.pack(entry);
        writer.put_rice(packed - next, low);
        next = packed + 1;
    }
    let mut out = Vec::new();
    put_varint(&mut out, entries.len() as u64);
    out.push(low as u8);
    out.extend(writer.finish());
    out
}

/// Reads the entries of a chunk in their order.
pub(crate) fn decode(chunk: u32, bytes: &[u8], shape: Shape) -> Result<impl Iterator<Item = Result<Entry, Damaged>>, Damaged> {
    let mut reader = Reader::new(bytes);
    let (count, low) = (reader.varint32()?, u32::from(reader.byte()?));
    if low > 31 {
        return Err(Damaged("postings have an unknown code"));
    }
    let mut codes = BitReader::new(reader.rest());
    let end = 1u64 << (FINGERPRINT_BITS - shape.chunk_bits + shape.place_bits);
    let mut next = 0u64;
    Ok((0..count).map(move |_| {
        let packed = next.checked_add(codes.rice(low)?).filter(|&packed| packed < end);
        let packed = packed.ok_or(Damaged("postings run over their end"))?;
        next = packed + 1;
        Ok(shape.unpack(chunk, packed))
    }))
}

/// Returns the places of the blocks that may hold what has this fingerprint, from the chunk that the shape names for it.
pub(crate) fn places(bytes: &[u8], shape: Shape, fingerprint: u64) -> Result<Vec<u32>, Damaged> {
    let first = Entry::new(fingerprint, 0);
    let mut places = Vec::new();
    for entry in decode(shape.chunk_of(fingerprint), bytes, shape)? {
        let entry = entry?;
        if entry.moved(0) > first {
            break;
        }
        if entry.moved(0) == first {
            places.push(entry.place());
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(seed: u64, count: usize, blocks: u32) -> (Vec<u64>, Vec<Entry>) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let fingerprints: Vec<u64> = (0..count).map(|_| rng.u64(..)).collect();
        let mut entries: Vec<_> = fingerprints.iter().map(|&f| Entry::new(f, rng.u32(0..blocks))).collect();
        entries.sort_unstable();
        entries.dedup();
        (fingerprints, entries)
    }

    proptest! {
        #[test]
        fn sorting_by_bytes_is_sorting(fingerprints in prop::collection::vec(any::<u64>(), 0..300), few in 1u64..40) {
            // Place after place, as blocks are walked over, with fingerprints that come again.
            let of = |fingerprint: u64| if fingerprint.is_multiple_of(2) { fingerprint } else { (fingerprint % few) << 40 };
            let mut entries: Vec<Entry> =
                (0..).zip(&fingerprints).map(|(at, &fingerprint)| Entry::new(of(fingerprint), at / 7)).collect();
            let mut expected = entries.clone();
            expected.sort_unstable();
            expected.dedup();
            sort(&mut entries);
            prop_assert_eq!(entries, expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_in_is_found(seed: u64, count in 0usize..5000, blocks in 1u32..3000) {
            let (fingerprints, entries) = entries(seed, count, blocks);
            let shape = Shape::fitting(entries.len(), blocks as usize);
            let chunks: std::collections::HashMap<u32, Vec<u8>> = encode(&entries, shape).collect();
            let back: Vec<Entry> = (0..shape.chunks())
                .flat_map(|chunk| chunks.get(&chunk).map(|bytes| decode(chunk, bytes, shape).unwrap().map(Result::unwrap)).into_iter().flatten())
                .collect();
            prop_assert_eq!(&back, &entries);
            for fingerprint in fingerprints.into_iter().take(50) {
                let found = places(&chunks[&shape.chunk_of(fingerprint)], shape, fingerprint).unwrap();
                prop_assert!(!found.is_empty() && found.iter().all(|&place| place < blocks));
            }
        }

        #[test]
        fn hostile_chunks_are_damaged_or_short_but_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), chunk_bits in 0u32..=16, blocks in 0usize..100_000,
        ) {
            let shape = Shape::stored(chunk_bits, blocks).unwrap();
            let last = shape.chunks() - 1;
            prop_assert!(decode(last, &bytes, shape).map_or(0, |entries| entries.take_while(Result::is_ok).count()) <= 1600);
            let _ = places(&bytes, shape, u64::MAX);
        }
    }

    #[test]
    fn an_entry_takes_about_two_bytes_at_any_size() {
        for (count, blocks) in [(2000, 1), (60_000, 32), (500_000, 256)] {
            let (_, entries) = entries(7, count, blocks);
            let shape = Shape::fitting(entries.len(), blocks as usize);
            let size: usize = encode(&entries, shape).map(|(_, bytes)| bytes.len()).sum();
            assert!(size < entries.len() * 2, "{size} for {count}");
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert!(Shape::stored(17, 1).is_err());
        assert!(Shape::stored(0, 1 << 25).is_err());
        assert_eq!(Shape::fitting(0, 0), Shape::stored(0, 0).unwrap());
    }
}
