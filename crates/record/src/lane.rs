//! The calling thread's place in the chunks it writes into, one for each recorder that it records for.
//!
//! What the hot path needs is a cursor without a destructor: reading it is one instruction. What it points into is kept by
//! the thread's lanes beside it, which take the cursor's place away before they let go of its chunk.
#![expect(unsafe_code, reason = "the cursor points into a chunk that is kept beside it")]

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;

use flowglass_model::SpanId;

use crate::chunk::{Chunk, TEXT_LIMIT, Writer, commit};
use crate::pen::Pen;
use crate::raw::{Part, PlainRecord, Record};

thread_local! {
    static CURSOR: Cursor = const { Cursor::nowhere() };
    static LANES: RefCell<LocalLanes> = const { RefCell::new(LocalLanes { current: None, others: Vec::new() }) };
}

/// Where the lane in use is written next.
///
/// While it has a recorder, the lane in use keeps the chunk that the pointers point into, and nobody else writes there.
struct Cursor {
    /// The recorder whose lane is in use; 0 if nothing can be written.
    recorder: Cell<u64>,
    /// The span that the lane's last part names; 0 if that isn't known.
    owner: Cell<u64>,
    next: Cell<*mut u64>,
    end: Cell<*mut u64>,
    commitment: Cell<*const AtomicPtr<u64>>,
}

/// The lane in use, and those of other recorders. A thread's end drops its chunks, which closes them.
struct LocalLanes {
    current: Option<Lane>,
    others: Vec<Lane>,
}

struct Lane {
    recorder: u64,
    /// Where the next word goes, while the lane isn't in use.
    next: *mut u64,
    writer: Writer,
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
pub(crate) fn write_plain(recorder: u64, record: &impl PlainRecord) -> Attempt {
    let cursor = cursor();
    if cursor.recorder.get() == recorder { cursor.write_plain(record) } else { Attempt::NoRoom }
}

/// As [`write_plain`], a record about a span that is still open. It names the span only if the one before it doesn't.
#[inline(always)]
pub(crate) fn write_part(recorder: u64, span: SpanId, record: &impl Part) -> Attempt {
    let cursor = cursor();
    let mut pen = cursor.pen(TEXT_LIMIT);
    let written = if cursor.owner.get() == span.to_u64() {
        record.write_plain(&mut pen, true)
    } else if cursor.recorder.get() == recorder {
        record.write_plain(&mut pen, false).inspect(|()| cursor.owner.set(span.to_u64()))
    } else {
        None
    };
    cursor.advance_if(written, &pen)
}

/// Writes a record into the thread's chunk, if that is this recorder's and has room.
pub(crate) fn write(recorder: u64, text_limit: usize, record: &dyn Record) -> Attempt {
    let write = |lanes: &RefCell<LocalLanes>| {
        // Borrowed for writing: a record made while another is written (by an allocator that records, say) is refused.
        let Ok(lanes) = lanes.try_borrow_mut() else { return Attempt::NoRoom };
        if !lanes.is_current(recorder) {
            return Attempt::NoRoom;
        }
        let cursor = cursor();
        cursor.suspend();
        let attempt = cursor.write(text_limit, record);
        cursor.recorder.set(recorder);
        attempt
    };
    LANES.try_with(write).unwrap_or(Attempt::NoRoom)
}

/// Makes a recorder's lane the one in use; says whether it has a chunk.
pub(crate) fn switch_to(recorder: u64) -> bool {
    let switch = |lanes: &RefCell<LocalLanes>| lanes.try_borrow_mut().is_ok_and(|mut lanes| lanes.switch_to(recorder));
    LANES.try_with(switch).unwrap_or(false)
}

/// Lets go of the chunk in use, so that the collector can recycle it. Says whether the lane can take another one: not
/// while a record is being written into it, nor when the thread is ending.
pub(crate) fn release() -> bool {
    LANES.try_with(|lanes| lanes.try_borrow_mut().map(|mut lanes| drop(lanes.take())).is_ok()).unwrap_or(false)
}

/// Makes an empty chunk a recorder's lane, and that the one in use. A lane that can't take it leaves it to the collector.
pub(crate) fn install(recorder: u64, chunk: Arc<Chunk>) {
    let _ = LANES.try_with(|lanes| {
        if let (Ok(mut lanes), Some(writer)) = (lanes.try_borrow_mut(), Writer::new(chunk)) {
            let (next, _) = writer.bounds();
            lanes.put(Lane { recorder, next, writer });
        }
    });
}

/// Returns the thread's cursor. What is done with it is inlined here, which it would not be inside of a closure.
#[inline(always)]
fn cursor() -> &'static Cursor {
    // SAFETY: without a destructor, a thread's variable lives as long as the thread does; and what is neither `Send` nor
    // `Sync`, as a reference to cells is, doesn't leave it.
    unsafe { &*CURSOR.with(ptr::from_ref) }
}

