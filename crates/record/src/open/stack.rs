//! The open spans of one scope: a stack, and a table of those that aren't on it.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use flowglass_model::SpanId;

use super::slot::Slot;
use super::{Frame, OpenFrame};
use crate::id_hash::IdMap;
use crate::static_text::StaticText;
use crate::sync::{AtomicUsize, Mutex};

/// So many frames have a slot; deeper ones lie behind a lock.
const SLOTS: usize = if cfg!(loom) { 2 } else { 32 };

/// The open spans of one scope. One thread at a time changes them; any thread may look.
#[derive(Debug, Default)]
pub(crate) struct OpenFrames {
    pub(super) depth: AtomicUsize,
    pub(super) slots: [Slot; SLOTS],
    pub(super) deep: Mutex<Vec<OpenFrame>>,
    pub(super) parked: Mutex<IdMap<SpanId, OpenFrame>>,
    pub(super) long_names: Mutex<Vec<(SpanId, &'static str)>>,
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

    /// Takes the engine's topmost frame off the stack. Users' spans above it, whose guards outlive it, are parked.
    #[inline]
    pub(crate) fn pop(&self) {
        if !self.pop_slot() {
            self.pop_elsewhere();
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
        let depth = self.depth.load(Relaxed);
        self.depth.store(0, Relaxed);
        self.slots.iter().take(depth).for_each(|slot| slot.id.store(0, Relaxed));
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

    pub(super) fn pop_top(&self) {
        let Some(top) = self.depth.load(Relaxed).checked_sub(1) else { return };
        match self.slots.get(top) {
            Some(slot) => slot.clear(),
            None => drop(self.deep.lock().pop()),
        }
        self.depth.store(top, Release);
    }

    pub(super) fn top(&self) -> Option<OpenFrame> {
        let top = self.depth.load(Relaxed).checked_sub(1)?;
        match self.slots.get(top) {
            Some(slot) => slot.read(),
            None => self.top_deep(),
        }
    }

    pub(super) fn top_is_users(&self) -> bool {
        match self.depth.load(Relaxed).checked_sub(1).map(|top| self.slots.get(top)) {
            None => false,
            Some(Some(slot)) => slot.is_users(),
            Some(None) => self.top_deep().as_ref().is_some_and(OpenFrame::is_users),
        }
    }
}
