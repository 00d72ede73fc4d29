//! Which spans of a scope are open: a stack that its one writer changes without locks, and a table of parked ones.
//!
//! The collector reads both while they change. A slot's id is zero while its other words change and is read twice, so
//! that a frame that was torn is seen and left for the next look.

use std::collections::HashMap;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use flowglass_model::{SpanId, Status, flags};
use parking_lot::Mutex;

use crate::Tick;
use crate::id_hash::IdMap;
use crate::raw::USER_TEMPLATE;
use crate::static_text::{AtomicStaticText, StaticText};

/// The index of a frame that has none.
pub const NO_INDEX: u64 = u64::MAX;

/// Bits of a frame's flags that are known here alone: OpenTelemetry uses the ten lowest ones.
const OWN: u32 = UNCOUNTED | UNWINDING | FAILED | QUICK;
/// It isn't counted.
const UNCOUNTED: u32 = 1 << 31;
/// It was opened while its thread was unwinding from a panic.
const UNWINDING: u32 = 1 << 30;
/// It was told to fail.
const FAILED: u32 = 1 << 29;

/// A span that was started: what is known of it before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The span's id, from [`Scope::next_span`](crate::Scope::next_span).
    pub span: SpanId,
    /// The span above it, or [`SpanId::NONE`].
    pub parent: SpanId,
    /// Which of the scope's templates it follows.
    pub template: u32,
    /// The index that an indexed template's name ends with, or [`NO_INDEX`].
    pub index: u64,
    /// When it started.
    pub start: Tick,
    /// Bits of [`flags`](flowglass_model::flags).
    pub flags: u32,
}

impl Frame {
    /// Returns the frame of a span whose end feeds no metrics: nothing was done, because the result was there already.
    #[must_use]
    pub const fn uncounted(self) -> Self {
        Self { flags: self.flags | UNCOUNTED, ..self }
    }

    pub(crate) const fn is_uncounted(&self) -> bool {
        self.flags & UNCOUNTED != 0
    }

    /// Returns the bits of the frame that others know.
    pub(crate) const fn known_flags(&self) -> u32 {
        self.flags & !OWN
    }

    /// Says whether the span is recorded when it ends well.
    #[inline]
    pub(crate) const fn is_sampled(&self) -> bool {
        self.flags & flags::SAMPLED != 0
    }
}

/// A frame with the name that a user's span has instead of a template's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenFrame {
    pub(crate) frame: Frame,
    pub(crate) name: StaticText,
}

impl OpenFrame {
    /// Makes the frame of a user's span, from its id and its parent's.
    #[inline(always)]
    pub(crate) const fn users((span, parent): (SpanId, SpanId), start: Tick, name: StaticText) -> Self {
        let (template, index, flags) = (USER_TEMPLATE, NO_INDEX, flags::SAMPLED);
        Self { frame: Frame { span, parent, template, index, start, flags }, name }
    }

    /// Says whether user code made the span.
    pub(crate) const fn is_users(&self) -> bool {
        self.frame.template == USER_TEMPLATE
    }
}

/// It was opened the quick way: it has a name, and the time is to be had by [`Tick::read_quickly`].
const QUICK: u32 = 1 << 28;

/// What is left of a user's span when it leaves the open ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndedFrame {
    pub(crate) parent: SpanId,
    pub(crate) start: Tick,
    pub(crate) name: StaticText,
    pub(crate) flags: u32,
}

impl EndedFrame {
    /// Returns how the span has ended, as far as its maker has said.
    #[inline(always)]
    pub(crate) const fn status(&self) -> Status {
        if self.flags & FAILED == 0 { Status::Ok } else { Status::Error }
    }

    /// Says whether it was opened while its thread was unwinding from a panic, so that this is no failure of its own.
    pub(crate) const fn was_unwinding(&self) -> bool {
        self.flags & UNWINDING != 0
    }
}

impl From<OpenFrame> for EndedFrame {
    fn from(OpenFrame { frame, name }: OpenFrame) -> Self {
        Self { parent: frame.parent, start: frame.start, name, flags: frame.flags }
    }
}

/// So many frames have a slot; deeper ones lie behind a lock.
const SLOTS: usize = 32;

