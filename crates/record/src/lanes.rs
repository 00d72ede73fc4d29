//! A recorder's chunks: handed to threads, read by the collector, recycled, bounded in all.

#[cfg(all(test, loom))]
mod interleavings;

use std::sync::Weak;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use flowglass_model::{Fullness, RecordCounts};

use crate::chunk::{Chunk, TEXT_LIMIT};
use crate::core::Core;
use crate::lane::{self, Attempt};
use crate::raw::{Owner, PlainRecord, Record, Records};
use crate::stats::{AtomicCounts, EVENT, LOG, SPAN};
use crate::sync::{Arc, AtomicBool, Mutex};

/// Limits for the texts of a record, each for one that no chunk can hold with the limit before it, in bytes.
const TEXT_LIMITS: [usize; 3] = [TEXT_LIMIT, 1024, 64];

/// So many empty chunks are kept when nothing was recorded for an interval.
const IDLE_CHUNKS: usize = 32;
/// When so many chunks were handed out, the collector is asked to look: waking it costs as much as hundreds of records.
const CHUNKS_A_LOOK: usize = 4;
/// So many empty chunks are made ready while much is recorded.
const SPARE_CHUNKS: usize = 2;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The chunks of one recorder.
#[derive(Debug)]
pub(crate) struct Lanes {
    id: u64,
    chunk_words: usize,
    max_chunks: usize,
    process: u32,
    core: Weak<Core>,
    /// No chunk is to be had: nobody need ask until the collector returns one.
    is_dry: AtomicBool,
    dropped_records: AtomicCounts,
    dropped_parts: AtomicU64,
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    free: Vec<Arc<Chunk>>,
    /// Chunks handed out that the collector doesn't know yet, in the order in which they were.
    taken: Vec<Arc<Chunk>>,
    allocated: usize,
    fullness: Fullness,
}

/// What is lost with a record that can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A span.
    Span,
    /// An event.
    Event,
    /// A log record.
    Log,
    /// An attribute, a link or a message of a span.
    Part,
    /// Nothing that whoever writes it hasn't another way for.
    Nothing,
}

/// A chunk that the collector reads, and how far it has.
#[derive(Debug)]
pub(crate) struct Reading {
    chunk: Arc<Chunk>,
    read: usize,
    /// Whose the records are that name no span, as the last one that was read says.
    owner: Option<Owner>,
}

