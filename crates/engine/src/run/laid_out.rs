//! What a pipeline made, value by value, as its entry keeps it: lists that maps made are taken apart, and put together again.

use super::slot::{Slot, Slots};
use crate::cache::{Cache, CachedOutput, Entry, PipelineOutputs, identity};
use crate::value::{KeyDigest, Type, Value};

/// About how much an entry may hold, because all of it is read for each hit. Longer lists stay in the entries of their items.
const MOST_BYTES: usize = 8 << 20;

/// About how much of an entry a value takes besides its bytes.
const VALUE_BYTES: usize = 128;

/// What is larger lies apart, or in a cache in memory, which reads nothing.
const LARGE_BYTES: usize = 8 << 10;

/// The values of a pipeline on their way into a cache.
pub(super) struct LayingOut<'a> {
    cache: &'a Cache,
    room: usize,
    outputs: Vec<CachedOutput>,
    pipeline: PipelineOutputs,
}

impl<'a> LayingOut<'a> {
    /// Begins with nothing; large values go to this cache as they come.
    pub(super) fn into(cache: &'a Cache) -> Self {
        Self { cache, room: MOST_BYTES, outputs: Vec::new(), pipeline: PipelineOutputs::default() }
    }

    /// Adds an output; gives nothing if it can't be kept without loading it, or not at all.
    pub(super) fn add(&mut self, ty: &Type, slot: &Slot) -> Option<()> {
        if let Type::List(item) = ty {
            let items = slot.items(ty).ok()?;
            self.pipeline.lengths.push(items.len() as u64);
            return items.iter().try_for_each(|slot| self.add(item, slot));
        }
        match slot {
            Slot::Cached { hit, output, place } => match hit.computed_again(*place) {
                Some(slot) => self.add(ty, slot),
                None => self.push(hit.adopted(*output, self.cache)?, Some(hit.identity(*output))),
            },
            Slot::Plain(_) | Slot::Rich(_) => {
                let output = self.keep(ty, slot.here()?)?;
                self.push(output, slot.signature())
            }
            Slot::Unread => None,
        }
    }

    fn keep(&self, ty: &Type, value: &Value) -> Option<CachedOutput> {
        self.cache.keep_output(ty.encode(value).ok()?, ty.to_string()).ok()
    }

    fn push(&mut self, output: CachedOutput, identity: Option<KeyDigest>) -> Option<()> {
        self.room =
            self.room.checked_sub(VALUE_BYTES + output.inline.as_ref().map_or(0, |bytes| bytes.len().min(LARGE_BYTES)))?;
        self.pipeline.identities.push(identity.unwrap_or_else(|| identity::of_content(&output.digest)));
        self.outputs.push(output);
        Some(())
    }

    /// Puts all that was added into an entry.
    pub(super) fn complete(self, entry: Entry) -> Entry {
        Entry { outputs: self.outputs, pipeline: Some(Box::new(self.pipeline)), ..entry }
    }
}

/// Puts the outputs of an entry together again; `value` gives the slot of one value by its place in the entry. Gives nothing if
/// the entry isn't one of outputs of these types.
pub(super) fn put_together<'a>(
    types: impl Iterator<Item = &'a Type>,
    entry: &Entry,
    value: impl Fn(u32) -> Slot,
) -> Option<Slots> {
    let pipeline = entry.pipeline.as_ref().filter(|pipeline| pipeline.identities.len() == entry.outputs.len())?;
    let values = u32::try_from(entry.outputs.len()).ok()?;
    let mut rest = Rest { lengths: pipeline.lengths.iter(), values: 0..values, value };
    let slots = types.map(|ty| rest.take(ty)).collect::<Option<Slots>>()?;
    (rest.lengths.next().is_none() && rest.values.is_empty()).then_some(slots)
}

/// What of an entry hasn't got its place yet.
struct Rest<'a, F> {
    lengths: std::slice::Iter<'a, u64>,
    values: std::ops::Range<u32>,
    value: F,
}

impl<F: Fn(u32) -> Slot> Rest<'_, F> {
    fn take(&mut self, ty: &Type) -> Option<Slot> {
        let Type::List(item) = ty else { return self.values.next().map(|at| (self.value)(at)) };
        let length = *self.lengths.next()?;
        // A length that can't be is found out by the first item that isn't there.
        Some(Slot::many((0..length).map(|_| self.take(item)).collect::<Option<_>>()?))
    }
}

/// Lays out what was computed again as the entry had it.
pub(super) fn one_by_one<'a>(types: impl Iterator<Item = &'a Type>, slots: Slots) -> Slots {
    let mut values = Slots::new();
    types.zip(slots).for_each(|(ty, slot)| spread(ty, slot, &mut values));
    values
}

fn spread(ty: &Type, slot: Slot, values: &mut Slots) {
    let Type::List(item) = ty else { return values.push(slot) };
    let items = slot.items(ty).unwrap_or_default();
    items.into_iter().for_each(|slot| spread(item, slot, values));
}