/// The open spans of one scope. One thread at a time changes them; any thread may look.
#[derive(Debug, Default)]
pub(crate) struct OpenFrames {
    depth: AtomicUsize,
    slots: [Slot; SLOTS],
    deep: Mutex<Vec<OpenFrame>>,
    parked: Mutex<IdMap<SpanId, OpenFrame>>,
    long_names: Mutex<Vec<(SpanId, &'static str)>>,
}

impl OpenFrames {
    /// Puts a frame on top of the stack.
    #[inline]
    pub(crate) fn push(&self, open: &OpenFrame) {
        let depth = self.depth.load(Relaxed);
        match self.slots.get(depth) {
            Some(slot) => slot.write(&open.frame, Some(open.name)),
            None => self.push_deep(*open),
        }
        self.depth.store(depth + 1, Release);
    }

    /// As [`push`](Self::push), of the engine's.
    #[inline]
    pub(crate) fn push_engines(&self, frame: &Frame) {
        let depth = self.depth.load(Relaxed);
        match self.slots.get(depth) {
            Some(slot) => slot.write(frame, None),
            None => self.push_deep(OpenFrame { frame: *frame, name: StaticText::NONE }),
        }
        self.depth.store(depth + 1, Release);
    }

    /// Returns the place on top of the stack, if it is found quickly: it has a slot, and the span below it, or `root` where there is
    /// none, is recorded.
    #[inline(always)]
    pub(crate) fn free_place(&self, root: SpanId) -> Option<FreePlace<'_>> {
        let depth = self.depth.load(Relaxed);
        let slot = self.slots.get(depth)?;
        let parent = match depth {
            0 => root,
            depth => {
                let below = self.slots.get(depth - 1)?;
                if !below.is_sampled() {
                    return None;
                }
                below.span()
            }
        };
        Some(FreePlace { slot, parent, depth, frames: self })
    }

    /// Keeps the name of a user's span that is no [`StaticText`].
    #[cold]
    pub(crate) fn keep_long_name(&self, span: SpanId, name: &'static str) {
        self.long_names.lock().push((span, name));
    }

