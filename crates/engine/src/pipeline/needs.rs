//! What of a plan must run so that some of its outputs are made: at every depth, and no more than that.

use std::sync::{Arc, OnceLock};

use super::node_set::NodeSet;
use super::whole::Whole;
use super::{Arg, NodeKind, Pipeline, Plan, PlanNode};

/// What runs of a plan and what of it is read, where some of its outputs are asked for. It depends on nothing but these, so that
/// one is made for a run, or for a plan, and every item of a map goes by it.
pub(crate) struct Needs {
    /// The outputs that are asked for, by their index.
    pub(crate) outputs: Arc<[usize]>,
    /// The nodes that run.
    pub(crate) running: NodeSet,
    /// Those of them that wait for no other.
    pub(crate) sources: NodeSet,
    /// Of how many running nodes each node waits; [`NEVER`] for those that don't run.
    pub(crate) waits: Box<[u32]>,
    /// How often each slot is read; whoever runs the plan and gets an output counts as one reader more.
    pub(crate) reads: Box<[u32]>,
    /// For each node that runs and is a pipeline, what is needed of that.
    inside: Box<[Option<Arc<Inside>>]>,
}

/// What is needed of a pipeline inside of another, where it stands there.
pub(crate) struct Inside {
    pub(crate) needs: Arc<Needs>,
    /// Which of the node's outputs are made, if these are not all.
    pub(crate) places: Option<Box<[usize]>>,
    whole: OnceLock<Whole>,
}

/// More than any node waits for: it never starts.
pub(crate) const NEVER: u32 = u32::MAX;

impl Needs {
    /// What these outputs of a plan need, by their index.
    pub(crate) fn of(plan: &Plan, outputs: impl Into<Arc<[usize]>>) -> Self {
        let mut needs = Self::nothing(plan, outputs.into());
        // Readers stand behind what they read from, so that one pass from the end finds all.
        for (at, node) in plan.nodes.iter().enumerate().rev() {
            if node.outputs.clone().any(|slot| needs.reads[slot] > 0) {
                needs.take(at, node);
            }
        }
        needs.ordered(plan)
    }

    /// Everything: each node runs, also one that makes nothing that somebody reads.
    fn everything(plan: &Plan) -> Self {
        let mut needs = Self::nothing(plan, (0..plan.outputs.len()).collect());
        plan.nodes.iter().enumerate().for_each(|(at, node)| needs.take(at, node));
        needs.ordered(plan)
    }

    fn nothing(plan: &Plan, outputs: Arc<[usize]>) -> Self {
        let nodes = plan.nodes.len();
        let mut reads = vec![0; plan.inputs.len() + plan.outputs.len()];
        outputs.iter().for_each(|&output| reads[plan.outputs[output].slot] += 1);
        Self {
            outputs,
            running: NodeSet::empty(nodes),
            sources: NodeSet::empty(nodes),
            waits: vec![NEVER; nodes].into(),
            reads: reads.into(),
            inside: vec![None; nodes].into(),
        }
    }

    /// Lets a node run, whose readers are known by now.
    fn take(&mut self, at: usize, node: &PlanNode) {
        self.running.insert(at);
        self.inside[at] = self.inside_of(node);
        let inside = self.inside[at].as_deref();
        for arg in node.args.iter().filter(|arg| inside.is_none_or(|inside| inside.reads(arg))) {
            self.reads[arg.slot] += 1;
        }
    }

    /// What is needed of a node that is a pipeline: as much as somebody reads.
    fn inside_of(&self, node: &PlanNode) -> Option<Arc<Inside>> {
        let all = node.inside()?;
        let is_read = |&place: &usize| self.reads[node.outputs.start + place] > 0;
        let places: Box<[usize]> = (0..node.exposed.len()).filter(is_read).collect();
        if places.len() == node.exposed.len() {
            return Some(Arc::clone(all));
        }
        let NodeKind::Pipeline(inner) = &node.kind else { return None };
        let outputs: Vec<usize> = places.iter().map(|&place| node.exposed[place]).collect();
        Some(Arc::new(Inside::new(inner, outputs, Some(places))))
    }

    /// Works out who waits for whom of those that run.
    fn ordered(mut self, plan: &Plan) -> Self {
        self.running.iter().for_each(|at| self.waits[at] = 0);
        for &reader in self.running.iter().flat_map(|maker| &plan.nodes[maker].readers) {
            if self.waits[reader] != NEVER {
                self.waits[reader] += 1;
            }
        }
        for at in self.running.iter().filter(|&at| self.waits[at] == 0) {
            self.sources.insert(at);
        }
        self
    }

    /// Says whether something reads an input.
    pub(crate) fn reads_input(&self, at: usize) -> bool {
        self.reads.get(at).is_some_and(|&reads| reads > 0)
    }

    /// How many nodes run.
    pub(crate) fn count(&self) -> u64 {
        self.running.len()
    }

    /// What is needed of a node that runs and is a pipeline.
    pub(crate) fn inside(&self, node: usize) -> Option<&Arc<Inside>> {
        self.inside.get(node)?.as_ref()
    }
}

impl Inside {
    fn new(inner: &Pipeline, outputs: Vec<usize>, places: Option<Box<[usize]>>) -> Self {
        Self { needs: Arc::new(Needs::of(&inner.0, outputs)), places, whole: OnceLock::new() }
    }

    /// Says whether what a node is given as this argument is read inside. A list that is mapped over says at least how many items
    /// there are.
    pub(crate) fn reads(&self, arg: &Arg) -> bool {
        arg.mapped || self.needs.reads_input(arg.port)
    }

    /// Says what a cache can know of the pipeline, which is this node.
    pub(crate) fn whole(&self, node: &PlanNode) -> &Whole {
        self.whole.get_or_init(|| Whole::of(node, &self.needs))
    }
}

impl PlanNode {
    /// What is needed of the pipeline that the node is, if somebody reads all that it makes; nothing, if it is a function.
    pub(crate) fn inside(&self) -> Option<&Arc<Inside>> {
        let NodeKind::Pipeline(inner) = &self.kind else { return None };
        Some(self.inside.get_or_init(|| Arc::new(Inside::new(inner, self.exposed.clone(), None))))
    }
}

impl Plan {
    /// What a run needs of which nobody has said what is asked for.
    pub(crate) fn everything(&self) -> &Arc<Needs> {
        self.everything.get_or_init(|| Arc::new(Needs::everything(self)))
    }
}
