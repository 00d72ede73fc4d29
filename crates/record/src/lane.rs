//! The calling thread's place in the chunks it writes into, one for each recorder that it records for.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::chunk::{Chunk, Pen, TEXT_LIMIT};
use crate::raw::Record;

thread_local! {
    static LOCAL: LocalLanes = const { LocalLanes::new() };
}

/// The lane in use, and those of other recorders. A thread's end drops its chunks, which closes them.
struct LocalLanes {
    recorder: Cell<u64>,
    at: Cell<usize>,
    chunk: RefCell<Option<Arc<Chunk>>>,
    others: RefCell<Vec<Lane>>,
}

struct Lane {
    recorder: u64,
    at: usize,
    chunk: Arc<Chunk>,
}

/// What became of an attempt to write a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Written, and readable for the collector.
    Written,
    /// The lane is another recorder's, or has no room for the record, or the record is an unusual one.
    NoRoom,
}

/// Writes a record without anything unusual in it into the thread's chunk, if that is this recorder's and has room.
#[inline(always)]
pub(crate) fn write_plain(recorder: u64, record: &impl Record) -> Attempt {
    LOCAL.try_with(|local| local.write(recorder, TEXT_LIMIT, |pen| record.write_plain(pen))).unwrap_or(Attempt::NoRoom)
}

/// Writes a record into the thread's chunk, if that is this recorder's and has room.
pub(crate) fn write(recorder: u64, text_limit: usize, record: &dyn Record) -> Attempt {
    LOCAL.try_with(|local| local.write(recorder, text_limit, |pen| record.write(pen))).unwrap_or(Attempt::NoRoom)
}

/// Makes a recorder's lane the one in use; says whether it has a chunk.
pub(crate) fn switch_to(recorder: u64) -> bool {
    LOCAL.try_with(|local| local.switch_to(recorder)).unwrap_or(false)
}

/// Lets go of the chunk in use, so that the collector can recycle it. Says whether the lane can take another one: not
/// while a record is being written into it, nor when the thread is ending.
pub(crate) fn release() -> bool {
    LOCAL.try_with(|local| local.chunk.try_borrow_mut().map(|mut chunk| drop(chunk.take())).is_ok()).unwrap_or(false)
}

/// Gives the lane in use an empty chunk. A lane that can't take it leaves it to the collector.
pub(crate) fn install(chunk: Arc<Chunk>) {
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut slot) = local.chunk.try_borrow_mut() {
            local.at.set(0);
            *slot = Some(chunk);
        }
    });
}

impl LocalLanes {
    const fn new() -> Self {
        Self { recorder: Cell::new(0), at: Cell::new(0), chunk: RefCell::new(None), others: RefCell::new(Vec::new()) }
    }

    #[inline(always)]
    fn write(&self, recorder: u64, text_limit: usize, write: impl FnOnce(&mut Pen<'_>)) -> Attempt {
        if self.recorder.get() != recorder {
            return Attempt::NoRoom;
        }
        // Borrowed for writing: a record made while another is written (by an allocator that records, say) is refused.
        let Ok(slot) = self.chunk.try_borrow_mut() else { return Attempt::NoRoom };
        let Some(chunk) = slot.as_deref() else { return Attempt::NoRoom };
        let at = self.at.get();
        let mut pen = chunk.pen(at, text_limit);
        write(&mut pen);
        if !pen.fits() {
            return Attempt::NoRoom;
        }
        let end = at + pen.used();
        chunk.commit(end);
        self.at.set(end);
        Attempt::Written
    }

    fn switch_to(&self, recorder: u64) -> bool {
        if self.recorder.get() == recorder {
            return self.chunk.try_borrow().is_ok_and(|chunk| chunk.is_some());
        }
        let (Ok(mut chunk), Ok(mut others)) = (self.chunk.try_borrow_mut(), self.others.try_borrow_mut()) else {
            return false;
        };
        if let Some(chunk) = chunk.take() {
            others.push(Lane { recorder: self.recorder.get(), at: self.at.get(), chunk });
        }
        // A chunk that only this lane still holds belongs to a recorder that is gone.
        others.retain(|lane| Arc::strong_count(&lane.chunk) > 1);
        self.recorder.set(recorder);
        if let Some(found) = others.iter().position(|lane| lane.recorder == recorder) {
            let lane = others.swap_remove(found);
            self.at.set(lane.at);
            *chunk = Some(lane.chunk);
        }
        chunk.is_some()
    }
}
