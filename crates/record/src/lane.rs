//! The calling thread's place in the chunks it writes into, one for each recorder that it records for.
//!
//! What the hot path needs is a cursor without a destructor: reading it is one instruction. What it points into is kept by
//! the thread's lanes beside it, which take the cursor's place away before they let go of its chunk.
#![expect(unsafe_code, reason = "the cursor points into a chunk that is kept beside it")]

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

use flowglass_model::SpanId;

use crate::chunk::{Chunk, TEXT_LIMIT, Writer, commit};
use crate::pen::{self, Pen};
use crate::raw::{Owner, PlainEnd, PlainRecord, Record};
use crate::sync::{Arc, AtomicPtr};

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
    /// The span that the lane has named last; 0 if that isn't known, or if nothing can be written.
    owner: Cell<u64>,
    /// Where the next word goes, which is the end of what is committed.
    commitment: Cell<*const AtomicPtr<u64>>,
    /// Up to here there is [`ROOM`] for one more record.
    limit: Cell<*mut u64>,
    end: Cell<*mut u64>,
}

/// So many words are there without asking how many, in front of a cursor's limit.
const ROOM: usize = 8;

/// The lane in use, and those of other recorders. A thread's end drops its chunks, which closes them.
struct LocalLanes {
    current: Option<Lane>,
    others: Vec<Lane>,
}

struct Lane {
    recorder: u64,
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

/// Says whether the thread's lane has named this span last.
#[inline(always)]
pub(crate) fn has_named(span: SpanId) -> bool {
    cursor().has_named(span)
}

/// Writes a record of a few words about a span, if the thread's lane has named that last and has room; says whether it could.
#[inline(always)]
pub(crate) fn put<const N: usize>(span: SpanId, words: [u64; N]) -> bool {
    has_named(span) && put_last(|| words, || ())
}

/// As [`put`], about whatever span was named last, as [`has_named`] has just said. The words are made when nothing can go wrong
/// any more, and `leave` is called before they can be read; neither records anything.
#[inline(always)]
pub(crate) fn put_last<const N: usize>(make: impl FnOnce() -> [u64; N], leave: impl FnOnce()) -> bool {
    let Some(room) = cursor().room() else { return false };
    room.put(make());
    leave();
    room.commit(N);
    true
}

/// As [`put`], two words and a short text behind them.
#[inline(always)]
pub(crate) fn put_text(span: SpanId, words: [u64; 2], text: &[u8]) -> bool {
    const SHORT: usize = 32;
    const { assert!(2 + SHORT.div_ceil(8) <= ROOM) };
    let cursor = cursor();
    if !cursor.has_named(span) || text.len() > SHORT {
        return false;
    }
    let Some(room) = cursor.room() else { return false };
    room.put(words);
    // SAFETY: behind two words there is room for so much.
    unsafe { pen::copy_short(text, room.next.add(2).cast()) };
    room.commit(2 + text.len().wrapping_add(7) / 8);
    true
}

/// Names the span that the following records are about, if the lane in use is this recorder's and has room; says whether it
/// could.
#[inline(always)]
pub(crate) fn name(recorder: u64, owner: Owner) -> bool {
    let cursor = cursor();
    let room = if cursor.recorder.get() == recorder { cursor.room() } else { None };
    if let Some(room) = room {
        let words = owner.to_words();
        room.put(words);
        room.commit(words.len());
        cursor.owner.set(owner.span.to_u64());
    }
    room.is_some()
}

/// Writes the end of a template's span the shortest way, if there is nothing unusual in it and the thread's chunk is this
/// recorder's and has room; says whether it could.
#[inline(always)]
pub(crate) fn put_end(recorder: u64, end: &PlainEnd<'_>) -> bool {
    let cursor = cursor();
    if cursor.recorder.get() != recorder {
        return false;
    }
    let next = cursor.commitment().load(Relaxed);
    if next.addr() as u64 + end.most_bytes() > cursor.end.get().addr() as u64 {
        return false;
    }
    // SAFETY: there is so much room, in the chunk that the lane in use keeps and alone may write into.
    let Some(behind) = (unsafe { end.write(next) }) else { return false };
    commit(cursor.commitment(), behind);
    true
}

/// Writes a record without anything unusual in it into the thread's chunk, if that is this recorder's and has room; names
/// the span that it is about, if that wasn't named last.
#[inline(always)]
pub(crate) fn write_plain(recorder: u64, record: &impl PlainRecord) -> Attempt {
    let cursor = cursor();
    let unnamed = record.owner().filter(|owner| owner.span.to_u64() != cursor.owner.get());
    if unnamed.is_some_and(|owner| !name(recorder, owner)) || cursor.recorder.get() != recorder {
        return Attempt::NoRoom;
    }
    cursor.write_plain(record)
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
        let owner = cursor.owner.get();
        cursor.suspend();
        let attempt = cursor.write(text_limit, owner, record);
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
            lanes.put(Lane { recorder, writer });
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
            commitment: Cell::new(ptr::null()),
            limit: Cell::new(ptr::null_mut()),
            end: Cell::new(ptr::null_mut()),
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
        self.commitment.set(ptr::from_ref(lane.writer.commitment()));
        self.limit.set(end.wrapping_sub(ROOM));
        self.end.set(end);
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

    /// Writes where the cursor stands, which is suspended; `named` is the span that was named last.
    fn write(&self, text_limit: usize, named: u64, record: &dyn Record) -> Attempt {
        let mut pen = self.pen(text_limit);
        let owner = record.owner();
        let unnamed = owner.filter(|owner| owner.span.to_u64() != named);
        let written = unnamed.map_or(Some(()), |owner| pen.push(owner.to_words()));
        pen.start_here();
        let attempt = self.advance_if(written.and_then(|()| record.write(&mut pen)), &pen);
        let is_known = attempt == Attempt::Written && owner.is_some();
        self.owner.set(owner.filter(|_| is_known).map_or(named, |owner| owner.span.to_u64()));
        attempt
    }

    /// Says whether this span was named last, so that there is a recorder.
    #[inline(always)]
    fn has_named(&self, span: SpanId) -> bool {
        self.owner.get() == span.to_u64()
    }

    /// Returns [`ROOM`], if there is any. To be asked of a cursor that has a recorder, or an owner, which is the same.
    #[inline(always)]
    fn room(&self) -> Option<Room<'_>> {
        let commitment = self.commitment();
        let next = commitment.load(Relaxed);
        if next <= self.limit.get() { Some(Room { next, commitment }) } else { None }
    }

