//! The values of a level: in slots, each with how often it will still be read.

use std::sync::Arc;

use super::slot::Slot;
use crate::pipeline::Needs;
use crate::value::{KeyDigest, Type, Value};

/// The values of one level. A value that nobody reads any more, and nobody asked for, is let go.
pub(crate) struct Kept {
    slots: Vec<Option<Slot>>,
    /// How often each slot will still be read; whoever runs the level and gets an output counts as one reader more.
    reads: Vec<u32>,
}

impl Kept {
    /// Prepares the slots of a level, of which `inputs` are the first.
    pub(crate) fn new(needs: &Needs, mut inputs: Vec<Option<Slot>>) -> Self {
        inputs.resize(needs.reads.len(), None);
        Self { slots: inputs, reads: needs.reads.to_vec() }
    }

    /// Puts a value into its slot, if it will be read.
    #[inline]
    pub(crate) fn put(&mut self, slot: usize, value: Slot) {
        if self.reads.get(slot).is_some_and(|&reads| reads > 0) {
            self.slots[slot] = Some(value);
        }
    }

    /// As [`put`](Self::put), of a value that no signature stands for: as its two words, never as a slot that would be moved.
    #[expect(clippy::inline_always, reason = "it is passed by every node")]
    #[inline(always)]
    pub(crate) fn put_value(&mut self, slot: usize, value: Value) {
        if let (Some(1..), Some(place)) = (self.reads.get(slot), self.slots.get_mut(slot)) {
            *place = Some(Slot::Plain(value));
        }
    }

    /// Looks at a value that is here and in no other form.
    #[inline]
    pub(crate) fn look(&self, slot: usize) -> Option<&Value> {
        self.slots.get(slot)?.as_ref()?.here()
    }

    /// Looks at a slot, whatever form its value has.
    pub(crate) fn slot(&self, slot: usize) -> Option<&Slot> {
        self.slots.get(slot)?.as_ref()
    }

    /// Says whether the next reader of a slot is the last one.
    #[inline]
    pub(crate) fn is_last_use(&self, slot: usize) -> bool {
        self.reads.get(slot).is_some_and(|&reads| reads == 1)
    }

    /// Takes a value that is here for its last reader, or shares it with another one.
    pub(crate) fn take_value(&mut self, slot: usize) -> Option<Value> {
        if !self.is_last_use(slot) {
            return self.look(slot).map(Arc::clone);
        }
        self.slots.get_mut(slot)?.take()?.into_here()
    }

    /// Returns the signature that stands for a value in cache keys, if one does.
    #[inline]
    pub(crate) fn signature(&self, slot: usize) -> Option<KeyDigest> {
        self.slots.get(slot)?.as_ref()?.signature()
    }

    /// Works out what stands for a value in cache keys, once if it has several readers; none if that can't be told, or if
    /// nothing is there.
    pub(crate) fn digest(&mut self, slot: usize, ty: &Type) -> Option<KeyDigest> {
        self.share_digest(slot);
        self.slots.get(slot)?.as_ref()?.digest(ty).ok()
    }

    /// Sees to it that what stands for a value in cache keys is worked out once, if it has several readers.
    pub(crate) fn share_digest(&mut self, slot: usize) {
        if !self.is_last_use(slot)
            && let Some(Some(slot)) = self.slots.get_mut(slot)
        {
            slot.share_digest();
        }
    }

    /// Takes a slot for its last reader, or shares it with another one; one read is counted.
    pub(crate) fn read(&mut self, slot: usize) -> Option<Slot> {
        let last = self.is_last_use(slot);
        let read = self.slots.get_mut(slot)?;
        let read = if last { read.take() } else { read.clone() };
        self.was_read(slot);
        read
    }

    /// Counts one read of a slot, and lets go of what nobody will read again.
    #[inline]
    pub(crate) fn was_read(&mut self, slot: usize) {
        if let Some(reads) = self.reads.get_mut(slot) {
            *reads = reads.saturating_sub(1);
            if *reads == 0 {
                self.slots[slot] = None;
            }
        }
    }

    /// Returns the values that are still there.
    pub(crate) fn take_slots(&mut self) -> Vec<Option<Slot>> {
        std::mem::take(&mut self.slots)
    }
}