    /// Takes the name that [`keep_long_name`](Self::keep_long_name) has kept, if any.
    #[cold]
    pub(crate) fn take_long_name(&self, span: SpanId) -> Option<&'static str> {
        let mut names = self.long_names.lock();
        let at = names.iter().rposition(|(known, _)| *known == span)?;
        Some(names.swap_remove(at).1)
    }

    /// Takes the engine's topmost frame off the stack. Users' spans above it, whose guards outlive it, are parked.
    #[inline]
    pub(crate) fn pop(&self) {
        if !self.pop_slot() {
            self.pop_elsewhere();
        }
    }

    /// As [`pop`](Self::pop), if a frame of the engine's is on top and has a slot; says whether it is.
    #[inline(always)]
    pub(crate) fn pop_slot(&self) -> bool {
        let below = self.depth.load(Relaxed).wrapping_sub(1);
        let Some(slot) = self.slots.get(below) else { return false };
        if slot.is_users() {
            return false;
        }
        slot.clear();
        self.depth.store(below, Release);
        true
    }

    /// Takes the engine's topmost frame off the stack into the table.
    pub(crate) fn park(&self) {
        self.park_users_above();
        self.park_top();
    }

    /// Opens a span that is never on the stack: whoever drives the scope knows that it is above all others.
    pub(crate) fn open_parked(&self, open: OpenFrame) {
        self.parked.lock().insert(open.frame.span, open);
    }

    /// Puts a parked frame on the stack; it stays in the table.
    pub(crate) fn resume(&self, span: SpanId) {
        let parked = self.parked.lock().get(&span).copied();
        if let Some(open) = parked {
            self.push(&open);
        }
    }

    /// Takes a frame out of the table.
    #[cold]
    pub(crate) fn close(&self, span: SpanId) -> Option<EndedFrame> {
        self.parked.lock().remove(&span).map(EndedFrame::from)
    }

    /// Returns a user's span, if it is on top of the stack and in a slot.
    #[inline(always)]
    pub(crate) fn top_users(&self, span: SpanId) -> Option<Top<'_>> {
        let below = self.depth.load(Relaxed).wrapping_sub(1);
        let slot = self.slots.get(below)?;
        if slot.span() == span { Some(Top { slot, below, frames: self }) } else { None }
    }

    /// Takes a user's span off the stack, or out of the table.
    #[cold]
    pub(crate) fn end(&self, span: SpanId) -> Option<EndedFrame> {
        // Guards that end out of order: everything above the span moves down.
        let mut above = Vec::new();
        let mut ended = None;
        while let Some(open) = self.top().filter(OpenFrame::is_users) {
            self.pop_top();
            if open.frame.span == span {
                ended = Some(open.into());
                break;
            }
            above.push(open);
        }
        above.iter().rev().for_each(|open| self.push(open));
        let parked = self.close(span);
        ended.or(parked)
    }

    /// Takes note that a user's span fails, wherever it is.
    #[cold]
    pub(crate) fn fail(&self, span: SpanId) {
        self.mark(span, FAILED);
    }

    /// Takes note that a user's span was opened while its thread was unwinding from a panic.
    #[cold]
    pub(crate) fn note_unwinding(&self, span: SpanId) {
        self.mark(span, UNWINDING);
    }

    /// Moves users' spans on top of the stack into the table: the thread that made them leaves the scope.
    pub(crate) fn park_users_above(&self) {
        while self.top_is_users() {
            self.park_top();
        }
    }

    /// Returns the topmost span, if there is one.
    #[inline]
    pub(crate) fn current(&self) -> Option<SpanId> {
        let top = self.depth.load(Relaxed).checked_sub(1)?;
        match self.slots.get(top) {
            Some(slot) => slot.span().some(),
            None => self.top_deep().map(|open| open.frame.span),
        }
    }

    /// Returns the topmost span, and whether it is recorded, if there is one.
    #[inline]
    pub(crate) fn top_recording(&self) -> Option<(SpanId, bool)> {
        let top = self.depth.load(Relaxed).checked_sub(1)?;
        match self.slots.get(top) {
            Some(slot) => Some((slot.span().some()?, slot.is_sampled())),
            None => self.top_deep().map(|open| (open.frame.span, open.frame.is_sampled())),
        }
    }

    /// Tells `see` of every open span, some twice.
    pub(crate) fn scan(&self, mut see: impl FnMut(OpenFrame)) {
        let depth = self.depth.load(Acquire);
        self.slots.iter().take(depth).filter_map(Slot::read).for_each(&mut see);
        if depth > SLOTS {
            self.deep.lock().iter().copied().for_each(&mut see);
        }
        // Behind the stack: a frame is put into the table before it leaves the stack.
        self.parked.lock().values().copied().for_each(see);
    }

    /// Forgets every frame.
    pub(crate) fn clear(&mut self) {
        // Slots above the stack are clear already, and most likely in another processor's cache.
        let depth = std::mem::take(self.depth.get_mut());
        self.slots.iter_mut().take(depth).for_each(|slot| *slot.id.get_mut() = 0);
        self.deep.get_mut().clear();
        self.parked.get_mut().clear();
        self.long_names.get_mut().clear();
    }

    #[cold]
    fn push_deep(&self, open: OpenFrame) {
        self.deep.lock().push(open);
    }

    #[cold]
    fn top_deep(&self) -> Option<OpenFrame> {
        self.deep.lock().last().copied()
    }

    /// As [`pop`](Self::pop), where that takes more.
    #[cold]
    pub(crate) fn pop_elsewhere(&self) {
        self.park_users_above();
        self.pop_top();
    }

    fn pop_top(&self) {
        let Some(top) = self.depth.load(Relaxed).checked_sub(1) else { return };
        match self.slots.get(top) {
            Some(slot) => slot.clear(),
            None => drop(self.deep.lock().pop()),
        }
        self.depth.store(top, Release);
    }

    fn park_top(&self) {
        if let Some(open) = self.top() {
            self.parked.lock().insert(open.frame.span, open);
        }
        self.pop_top();
    }

    fn top(&self) -> Option<OpenFrame> {
        let top = self.depth.load(Relaxed).checked_sub(1)?;
        match self.slots.get(top) {
            Some(slot) => slot.read(),
            None => self.top_deep(),
        }
    }

    fn top_is_users(&self) -> bool {
        match self.depth.load(Relaxed).checked_sub(1).map(|top| self.slots.get(top)) {
            None => false,
            Some(Some(slot)) => slot.is_users(),
            Some(None) => self.top_deep().as_ref().is_some_and(OpenFrame::is_users),
        }
    }

    fn mark(&self, span: SpanId, flag: u32) {
        self.slots.iter().take(self.depth.load(Relaxed)).filter(|slot| slot.span() == span).for_each(|slot| slot.mark(flag));
        self.deep.lock().iter_mut().filter(|open| open.frame.span == span).for_each(|open| open.frame.flags |= flag);
        if let Some(open) = self.parked.lock().get_mut(&span) {
            open.frame.flags |= flag;
        }
    }
}

