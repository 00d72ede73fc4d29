//! The part of a plan that starting nodes looks at, laid out flat: which slots a node reads and fills, and who waits for it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::definition::NodeKind;
use super::wiring::{Arg, PlanNode};
use super::{OutputPort, Plan};
use crate::capture::Capture;
use crate::node::{KeyedBy, Node};
use crate::value::{KeyDigest, Type};

/// The steps of a plan, one for each of its nodes, and the lists that they point into.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) steps: Box<[Step]>,
    slots: Box<[u32]>,
    readers: Box<[u32]>,
    /// The plan's outputs, sorted by their names.
    by_name: Box<[u32]>,
    /// What counts where there is a cache, for each step: apart, so that the others needn't be read past it.
    pub(crate) cached: Box<[CachedStep]>,
}

/// One node of a plan.
pub(crate) struct Step {
    /// The node, if nothing stands between its inputs and a call: no other form of a value, no map, no policy.
    pub(crate) direct: Option<Arc<dyn Node>>,
    args: Range<u32>,
    readers: Range<u32>,
    /// The first slot of its outputs, and how many there are.
    pub(crate) outputs: (u32, u32),
    /// What could still keep it from being called directly: bits of [`CACHED`], [`ON_THREADS`], [`AWAY`] and [`MEASURED`].
    pub(crate) unless: u8,
}

/// What a step is to a cache: all that is looked at when it is found there.
pub(crate) struct CachedStep {
    /// What of the signatures is the same for each call; worked out when a cache is first asked.
    pub(crate) head: OnceLock<KeyDigest>,
    /// For how long results hold, if the node says so itself.
    pub(crate) ttl: Option<Duration>,
    /// How many outputs the node has, whether or not the pipeline knows them.
    pub(crate) outputs: u32,
    /// How its inputs count, if it is a function that may be cached.
    pub(crate) keyed_by: Option<KeyedBy>,
    /// Whether it is called as it is, and not once for each item of a list.
    pub(crate) is_alone: bool,
    /// Whether the pipeline knows all its outputs, in their order.
    pub(crate) exposes_all: bool,
}

/// A step's results are cached, where there is a cache.
pub(crate) const CACHED: u8 = 1;
/// A step runs on a thread, where nodes do.
pub(crate) const ON_THREADS: u8 = 2;
/// A step is handed to a worker elsewhere, where nodes are.
pub(crate) const AWAY: u8 = 4;
/// What a step uses is measured, or what it is given and makes is shown.
pub(crate) const MEASURED: u8 = 8;

impl Steps {
    /// Lays out the nodes of a plan with these outputs.
    pub(super) fn of(nodes: &[PlanNode], outputs: &[OutputPort]) -> Self {
        let (mut slots, mut readers) = (Vec::new(), Vec::new());
        let mut steps = Vec::with_capacity(nodes.len());
        for node in nodes {
            let args = append(&mut slots, node.args.iter().map(|arg| arg.slot));
            let readers = append(&mut readers, node.readers.iter().copied());
            let (direct, unless) = direct(node);
            let outputs = (number(node.outputs.start), number(node.outputs.len()));
            steps.push(Step { direct, args, readers, outputs, unless });
        }
        Self {
            steps: steps.into(),
            slots: slots.into(),
            readers: readers.into(),
            by_name: by_name(outputs),
            cached: nodes.iter().map(cached).collect(),
        }
    }

    /// Returns the slots that a step reads, in the order of the node's parameters.
    #[inline]
    pub(crate) fn args_of(&self, step: &Step) -> &[u32] {
        &self.slots[step.args.start as usize..step.args.end as usize]
    }

    /// Returns the nodes that wait for a node.
    #[inline]
    pub(crate) fn readers_of(&self, node: usize) -> &[u32] {
        let readers = &self.steps[node].readers;
        &self.readers[readers.start as usize..readers.end as usize]
    }
}

impl Plan {
    /// Returns the place of the output with this name.
    pub(crate) fn output(&self, name: &str) -> Option<usize> {
        let names = &self.steps.by_name;
        let found = names.binary_search_by(|&output| self.outputs[output as usize].name.as_str().cmp(name)).ok()?;
        Some(names[found] as usize)
    }

    /// Returns the outputs of a node.
    pub(crate) fn ports_of(&self, node: usize) -> &[OutputPort] {
        let (first, slots) = (self.inputs.len(), &self.nodes[node].outputs);
        self.outputs.get(slots.start - first..slots.end - first).unwrap_or_default()
    }
}

/// Returns the node if it may be called directly, and unless what.
fn direct(node: &PlanNode) -> (Option<Arc<dyn Node>>, u8) {
    let NodeKind::Call { node: call, spec } = &node.kind else { return (None, 0) };
    let plain = node.map.is_none() && node.retry.is_none() && node.timeout.is_none() && !spec.blocking;
    let plain = plain && node.capture != Some(Capture::Full);
    let direct = plain && node.args.iter().all(is_direct);
    let unless = AWAY | MEASURED | if node.cache { CACHED } else { 0 } | if spec.asynchronous { 0 } else { ON_THREADS };
    (direct.then(|| Arc::clone(call)), unless)
}

fn cached(node: &PlanNode) -> CachedStep {
    let (outputs, keyed_by) = match &node.kind {
        NodeKind::Call { spec, .. } => (spec.outputs.len(), spec.code.and(node.cache.then_some(spec.keyed_by))),
        NodeKind::Pipeline(_) => (node.exposed.len(), None),
    };
    CachedStep {
        head: OnceLock::new(),
        ttl: node.ttl,
        outputs: number(outputs),
        keyed_by,
        is_alone: node.map.is_none(),
        exposes_all: node.exposed.iter().copied().eq(0..outputs),
    }
}

/// Says whether a node gets the very value that lies in the slot.
fn is_direct(arg: &Arg) -> bool {
    let same = matches!((&arg.have, &arg.want), (Type::Leaf(have), Type::Leaf(want)) if have.id == want.id);
    same && arg.adapter.is_none() && !arg.mapped
}

fn by_name(outputs: &[OutputPort]) -> Box<[u32]> {
    let mut names: Vec<u32> = (0..number(outputs.len())).collect();
    names.sort_unstable_by_key(|&output| &outputs[output as usize].name);
    names.into()
}

fn append(list: &mut Vec<u32>, more: impl Iterator<Item = usize>) -> Range<u32> {
    let start = number(list.len());
    list.extend(more.map(number));
    start..number(list.len())
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