impl Cursor {
    const fn nowhere() -> Self {
        Self {
            recorder: Cell::new(0),
            owner: Cell::new(0),
            next: Cell::new(ptr::null_mut()),
            end: Cell::new(ptr::null_mut()),
            commitment: Cell::new(ptr::null()),
        }
    }

    /// Keeps others from writing until there is a recorder again; the place stays.
    fn suspend(&self) {
        self.recorder.set(0);
        self.owner.set(0);
    }

    fn set(&self, lane: &Lane) {
        let (_, end) = lane.writer.bounds();
        self.owner.set(0);
        self.next.set(lane.next);
        self.end.set(end);
        self.commitment.set(ptr::from_ref(lane.writer.commitment()));
        self.recorder.set(lane.recorder);
    }

    /// Writes where the cursor stands. Nothing is called in here that could record and so write to the same place: plain
    /// records copy, and no more.
    #[inline(always)]
    fn write_plain(&self, record: &impl PlainRecord) -> Attempt {
        let mut pen = self.pen(TEXT_LIMIT);
        let written = record.write_plain(&mut pen);
        self.advance_if(written, &pen)
    }

    /// Writes where the cursor stands, which is suspended.
    fn write(&self, text_limit: usize, record: &dyn Record) -> Attempt {
        let mut pen = self.pen(text_limit);
        let written = record.write(&mut pen);
        self.advance_if(written, &pen)
    }

    /// Returns a pen for where the cursor stands. Only a cursor that has a recorder, or had until it was suspended, stands
    /// anywhere.
    #[inline(always)]
    const fn pen(&self, text_limit: usize) -> Pen {
        // SAFETY: the cursor was set by the lane in use, which keeps the chunk and alone may write into it. Its next word
        // is not committed, so that nobody reads from there on.
        unsafe { Pen::new(self.next.get(), self.end.get(), text_limit) }
    }

    /// Goes on behind what the cursor's pen has written, if it has, and lets it be read.
    #[inline(always)]
    fn advance_if(&self, written: Option<()>, pen: &Pen) -> Attempt {
        if written.is_none() {
            return Attempt::NoRoom;
        }
        self.next.set(pen.place());
        // SAFETY: as above, it is part of a chunk that is kept.
        commit(unsafe { &*self.commitment.get() }, pen.place());
        Attempt::Written
    }
}

impl LocalLanes {
    fn is_current(&self, recorder: u64) -> bool {
        self.current.as_ref().is_some_and(|lane| lane.recorder == recorder)
    }

    /// Takes the lane in use out of use.
    fn take(&mut self) -> Option<Lane> {
        let cursor = cursor();
        cursor.suspend();
        let lane = self.current.take();
        lane.map(|lane| Lane { next: cursor.next.get(), ..lane })
    }

    /// Takes a lane into use, where there is none.
    fn put(&mut self, lane: Lane) {
        cursor().set(&lane);
        self.current = Some(lane);
    }

    fn switch_to(&mut self, recorder: u64) -> bool {
        if self.is_current(recorder) {
            return true;
        }
        let used = self.take();
        self.others.extend(used);
        // A chunk that only this lane still holds belongs to a recorder that is gone.
        self.others.retain(|lane| !lane.writer.is_alone());
        let found = self.others.iter().position(|lane| lane.recorder == recorder);
        let lane = found.map(|found| self.others.swap_remove(found));
        lane.map(|lane| self.put(lane)).is_some()
    }
}

impl Drop for LocalLanes {
    /// A thread that is ending may record still: its cursor must not point into a chunk that goes.
    fn drop(&mut self) {
        cursor().suspend();
    }
}
