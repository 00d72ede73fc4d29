//! The quick ways onto the stack and off it: they take no lock and call nothing, so that no register need be saved.

use std::sync::atomic::Ordering::{Relaxed, Release};

use flowglass_model::{SpanId, flags};

use super::frame::QUICK;
use super::slot::Slot;
use super::{Frame, NO_INDEX, OpenFrames};
use crate::Tick;
use crate::raw::USER_TEMPLATE;
use crate::static_text::StaticText;

impl OpenFrames {
    /// Returns the place on top of the stack, if it is found quickly: it has a slot, and the span below it, or `root` where there is
    /// none, is recorded.
    #[inline(always)]
    pub(crate) fn free_place(&self, root: SpanId) -> Option<FreePlace<'_>> {
        let depth = self.depth.load(Relaxed);
        self.slots.get(depth)?;
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
        Some(FreePlace { parent, depth, frames: self })
    }

    /// Returns a user's span, if it is on top of the stack and in a slot.
    #[inline(always)]
    pub(crate) fn top_users(&self, span: SpanId) -> Option<Top<'_>> {
        let below = self.depth.load(Relaxed).wrapping_sub(1);
        let slot = self.slots.get(below)?;
        if slot.span() == span { Some(Top { slot, below, frames: self }) } else { None }
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
}

/// Room on top of the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreePlace<'a> {
    /// The span that one here is inside of.
    parent: SpanId,
    /// Its slot's place.
    depth: usize,
    frames: &'a OpenFrames,
}

impl FreePlace<'_> {
    /// Puts a user's span there, under a name that isn't none, where the time is to be had quickly.
    #[inline(always)]
    pub(crate) fn push_users(self, span: SpanId, start: Tick, name: StaticText) {
        let (template, index, flags) = (USER_TEMPLATE, NO_INDEX, flags::SAMPLED | QUICK);
        // There is one, as was found out when this was made.
        if let Some(slot) = self.frames.slots.get(self.depth) {
            slot.write(&Frame { span, parent: self.parent, template, index, start, flags }, Some(name));
            self.frames.depth.store(self.depth + 1, Release);
        }
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
