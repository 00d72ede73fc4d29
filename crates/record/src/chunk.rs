//! The memory that records are written into: words that one thread appends to while the collector reads behind it.
//!
//! The end of what is committed, stored with release and loaded with acquire, parts a chunk in two: what lies before it is
//! the collector's to read and never changes again; what lies behind it is its one writer's.
#![expect(unsafe_code, reason = "a chunk's two parts are owned by two threads, which the borrow checker can't see")]

use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::raw::LONGEST;
use crate::sync::{Arc, AtomicBool, AtomicPtr, Watch};

/// A text or byte string longer than this is cut off, in bytes.
pub(crate) const TEXT_LIMIT: usize = 16 * 1024;

/// A piece of append-only memory with one writer.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Behind the last word that is committed.
    committed: AtomicPtr<u64>,
    has_writer: AtomicBool,
    words: Box<[UnsafeCell<u64>]>,
    watch: Watch,
}

// SAFETY: words before `committed` are only read; those behind it are touched by the one `Writer` alone.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// Makes an empty chunk, of so many words that a record can say how many it has, and touches its memory, so that the system
    /// maps it now and not under a record.
    pub(crate) fn new(words: usize) -> Self {
        let words: Box<[_]> = (0..words.min(LONGEST)).map(|_| UnsafeCell::new(1)).collect();
        let committed = AtomicPtr::new(words.as_ptr().cast::<u64>().cast_mut());
        Self { committed, has_writer: AtomicBool::new(false), watch: Watch::new(words.len()), words }
    }

    /// Returns how many words are readable.
    pub(crate) fn committed(&self) -> usize {
        (self.committed.load(Acquire).addr() - self.words.as_ptr().addr()) / size_of::<u64>()
    }

    /// Returns the bytes of the words that are readable, from one of them on.
    pub(crate) fn bytes_from(&self, start: usize) -> &[u8] {
        let range = start..self.committed();
        let Some(words) = self.words.get(range.clone()) else { return &[] };
        self.watch.read(&range);
        // SAFETY: the range ends where the committed words do, as loaded with acquire: they are written and never change
        // while the chunk is shared.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
    }

    /// Empties the chunk, and lets it have another writer.
    pub(crate) fn clear(&mut self) {
        self.committed.store(self.words.as_mut_ptr().cast(), Relaxed);
        self.has_writer.store(false, Relaxed);
    }
}

/// The right to write into a chunk, which only one has at a time; keeps the chunk alive.
#[derive(Debug)]
pub(crate) struct Writer(Arc<Chunk>);

impl Writer {
    /// Takes the right to write into an empty chunk, unless somebody has it or had it since the chunk was cleared.
    pub(crate) fn new(chunk: Arc<Chunk>) -> Option<Self> {
        (!chunk.has_writer.swap(true, Relaxed)).then_some(Self(chunk))
    }

    /// Returns where the chunk's memory begins and ends.
    pub(crate) fn bounds(&self) -> (*mut u64, *mut u64) {
        let words = self.0.words.as_ptr_range();
        (UnsafeCell::raw_get(words.start), UnsafeCell::raw_get(words.end))
    }

    /// Returns what is to be told of words that are whole.
    pub(crate) fn commitment(&self) -> &AtomicPtr<u64> {
        &self.0.committed
    }

    /// Tells the checker of words that were written, before they are committed.
    #[cfg(loom)]
    pub(crate) fn watch_written(&self, end: *mut u64) {
        let place = |word: *mut u64| (word.addr() - self.0.words.as_ptr().addr()) / size_of::<u64>();
        self.0.watch.written(&(place(self.0.committed.load(Relaxed))..place(end)));
    }

    /// Says whether nobody reads the chunk any more.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Makes everything before `end` readable.
#[inline(always)]
pub(crate) fn commit(commitment: &AtomicPtr<u64>, end: *mut u64) {
    commitment.store(end, Release);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pen::Pen;

    #[test]
    fn what_is_committed_can_be_read() {
        let chunk = Arc::new(Chunk::new(4));
        let writer = Writer::new(Arc::clone(&chunk)).unwrap();
        let (start, end) = writer.bounds();
        // SAFETY: the memory is the writer's, who lives.
        let mut pen = unsafe { Pen::new(start, end, TEXT_LIMIT) };
        pen.push([7]).unwrap();
        pen.bytes(b"123456789").unwrap();
        assert_eq!((pen.used(), chunk.committed()), (3, 0));
        commit(writer.commitment(), pen.place());
        assert_eq!((chunk.committed(), &chunk.bytes_from(1)[..9]), (3, &b"123456789"[..]));
        assert!(chunk.bytes_from(3).is_empty() && chunk.bytes_from(9).is_empty());
    }

    #[test]
    fn a_chunk_has_one_writer() {
        let mut chunk = Arc::new(Chunk::new(4));
        let writer = Writer::new(Arc::clone(&chunk)).unwrap();
        assert!(!writer.is_alone() && Writer::new(Arc::clone(&chunk)).is_none());
        drop(writer);
        assert!(Writer::new(Arc::clone(&chunk)).is_none(), "not before it is cleared");
        Arc::get_mut(&mut chunk).unwrap().clear();
        assert_eq!(chunk.committed(), 0);
        assert!(Writer::new(chunk).unwrap().is_alone());
    }
}
