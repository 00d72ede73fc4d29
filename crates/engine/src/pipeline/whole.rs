//! Which pipelines a cache can know as a whole, those inside others and those of a map's items, and what the keys of their entries
//! begin with.

use super::definition::NodeKind;
use super::wiring::{Arg, PlanNode};
use super::{InputPort, Pipeline, Setting};
use crate::node::{KeyedBy, NodeSpec};
use crate::value::{KeyDigest, KeyHasher};

/// What a cache can know of a pipeline inside another. It depends on nothing but the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    /// How many nodes of the pipeline run: those whose outputs somebody needs.
    pub(crate) needed: u64,
    /// Whether all that it makes lies in the cache if the results of all its nodes do.
    pub(crate) by_nodes: bool,
    /// What the keys of its own entries begin with, if it has such.
    pub(crate) head: Option<Head>,
}

/// What of a pipeline's signature is the same for each of its runs at one place of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) digest: KeyDigest,
    /// How many calls of functions a hit stands for. A map counts as one, whatever it has of items.
    pub(crate) calls: u64,
}

/// What a cache can know as a whole of each item of a top-level map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeItem {
    pub(crate) head: Head,
    /// The inputs that count: those which something reads that is needed.
    pub(crate) reads: Vec<usize>,
}

impl PlanNode {
    /// Says what a cache can know of the pipeline that the node is; nothing, if it is a function.
    pub(crate) fn whole(&self) -> &Whole {
        self.whole.get_or_init(|| Whole::of(self))
    }
}

impl Whole {
    fn of(node: &PlanNode) -> Self {
        let NodeKind::Pipeline(inner) = &node.kind else { return Self::default() };
        let needed = inner.0.needed_count(Some(&node.exposed));
        let mut look = Look::new();
        let is_cacheable = look.at(node, inner).is_some();
        // The entry of a single function says as much as one of the pipeline would.
        let is_worth_it = look.calls > 1 || look.maps;
        let by_nodes = is_cacheable && !look.maps;
        let head = if is_cacheable && is_worth_it { look.head(inner, &node.exposed) } else { None };
        Self { needed, by_nodes, head }
    }
}

impl WholeItem {
    /// Says what a cache can know as a whole of an item of a map over this pipeline, of which these outputs are wanted. Where
    /// there is no map inside, the entries of the nodes say as much.
    pub(crate) fn of(pipeline: &Pipeline, outputs: &[usize]) -> Option<Self> {
        let is_read = pipeline.0.reads(Some(outputs));
        let mut look = Look::new();
        look.inside(pipeline, outputs, |at| if is_read[at] { Source::Given } else { Source::Nowhere })?;
        let head = if look.maps { look.head(pipeline, outputs)? } else { return None };
        Some(Self { head, reads: (0..is_read.len()).filter(|&at| is_read[at]).collect() })
    }
}

/// Where a pipeline has the value of an input from.
enum Source {
    Given,
    /// It has it itself.
    Fixed,
    /// Nothing reads it.
    Nowhere,
}

/// A look at all that runs inside of a pipeline.
struct Look {
    hasher: KeyHasher,
    calls: u64,
    /// Whether there is a map inside.
    maps: bool,
    /// Whether the signatures of the inputs, with what is digested here, stand for all that is made.
    signed: bool,
}

impl Look {
    fn new() -> Self {
        let mut hasher = KeyHasher::default();
        hasher.label("flowglass pipeline 2");
        Self { hasher, calls: 0, maps: false, signed: true }
    }

    /// What keys begin with, if a signature stands for all these outputs and they can be kept.
    fn head(self, inner: &Pipeline, outputs: &[usize]) -> Option<Head> {
        let can_be_kept = outputs.iter().all(|&output| inner.0.outputs[output].ty.can_encode());
        let has_head = self.signed && can_be_kept && !outputs.is_empty();
        has_head.then(|| Head { calls: self.calls, digest: self.hasher.finish() })
    }

    /// Looks at a pipeline and what is inside; nothing, if something in it is never cached.
    fn at(&mut self, node: &PlanNode, inner: &Pipeline) -> Option<()> {
        let config = &inner.0.config;
        if !node.cache || matches!(config.cache, Setting::Off) {
            return None;
        }
        let own_ttl = if let Setting::Set(cache) = &config.cache { cache.default_ttl() } else { None };
        // What holds for a time only is as old as the oldest result in it, which only that result's own entry knows.
        self.signed &= node.ttl.is_none() && own_ttl.is_none();
        let is_given = |at: usize| node.args.iter().any(|arg: &Arg| arg.port == at);
        self.inside(inner, &node.exposed, |at| if is_given(at) { Source::Given } else { Source::Fixed })
    }

    /// Looks at what is inside of a pipeline, of which these outputs are needed.
    fn inside(&mut self, inner: &Pipeline, outputs: &[usize], source: impl Fn(usize) -> Source) -> Option<()> {
        self.digest(inner, outputs, source);
        let needed = inner.0.needed(outputs);
        for inside in inner.0.nodes.iter().zip(needed).filter_map(|(inside, needed)| needed.then_some(inside)) {
            self.maps |= inside.map.is_some();
            // What changes a value on its way in is code that no digest knows.
            self.signed &= inside.args.iter().all(|arg| arg.adapter.is_none());
            match &inside.kind {
                NodeKind::Call { spec, .. } => self.at_call(inside, spec)?,
                NodeKind::Pipeline(deeper) => self.at(inside, deeper)?,
            }
        }
        Some(())
    }

    fn at_call(&mut self, node: &PlanNode, spec: &NodeSpec) -> Option<()> {
        self.calls += 1;
        self.signed &= node.ttl.is_none() && spec.keyed_by == KeyedBy::Signatures;
        node.cache.then_some(())
    }

    /// Digests what a pipeline is, what is asked of it, and what is fixed in it.
    fn digest(&mut self, inner: &Pipeline, outputs: &[usize], source: impl Fn(usize) -> Source) {
        let hasher = &mut self.hasher;
        hasher.text(&inner.fingerprint().to_string());
        hasher.list(outputs.len());
        outputs.iter().for_each(|&output| hasher.text(&inner.0.outputs[output].name));
        match &inner.0.config.environment {
            Setting::Inherit => hasher.label("environment around"),
            Setting::Set(environment) => {
                hasher.label("environment");
                hasher.text(environment);
            }
            Setting::Off => hasher.label("no environment"),
        }
        for (at, port) in inner.0.inputs.iter().enumerate() {
            self.hasher.text(&port.name);
            match source(at) {
                Source::Given => self.hasher.label("given"),
                Source::Fixed => self.fixed(port),
                Source::Nowhere => self.hasher.label("unread"),
            }
        }
    }

    /// Digests the value of an input that is never given.
    fn fixed(&mut self, port: &InputPort) {
        self.hasher.label("fixed");
        if let Some(fixed) = &port.default {
            // A value without a key can't be told from another.
            self.signed &= fixed.ty.key(&fixed.value, &mut self.hasher).is_ok();
        }
    }
}