/// Room on top of the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreePlace<'a> {
    slot: &'a Slot,
    /// The span that one here is inside of.
    parent: SpanId,
    depth: usize,
    frames: &'a OpenFrames,
}

impl FreePlace<'_> {
    /// Puts a user's span there, under a name that isn't none, where the time is to be had quickly.
    #[inline(always)]
    pub(crate) fn push_users(self, span: SpanId, start: Tick, name: StaticText) {
        let (template, index, flags) = (USER_TEMPLATE, NO_INDEX, flags::SAMPLED | QUICK);
        self.slot.write(&Frame { span, parent: self.parent, template, index, start, flags }, Some(name));
        self.frames.depth.store(self.depth + 1, Release);
    }
}

/// A user's span on top of the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Top<'a> {
    slot: &'a Slot,
    /// How many frames there are without it.
    below: usize,
    frames: &'a OpenFrames,
}

impl Top<'_> {
    // Whoever drives the scope doesn't read a frame torn.

    #[inline(always)]
    pub(crate) fn parent(&self) -> SpanId {
        SpanId::from_u64(self.slot.parent.load(Relaxed))
    }

    #[inline(always)]
    pub(crate) fn start(&self) -> Tick {
        Tick::from_raw(self.slot.start.load(Relaxed))
    }

    #[inline(always)]
    pub(crate) fn name(&self) -> StaticText {
        self.slot.name.load()
    }

    /// Says whether there is nothing unusual about the span: it was opened the quick way, and hasn't failed.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        const PLAIN: u64 = USER_TEMPLATE as u64 | ((flags::SAMPLED | QUICK) as u64) << 32;
        self.slot.template.load(Relaxed) == PLAIN
    }

    /// Takes the span off the stack.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        self.slot.clear();
        self.frames.depth.store(self.below, Release);
    }
}

/// Room for one frame, readable while it changes. As long as a cache line, so that a slot is found by a shift.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot {
    id: AtomicU64,
    parent: AtomicU64,
    start: AtomicU64,
    index: AtomicU64,
    /// The template below, the flags above.
    template: AtomicU64,
    /// A user's span's.
    name: AtomicStaticText,
}

impl Slot {
    #[inline]
    fn write(&self, frame: &Frame, name: Option<StaticText>) {
        // The id is zero: only slots of the stack have one.
        fence(Release);
        self.parent.store(frame.parent.to_u64(), Relaxed);
        self.start.store(frame.start.to_raw(), Relaxed);
        self.index.store(frame.index, Relaxed);
        self.template.store(u64::from(frame.template) | u64::from(frame.flags) << 32, Relaxed);
        if let Some(name) = name {
            self.name.store(name);
        }
        self.id.store(frame.span.to_u64(), Release);
    }

    #[inline]
    fn clear(&self) {
        self.id.store(0, Release);
    }

    #[inline]
    fn span(&self) -> SpanId {
        SpanId::from_u64(self.id.load(Relaxed))
    }

    #[inline]
    fn is_users(&self) -> bool {
        self.template.load(Relaxed) as u32 == USER_TEMPLATE
    }

    fn mark(&self, flag: u32) {
        self.template.store(self.template.load(Relaxed) | u64::from(flag) << 32, Relaxed);
    }

    #[inline]
    fn is_sampled(&self) -> bool {
        (self.template.load(Relaxed) >> 32) as u32 & flags::SAMPLED != 0
    }