    /// Returns where the next word goes. To be asked of a cursor that has a recorder, or had until it was suspended.
    #[inline(always)]
    fn commitment(&self) -> &AtomicPtr<u64> {
        // SAFETY: it is part of the chunk that the lane in use keeps.
        unsafe { &*self.commitment.get() }
    }

    /// Returns a pen for where the cursor stands; see [`commitment`](Self::commitment).
    #[inline(always)]
    fn pen(&self, text_limit: usize) -> Pen {
        // SAFETY: the cursor was set by the lane in use, which keeps the chunk and alone may write into it. Its next word
        // is not committed, so that nobody reads from there on.
        unsafe { Pen::new(self.commitment().load(Relaxed), self.end.get(), text_limit) }
    }

    /// Goes on behind what the cursor's pen has written, if it has, and lets it be read.
    #[inline(always)]
    fn advance_if(&self, written: Option<()>, pen: &Pen) -> Attempt {
        if written.is_none() {
            return Attempt::NoRoom;
        }
        commit(self.commitment(), pen.place());
        Attempt::Written
    }
}

/// [`ROOM`] where the cursor stands, to be written at once.
#[derive(Clone, Copy)]
struct Room<'c> {
    next: *mut u64,
    commitment: &'c AtomicPtr<u64>,
}

impl Room<'_> {
    /// Writes the first words.
    #[inline(always)]
    fn put<const N: usize>(self, words: [u64; N]) {
        const { assert!(N <= ROOM) };
        // SAFETY: there is room, in the chunk that the lane in use keeps and alone may write into.
        unsafe { self.next.cast::<[u64; N]>().write(words.map(u64::to_le)) };
    }

    /// Lets so many words be read; the cursor goes on behind them.
    #[inline(always)]
    fn commit(self, words: usize) {
        commit(self.commitment, self.next.wrapping_add(words));
    }
}

impl LocalLanes {
    fn is_current(&self, recorder: u64) -> bool {
        self.current.as_ref().is_some_and(|lane| lane.recorder == recorder)
    }

    /// Takes the lane in use out of use.
    fn take(&mut self) -> Option<Lane> {
        cursor().suspend();
        self.current.take()
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
