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
pub(crate) fn whole(level: &Arc<Level>, inputs: &[Option<Slot>], outputs: Option<&[usize]>) -> Option<Whole> {
    level.config.cache.as_ref()?;
    let plan = &level.pipeline.0;
    let needed = outputs.map_or_else(|| vec![true; plan.nodes.len()], |outputs| plan.needed(outputs));
    let mut found = Whole { slots: inputs.to_vec(), hits: 0, saved_ns: 0 };
    found.slots.resize(plan.inputs.len() + plan.outputs.len(), None);
    for (at, node) in plan.nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        if node.map.is_some() {
            return None;
        }
        let given: Option<Givens> =
            node.args.iter().map(|arg| Some(Given { slot: found.slots[arg.slot].clone()?, have: arg.have.clone() })).collect();
        let slots = match &node.kind {
            NodeKind::Call { .. } => {
                let (slots, saved_ns) = call::lookup(level, at, given?)?;
                found.count(1, saved_ns);
                slots
            }
            NodeKind::Pipeline(inner) => found.look_inside(level, at, inner, &given?)?,
        };
        for (place, slot) in node.outputs.clone().zip(slots) {
            found.slots[place] = Some(slot);
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
        let node = site.plan();
        let inside = nested::inner_level(level, at, inner, None, level.span, level.sampled)?;
        let slots = nested::inner_slots(inner, node, given).ok()?;
        let inside = whole(&inside, &slots, Some(&node.exposed))?;
        self.count(inside.hits, inside.saved_ns);
        Some(nested::pick(inside.slots, inner, &node.exposed))
    }
}
