//! Whether a whole pipeline can come from the cache without starting anything.

use std::sync::Arc;

use super::call::{self, CallSite, Given, Givens};
use super::finished::{Finished, Kept};
use super::nested;
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::pipeline::{NodeKind, Pipeline};

/// Asks the cache, later and perhaps elsewhere, whether it has a pipeline whole by then.
pub(crate) type AskWhole = Arc<dyn Fn() -> Option<Whole> + Send + Sync>;

/// A level of which every needed node is in the cache.
pub(crate) struct Whole {
    pub(crate) slots: Vec<Option<Slot>>,
    pub(crate) hits: u64,
    pub(crate) saved_ns: u64,
}

/// Looks for all needed nodes of a level in the cache, in their order; the first that isn't there ends the search.
///
/// A level with a map inside is not found in this way: how many items there are is known only when it runs.
pub(crate) fn whole(level: &Arc<Level>, inputs: &[Option<Slot>]) -> Option<Whole> {
    level.config.cache.as_ref()?;
    let plan = &level.pipeline.0;
    let mut found = Whole { slots: inputs.to_vec(), hits: 0, saved_ns: 0 };
    found.slots.resize(plan.inputs.len() + plan.outputs.len(), None);
    for at in level.needs.running.iter() {
        let node = &plan.nodes[at];
        if node.map.is_some() {
            return None;
        }
        let inside = level.needs.inside(at);
        let given = node.args.iter().map(|arg| {
            let is_read = inside.is_none_or(|inside| inside.reads(arg));
            let slot = if is_read { found.slots[arg.slot].clone()? } else { Slot::Unread };
            Some(Given { slot, have: arg.have.clone() })
        });
        let given: Option<Givens> = given.collect();
        let slots = match &node.kind {
            NodeKind::Call { .. } => {
                let (slots, saved_ns) = call::lookup(level, at, given?)?;
                found.count(1, saved_ns);
                slots
            }
            NodeKind::Pipeline(inner) => found.look_inside(level, at, inner, &given?)?,
        };
        let first = node.outputs.start;
        match level.places(at) {
            None => (first..).zip(slots).for_each(|(at, slot)| found.slots[at] = Some(slot)),
            Some(places) => places.iter().zip(slots).for_each(|(at, slot)| found.slots[first + at] = Some(slot)),
        }
    }
    Some(found)
}

impl Whole {
    /// Makes it of what a cache has under one signature.
    pub(crate) fn of_kept(pipeline: &Pipeline, outputs: &[usize], kept: Kept, hits: u64) -> Self {
        let plan = &pipeline.0;
        let mut slots = vec![None; plan.inputs.len() + plan.outputs.len()];
        for (&output, slot) in outputs.iter().zip(kept.slots) {
            slots[plan.inputs.len() + output] = Some(slot);
        }
        Self { slots, hits, saved_ns: kept.saved_ns }
    }

    fn count(&mut self, hits: u64, saved_ns: u64) {
        self.hits += hits;
        self.saved_ns += saved_ns;
    }

    /// Looks for a pipeline inside: by its own entry, or by those of its nodes.
    fn look_inside(&mut self, level: &Arc<Level>, at: usize, inner: &Pipeline, given: &[Given]) -> Option<Slots> {
        let site = CallSite::of_node(level, at);
        if let Some(finished) = Finished::find(&site, inner, given).ok()?
            && let Some(kept) = finished.lookup(&site, inner, given)
        {
            self.count(finished.calls, kept.saved_ns);
            return Some(kept.slots);
        }
        let inside = nested::inner_level(level, at, inner, None, level.span, level.sampled)?;
        let slots = nested::inner_slots(inner, site.plan(), given).ok()?;
        let found = whole(&inside, &slots)?;
        self.count(found.hits, found.saved_ns);
        Some(nested::pick(found.slots, inner, &inside.needs.outputs))
    }
}
