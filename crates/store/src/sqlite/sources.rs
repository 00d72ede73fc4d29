//! The postings of a segment on its way: read from those that it takes the place of, slice by slice of the fingerprints, so that
//! the largest segment takes no more memory than a small one.

use rusqlite::Connection;

use super::failure::Failure;
use super::segments::Segment;
use crate::sketch::postings::{self, Entry, Shape};

/// Stands for the place of a block that the new segment doesn't have.
pub(super) const GONE: u32 = u32::MAX;
/// So many chunks make a slice, and are written in one transaction: about a tenth of a megabyte, so that writers never wait long.
const CHUNKS_OF_A_SLICE_BITS: u32 = 7;

/// Where the entries of a new segment come from.
#[derive(Default)]
pub(super) struct Sources {
    stored: Vec<Stored>,
    fresh: Vec<Entry>,
}

struct Stored {
    segment: Segment,
    /// The place that each of its blocks has in the new segment.
    places: Vec<u32>,
}

impl Sources {
    /// Adds the entries of a segment, whose blocks get these places.
    pub(super) fn add(&mut self, segment: Segment, places: Vec<u32>) {
        self.stored.push(Stored { segment, places });
    }

    /// Adds entries of blocks that were looked into.
    pub(super) fn add_fresh(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.fresh.extend(entries);
    }

    /// Returns the shape of the new segment's postings, over so many blocks.
    pub(super) fn shape(&self, blocks: usize) -> Shape {
        let stored: usize = self.stored.iter().map(|stored| stored.segment.shape.about_entries()).sum();
        Shape::fitting(stored + self.fresh.len(), blocks)
    }

    /// Begins to read them in their order, cut for this shape.
    pub(super) fn slices(&mut self, shape: Shape) -> Slices<'_> {
        postings::sort(&mut self.fresh);
        let streams = self.stored.iter().map(|stored| Stream { stored, next_chunk: 0, entries: Vec::new(), at: 0 });
        Slices { streams: streams.collect(), fresh: &self.fresh, shape, next: 0 }
    }
}

/// An encoded chunk and its number.
type Chunk = (u32, Vec<u8>);

/// The entries of a new segment, slice by slice.
pub(super) struct Slices<'a> {
    streams: Vec<Stream<'a>>,
    /// Those that are left.
    fresh: &'a [Entry],
    shape: Shape,
    next: u64,
}

impl Slices<'_> {
    /// Returns the encoded chunks of the next slice, with their numbers; nothing behind the last one.
    pub(super) fn next(&mut self, connection: &Connection) -> Result<Option<Vec<Chunk>>, Failure> {
        let slice_bits = self.shape.chunk_bits().saturating_sub(CHUNKS_OF_A_SLICE_BITS);
        if self.next >> slice_bits > 0 {
            return Ok(None);
        }
        self.next += 1;
        let end = self.next << (32 - slice_bits);
        let mut entries = Vec::new();
        for stream in &mut self.streams {
            stream.take_below(connection, end, &mut entries)?;
        }
        let fresh = self.fresh.partition_point(|entry| entry.fingerprint() < end);
        let (now, later) = self.fresh.split_at(fresh);
        entries.extend_from_slice(now);
        self.fresh = later;
        postings::sort_slice(&mut entries, slice_bits);
        Ok(Some(postings::encode(&entries, self.shape).collect()))
    }
}

/// The entries of one segment, chunk by chunk.
struct Stream<'a> {
    stored: &'a Stored,
    next_chunk: u32,
    /// Those of the chunk that was read last, and how many of them were taken.
    entries: Vec<Entry>,
    at: usize,
}

impl Stream<'_> {
    fn take_below(&mut self, connection: &Connection, end: u64, taken: &mut Vec<Entry>) -> Result<(), Failure> {
        let Stored { segment, places } = self.stored;
        loop {
            let left = &self.entries[self.at..];
            let some = &left[..left.partition_point(|entry| entry.fingerprint() < end)];
            let moved = some.iter().filter_map(|entry| places.get(entry.place() as usize).map(|&place| entry.moved(place)));
            taken.extend(moved.filter(|entry| entry.place() != GONE));
            self.at += some.len();
            let shape = segment.shape;
            let is_done = self.next_chunk == shape.chunks() || shape.start_of(self.next_chunk) >= end;
            if self.at < self.entries.len() || is_done {
                return Ok(());
            }
            self.entries.clear();
            self.at = 0;
            segment.each_entry_of(connection, self.next_chunk, |entry| self.entries.push(entry))?;
            self.next_chunk += 1;
        }
    }
}
