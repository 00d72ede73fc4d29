//! Postings: for the fingerprint of a trace, a name or an attribute, the blocks of a segment that may hold it.
//!
//! An entry is the upper 32 bits of the fingerprint and the block's place in its segment. The sorted entries are cut into chunks
//! by their highest bits, so that a look-up reads one small chunk however large the segment is.

mod early;
mod grouped;

use std::ops::ControlFlow;

use crate::block::Damaged;

const FINGERPRINT_BITS: u32 = 32;
const ENTRIES_PER_CHUNK: usize = 512;
/// Chunks of a segment are numbered below this.
pub(crate) const MOST_CHUNKS: i64 = 1 << MOST_CHUNK_BITS;
const MOST_CHUNK_BITS: u32 = 16;
const MOST_BLOCKS: usize = 1 << 24;

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

    /// Returns what is known of the fingerprint, as a number of 32 bits.
    pub(crate) const fn fingerprint(self) -> u64 {
        self.0 >> 32
    }
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// As formats before 5 did.
    Early,
    Grouped,
}

/// How the postings of a segment are cut and coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    coding: Coding,
    chunk_bits: u32,
    blocks: u32,
}

/// What is added to the bits of a chunk's number where its entries are grouped.
const GROUPED: u32 = 64;

impl Shape {
    /// Fits about so many entries over so many blocks.
    pub(crate) fn fitting(entries: usize, blocks: usize) -> Self {
        let chunk_bits = (entries / ENTRIES_PER_CHUNK).checked_ilog2().map_or(0, |bits| bits + 1).min(MOST_CHUNK_BITS);
        Self { coding: Coding::Grouped, chunk_bits, blocks: blocks.min(MOST_BLOCKS) as u32 }
    }

    /// Takes the shape of stored postings.
    pub(crate) fn stored(number: u32, blocks: usize) -> Result<Self, Damaged> {
        let (coding, chunk_bits) = match number.checked_sub(GROUPED) {
            Some(bits) => (Coding::Grouped, bits),
            None => (Coding::Early, number),
        };
        let fits = chunk_bits <= MOST_CHUNK_BITS && blocks <= MOST_BLOCKS;
        if fits {
            Ok(Self { coding, chunk_bits, blocks: blocks as u32 })
        } else {
            Err(Damaged("postings have an impossible shape"))
        }
    }

    /// Returns the shape as a number, from which [`stored`](Self::stored) takes it again.
    pub(crate) const fn number(self) -> u32 {
        match self.coding {
            Coding::Early => self.chunk_bits,
            Coding::Grouped => GROUPED + self.chunk_bits,
        }
    }

    /// Says whether the postings are those of a format before 5: they know less of each fingerprint than others.
    pub(crate) fn is_early(self) -> bool {
        self.coding == Coding::Early
    }

    /// Returns how many blocks the segment has.
    pub(crate) const fn blocks(self) -> u32 {
        self.blocks
    }

    pub(crate) const fn chunk_bits(self) -> u32 {
        self.chunk_bits
    }

    pub(crate) const fn chunks(self) -> u32 {
        1 << self.chunk_bits
    }

    /// Returns about how many entries there are.
    pub(crate) const fn about_entries(self) -> usize {
        // Between half of what makes a chunk and all of it.
        (ENTRIES_PER_CHUNK * 3 / 4) << self.chunk_bits
    }

    /// Returns the number of the chunk that a fingerprint is in.
    pub(crate) const fn chunk_of(self, fingerprint: u64) -> u32 {
        if self.chunk_bits == 0 { 0 } else { (fingerprint >> (64 - self.chunk_bits)) as u32 }
    }

    const fn chunk_of_entry(self, entry: Entry) -> u32 {
        (entry.fingerprint() >> (FINGERPRINT_BITS - self.chunk_bits)) as u32
    }

    /// Returns the first fingerprint, of 32 bits, that a chunk can have.
    pub(crate) const fn start_of(self, chunk: u32) -> u64 {
        (chunk as u64) << (FINGERPRINT_BITS - self.chunk_bits)
    }

    /// Returns an entry as these postings know it.
    pub(crate) const fn known(self, entry: Entry) -> Entry {
        match self.coding {
            Coding::Early => Entry(entry.0 & early::KNOWN_BITS),
            Coding::Grouped => entry,
        }
    }
}

/// Fewer entries are sorted by comparing them.
const FEW: usize = 64;

/// Sorts entries and leaves one of each: byte by byte, the last one first, which compares nothing.
pub(crate) fn sort(entries: &mut Vec<Entry>) {
    sort_slice(entries, 0);
}