impl Lanes {
    pub(crate) fn new(chunk_bytes: usize, max_bytes: usize, core: Weak<Core>) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            chunk_words: chunk_bytes / 8,
            max_chunks: (max_bytes / chunk_bytes).max(2),
            process: std::process::id(),
            core,
            is_dry: AtomicBool::new(false),
            dropped_records: AtomicCounts::default(),
            dropped_parts: AtomicU64::new(0),
            pool: Mutex::default(),
        }
    }

    /// Returns the number that lanes know the recorder by.
    #[inline]
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Returns bits that differ between a process and its forks, whose random numbers are the same.
    pub(crate) fn salt(&self) -> u64 {
        (u64::from(self.process) << 20 ^ self.id).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Returns the recorder's shared part, unless it is gone.
    pub(crate) fn core(&self) -> Option<std::sync::Arc<Core>> {
        self.core.upgrade()
    }

    /// Says whether this process is a fork of the one that made the recorder: the collector isn't here, nor are the sinks.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Writes a record into the calling thread's lane, or counts its loss; says which. The way that is seldom taken gets a copy: the
    /// record itself need then not be in memory.
    #[inline(always)]
    pub(crate) fn write(&self, loss: Loss, record: impl PlainRecord) -> bool {
        if lane::write_plain(self.id, &record) == Attempt::Written {
            return true;
        }
        let copy = record;
        self.write_elsewhere(loss, &copy)
    }

    /// Writes a record that is unusual, or that the lane in use had no room for, or counts its loss; says which.
    #[cold]
    pub(crate) fn write_elsewhere(&self, loss: Loss, record: &dyn Record) -> bool {
        let written = (lane::switch_to(self.id) && lane::write(self.id, TEXT_LIMIT, record) == Attempt::Written)
            || (self.take_chunk() && self.write_into_empty(record));
        if !written {
            self.count(loss);
        }
        written
    }

    /// Counts a lost record.
    pub(crate) fn count(&self, loss: Loss) {
        match loss {
            Loss::Span => self.dropped_records.add(SPAN),
            Loss::Event => self.dropped_records.add(EVENT),
            Loss::Log => self.dropped_records.add(LOG),
            Loss::Part => drop(self.dropped_parts.fetch_add(1, Relaxed)),
            Loss::Nothing => {}
        }
    }

    /// Returns how many records were lost because no chunk was to be had.
    pub(crate) fn dropped_records(&self) -> RecordCounts {
        self.dropped_records.get()
    }

    /// Returns how many attributes, links and messages of spans were lost because no chunk was to be had.
    pub(crate) fn dropped_parts(&self) -> u64 {
        self.dropped_parts.load(Relaxed)
    }

    /// Returns how much memory all chunks take.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        (self.pool.lock().allocated * self.chunk_words * 8) as u64
    }

    /// Returns how often nearly all chunks were in use.
    pub(crate) fn nearly_full(&self) -> u64 {
        self.pool.lock().fullness.times()
    }

    /// Reads everything committed so far, chunk by chunk and those of one thread in order, and recycles what is done with.
    pub(crate) fn drain(&self, reading: &mut Vec<Reading>, mut read: impl FnMut(&mut Records<'_>)) {
        reading.extend(self.pool.lock().taken.drain(..).map(|chunk| Reading { chunk, read: 0, owner: None }));
        reading.retain_mut(|place| {
            // Asked before the length is read: once only the collector holds a chunk, nothing more comes.
            let is_closed = Arc::get_mut(&mut place.chunk).is_some();
            let mut records = Records::new(place.chunk.bytes_from(place.read), place.owner);
            place.read += records.words();
            read(&mut records);
            place.owner = records.owner();
            if is_closed {
                self.recycle(&mut place.chunk);
            }
            !is_closed
        });
    }

    /// Says whether there are chunks that the collector doesn't know yet.
    pub(crate) fn is_unread(&self) -> bool {
        !self.pool.lock().taken.is_empty()
    }

    /// Lets go of most empty chunks, because nothing is recorded.
    pub(crate) fn shrink(&self) {
        let mut pool = self.pool.lock();
        let surplus = pool.free.len().saturating_sub(IDLE_CHUNKS);
        pool.free.truncate(IDLE_CHUNKS);
        pool.allocated -= surplus;
    }

    /// Makes chunks ready for what comes, because much is recorded.
    pub(crate) fn restock(&self) {
        while self.pool.lock().reserve(SPARE_CHUNKS, self.max_chunks) {
            let chunk = Arc::new(Chunk::new(self.chunk_words));
            self.pool.lock().free.push(chunk);
        }
    }

    fn write_into_empty(&self, record: &dyn Record) -> bool {
        TEXT_LIMITS.into_iter().any(|limit| lane::write(self.id, limit, record) == Attempt::Written)
    }

    /// Gives the calling thread's lane an empty chunk, if there is one.
    fn take_chunk(&self) -> bool {
        // The full one goes first, so that a dry pool gets it back.
        let chunk = if lane::release() { self.take_empty() } else { None };
        chunk.map(|chunk| lane::install(self.id, chunk)).is_some()
    }

    /// Takes an empty chunk, if there is one.
    fn take_empty(&self) -> Option<Arc<Chunk>> {
        if self.is_dry.load(Acquire) {
            return None;
        }
        if self.is_forked() {
            self.is_dry.store(true, Release);
            return None;
        }
        self.take_from_pool()
    }

    fn take_from_pool(&self) -> Option<Arc<Chunk>> {
        let mut pool = self.pool.lock();
        let chunk = match pool.free.pop() {
            Some(chunk) => Some(chunk),
            None if pool.allocated < self.max_chunks => {
                pool.allocated += 1;
                Some(Arc::new(Chunk::new(self.chunk_words)))
            }
            None => None,
        };
        match &chunk {
            Some(chunk) => pool.taken.push(Arc::clone(chunk)),
            None => self.is_dry.store(true, Release),
        }
        pool.note_fullness(self.max_chunks);
        let is_urgent = chunk.is_none() || pool.taken.len() >= CHUNKS_A_LOOK;
        drop(pool);
        if is_urgent {
            self.ask_for_collection();
        }
        chunk
    }

    fn ask_for_collection(&self) {
        if let Some(core) = self.core() {
            core.request_collection();
        }
    }

    fn recycle(&self, chunk: &mut Arc<Chunk>) {
        let Some(own) = Arc::get_mut(chunk) else { return };
        own.clear();
        let mut pool = self.pool.lock();
        pool.free.push(Arc::clone(chunk));
        pool.note_fullness(self.max_chunks);
        drop(pool);
        self.is_dry.store(false, Release);
    }
}

impl Reading {
    /// Says whether everything that is committed has been read.
    pub(crate) fn is_read(&self) -> bool {
        self.chunk.committed() == self.read
    }
}

impl Pool {
    /// Notes how many of all chunks that there may be are in use.
    fn note_fullness(&mut self, max_chunks: usize) {
        self.fullness.note(self.allocated.saturating_sub(self.free.len()) as u64, max_chunks as u64);
    }

    /// Counts one more chunk as allocated, if fewer than `spare` are free and there may be more.
    fn reserve(&mut self, spare: usize, max_chunks: usize) -> bool {
        let wanted = self.free.len() < spare && self.allocated < max_chunks;
        self.allocated += usize::from(wanted);
        wanted
    }
}
