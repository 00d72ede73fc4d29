//! Which pipelines a cache can know as a whole, those inside others and those of a map's items, and what the keys of their entries
//! begin with.

use super::definition::NodeKind;
use super::wiring::{Arg, PlanNode};
use super::{InputPort, Needs, Pipeline, Setting};
use crate::node::{KeyedBy, NodeSpec};
use crate::value::{KeyDigest, KeyHasher};

/// What a cache can know of a pipeline inside another. It depends on nothing but the plan, and on what is needed there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Whole {
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

impl Whole {
    /// Says what a cache can know of the pipeline that a node is, of which so much is needed; nothing, if it is a function.
    pub(super) fn of(node: &PlanNode, needs: &Needs) -> Self {
        let NodeKind::Pipeline(inner) = &node.kind else { return Self::default() };
        let mut look = Look::new();
        let is_cacheable = look.at(node, inner, needs).is_some();
        // The entry of a single function says as much as one of the pipeline would.
        let is_worth_it = look.calls > 1 || look.maps;
        let by_nodes = is_cacheable && !look.maps;
        let head = if is_cacheable && is_worth_it { look.head(inner, &needs.outputs) } else { None };
        Self { by_nodes, head }
    }
}

impl WholeItem {
    /// Says what a cache can know as a whole of an item of a map over this pipeline, of which so much is needed. Where there is no
    /// map inside, the entries of the nodes say as much.
    pub(crate) fn of(pipeline: &Pipeline, needs: &Needs) -> Option<Self> {
        let mut look = Look::new();
        look.inside(pipeline, needs, |_| Source::Given)?;
        let head = if look.maps { look.head(pipeline, &needs.outputs)? } else { return None };
        Some(Self { head, reads: (0..pipeline.0.inputs.len()).filter(|&at| needs.reads_input(at)).collect() })
    }
}

/// Where a pipeline has the value of an input from that is read.
enum Source {
    Given,
    /// It has it itself.
    Fixed,
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
    fn at(&mut self, node: &PlanNode, inner: &Pipeline, needs: &Needs) -> Option<()> {
        let config = &inner.0.config;
        if !node.cache || matches!(config.cache, Setting::Off) {
            return None;
        }
        let own_ttl = if let Setting::Set(cache) = &config.cache { cache.default_ttl() } else { None };
        // What holds for a time only is as old as the oldest result in it, which only that result's own entry knows.
        self.signed &= node.ttl.is_none() && own_ttl.is_none();
        let is_given = |at: usize| node.args.iter().any(|arg: &Arg| arg.port == at);
        self.inside(inner, needs, |at| if is_given(at) { Source::Given } else { Source::Fixed })
    }

    /// Looks at what is inside of a pipeline, of which so much is needed.
    fn inside(&mut self, inner: &Pipeline, needs: &Needs, source: impl Fn(usize) -> Source) -> Option<()> {
        self.digest(inner, needs, source);
        for at in needs.running.iter() {
            let inside = &inner.0.nodes[at];
            self.maps |= inside.map.is_some();
            // What changes a value on its way in is code that no digest knows.
            self.signed &= inside.args.iter().all(|arg| arg.adapter.is_none());
            match (&inside.kind, needs.inside(at)) {
                (NodeKind::Pipeline(deeper), Some(needed)) => self.at(inside, deeper, &needed.needs)?,
                (NodeKind::Call { spec, .. }, _) => self.at_call(inside, spec)?,
                (NodeKind::Pipeline(_), None) => return None,
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
    fn digest(&mut self, inner: &Pipeline, needs: &Needs, source: impl Fn(usize) -> Source) {
        let hasher = &mut self.hasher;
        hasher.text(&inner.fingerprint().to_string());
        hasher.list(needs.outputs.len());
        needs.outputs.iter().for_each(|&output| hasher.text(&inner.0.outputs[output].name));
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
                _ if !needs.reads_input(at) => self.hasher.label("unread"),
                Source::Given => self.hasher.label("given"),
                Source::Fixed => self.fixed(port),
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