    fn read(&self) -> Option<OpenFrame> {
        let id = self.id.load(Acquire);
        let word = self.template.load(Relaxed);
        let open = OpenFrame {
            frame: Frame {
                span: SpanId::from_u64(id),
                parent: SpanId::from_u64(self.parent.load(Relaxed)),
                template: word as u32,
                index: self.index.load(Relaxed),
                start: Tick::from_raw(self.start.load(Relaxed)),
                flags: (word >> 32) as u32,
            },
            name: if word as u32 == USER_TEMPLATE { self.name.load() } else { StaticText::NONE },
        };
        fence(Acquire);
        (id != 0 && self.id.load(Relaxed) == id).then_some(open)
    }
}

/// Open spans by their ids, as one look found them.
pub(crate) type Found<T> = HashMap<SpanId, T, crate::id_hash::BuildIdHasher>;

#[cfg(test)]
mod tests {
    use super::*;

    fn open(id: u64, template: u32) -> OpenFrame {
        let frame = Frame {
            span: SpanId::from_u64(id),
            parent: SpanId::from_u64(id - 1),
            template,
            index: NO_INDEX,
            start: Tick::ZERO,
            flags: 1,
        };
        OpenFrame { frame, name: if template == USER_TEMPLATE { StaticText::pack("name") } else { StaticText::NONE } }
    }

    fn seen(frames: &OpenFrames) -> Vec<u64> {
        let mut ids = Vec::new();
        frames.scan(|open| ids.push(open.frame.span.to_u64()));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    #[test]
    fn the_top_of_the_stack_is_current() {
        let frames = OpenFrames::default();
        assert_eq!(frames.current(), None);
        frames.push(&open(1, 0));
        frames.push(&open(2, 0));
        assert_eq!(frames.current(), Some(SpanId::from_u64(2)));
        frames.pop();
        assert_eq!((frames.current(), seen(&frames)), (Some(SpanId::from_u64(1)), vec![1]));
        frames.pop();
        frames.pop();
        assert!(seen(&frames).is_empty(), "popping an empty stack does nothing");
    }

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let frames = OpenFrames::default();
        frames.push(&open(7, 3));
        frames.scan(|found| assert_eq!(found, open(7, 3)));
    }

    #[test]
    fn a_stack_deeper_than_its_slots_is_still_seen() {
        let frames = OpenFrames::default();
        let all: Vec<u64> = (1..=40).collect();
        all.iter().for_each(|&id| frames.push(&open(id, 0)));
        assert_eq!(seen(&frames), all);
        assert_eq!(frames.current(), Some(SpanId::from_u64(40)));
        (0..39).for_each(|_| frames.pop());
        assert_eq!(seen(&frames), [1]);
    }

    #[test]
    fn a_parked_frame_stays_open_until_closed() {
        let frames = OpenFrames::default();
        frames.push(&open(1, 0));
        frames.push(&open(2, 0));
        frames.park();
        assert_eq!((frames.current(), seen(&frames)), (Some(SpanId::from_u64(1)), vec![1, 2]));
        frames.resume(SpanId::from_u64(2));
        assert_eq!(frames.current(), Some(SpanId::from_u64(2)));
        frames.pop();
        frames.close(SpanId::from_u64(2));
        assert_eq!(seen(&frames), [1]);
        frames.resume(SpanId::from_u64(2));
        assert_eq!(frames.current(), Some(SpanId::from_u64(1)), "what isn't parked can't be resumed");
    }

    #[test]
    fn users_spans_may_end_in_any_order() {
        let frames = OpenFrames::default();
        frames.push(&open(1, 0));
        (2..=4).for_each(|id| frames.push(&open(id, USER_TEMPLATE)));
        frames.end(SpanId::from_u64(2));
        assert_eq!((frames.current(), seen(&frames)), (Some(SpanId::from_u64(4)), vec![1, 3, 4]));
        frames.end(SpanId::from_u64(99));
        assert_eq!(seen(&frames), [1, 3, 4], "an unknown span changes nothing");
    }

    #[test]
    fn a_users_span_that_outlives_its_node_is_parked() {
        let frames = OpenFrames::default();
        frames.push(&open(1, 0));
        frames.push(&open(2, USER_TEMPLATE));
        frames.pop();
        assert_eq!((frames.current(), seen(&frames)), (None, vec![2]));
        frames.end(SpanId::from_u64(2));
        assert!(seen(&frames).is_empty());
    }
}