/// As [`sort`], where the highest bits of all fingerprints, so many, are equal.
pub(crate) fn sort_slice(entries: &mut Vec<Entry>, equal_bits: u32) {
    if entries.len() < FEW {
        entries.sort_unstable();
    } else {
        let mut sorted = vec![Entry(0); entries.len()];
        for shift in (32..32 + FINGERPRINT_BITS - equal_bits).step_by(8) {
            sort_by_byte(entries, &mut sorted, shift);
            std::mem::swap(entries, &mut sorted);
        }
        // Those with one fingerprint mostly came in the order of their places.
        if !entries.is_sorted() {
            entries.sort_unstable();
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
    grouped::encode(entries, shape)
}

/// Shows the entries of a chunk in their order, as long as it is told to go on.
pub(crate) fn each(chunk: u32, bytes: &[u8], shape: Shape, show: impl FnMut(Entry) -> ControlFlow<()>) -> Result<(), Damaged> {
    match shape.coding {
        Coding::Early => early::each(chunk, bytes, shape, show),
        Coding::Grouped => grouped::each(chunk, bytes, shape, show),
    }
}

/// Returns the places of the blocks that may hold what has this fingerprint, from the chunk that the shape names for it.
pub(crate) fn places(bytes: &[u8], shape: Shape, fingerprint: u64) -> Result<Vec<u32>, Damaged> {
    let wanted = shape.known(Entry::new(fingerprint, 0)).fingerprint();
    let mut places = Vec::new();
    each(shape.chunk_of(fingerprint), bytes, shape, |entry| {
        if entry.fingerprint() > wanted {
            return ControlFlow::Break(());
        }
        if entry.fingerprint() == wanted {
            places.push(entry.place());
        }
        ControlFlow::Continue(())
    })?;
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
            // Fingerprints come again, mostly place after place, as blocks are walked over.
            let of = |fingerprint: u64| if fingerprint.is_multiple_of(2) { fingerprint } else { (fingerprint % few) << 40 };
            let place = |at: u32| if few == 1 { at ^ 1 } else { at / 7 };
            let mut entries: Vec<Entry> =
                (0..).zip(&fingerprints).map(|(at, &fingerprint)| Entry::new(of(fingerprint), place(at))).collect();
            let mut expected = entries.clone();
            expected.sort_unstable();
            expected.dedup();
            sort(&mut entries);
            prop_assert_eq!(entries, expected);
        }
    }

    fn all(chunk: u32, bytes: &[u8], shape: Shape) -> Result<Vec<Entry>, Damaged> {
        let mut entries = Vec::new();
        each(chunk, bytes, shape, |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_in_is_found(seed: u64, count in 0usize..5000, blocks in 1u32..3000, common in 0u64..20) {
            let (mut fingerprints, mut entries) = entries(seed, count, blocks);
            // Besides what is there once, values that most blocks have.
            let everywhere: Vec<u64> = (0..common).map(|at| (seed ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            for &fingerprint in &everywhere {
                entries.extend((0..blocks).filter(|place| place % 3 > 0 || seed % 2 == 0).map(|place| Entry::new(fingerprint, place)));
            }
            sort(&mut entries);
            if blocks > 2 {
                fingerprints.extend(everywhere);
            }
            let shape = Shape::fitting(entries.len(), blocks as usize);
            prop_assert_eq!(Shape::stored(shape.number(), blocks as usize).unwrap(), shape);
            let chunks: std::collections::HashMap<u32, Vec<u8>> = encode(&entries, shape).collect();
            let back = (0..shape.chunks()).filter_map(|chunk| Some(all(chunk, chunks.get(&chunk)?, shape).unwrap()));
            prop_assert_eq!(&back.flatten().collect::<Vec<_>>(), &entries);
            for fingerprint in fingerprints.into_iter().rev().take(50) {
                let found = places(&chunks[&shape.chunk_of(fingerprint)], shape, fingerprint).unwrap();
                prop_assert!(!found.is_empty() && found.iter().all(|&place| place < blocks));
            }
        }

        #[test]
        fn hostile_chunks_are_damaged_or_short_but_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), chunk_bits in 0u32..=16, blocks in 0usize..100_000, early: bool,
        ) {
            let shape = Shape::stored(chunk_bits + if early { 0 } else { GROUPED }, blocks).unwrap();
            let last = shape.chunks() - 1;
            let mut shown = 0;
            let _ = each(last, &bytes, shape, |_| {
                shown += 1;
                ControlFlow::Continue(())
            });
            prop_assert!(shown <= 1600, "{shown}");
            let _ = places(&bytes, shape, u64::MAX);
        }
    }

    fn size(entries: &[Entry], shape: Shape) -> usize {
        encode(entries, shape).map(|(_, bytes)| bytes.len()).sum()
    }

    #[test]
    fn what_is_there_once_takes_its_bits_and_what_is_everywhere_next_to_nothing() {
        // 32 bits less those of the count, and the place.
        for (count, blocks, most_bits) in [(2000, 1, 24.0), (60_000, 32, 25.0), (500_000, 256, 25.0)] {
            let (_, entries) = entries(7, count, blocks);
            let bytes = size(&entries, Shape::fitting(entries.len(), blocks as usize));
            assert!((bytes as f64) < entries.len() as f64 * most_bits / 8.0, "{bytes} for {count}");
        }
        let everywhere: Vec<Entry> = (0..8000).map(|place| Entry::new(u64::MAX / 3, place)).collect();
        assert!(size(&everywhere, Shape::fitting(8000, 8000)) < 1020);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert!(Shape::stored(17, 1).is_err());
        assert!(Shape::stored(GROUPED + 17, 1).is_err());
        assert!(Shape::stored(0, 1 << 25).is_err());
        assert!(Shape::stored(3, 9).unwrap().is_early());
        assert_eq!(Shape::fitting(0, 0), Shape::stored(GROUPED, 0).unwrap());
    }
}
