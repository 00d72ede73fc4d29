//! Which pipelines inside others a cache can know as a whole, and what the keys of their entries begin with.

use super::definition::NodeKind;
use super::wiring::{Arg, PlanNode};
use super::{InputPort, Pipeline, Setting};
use crate::node::{KeyedBy, NodeSpec};
use crate::value::{KeyDigest, KeyHasher, Type};

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
        let mut look = Look { hasher: KeyHasher::default(), calls: 0, maps: false, signed: true };
        look.hasher.label("flowglass pipeline 1");
        let is_cacheable = look.at(node, inner).is_some();
        // A list that a map made stays in the entries of its items, so that each is loaded, and found again, by itself.
        let made = node.exposed.iter().map(|&output| &inner.0.outputs[output].ty);
        let of_items = made.clone().any(|ty| matches!(ty, Type::List(_)));
        // The entry of a single function says as much as one of the pipeline would.
        let is_worth_it = look.calls > 1 || look.maps;
        let has_head = is_cacheable && look.signed && is_worth_it && !of_items && made.len() > 0;
        let by_nodes = is_cacheable && !look.maps;
        let head = has_head.then(|| Head { calls: look.calls, digest: look.hasher.finish() });
        Self { needed, by_nodes, head }
    }
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
    /// Looks at a pipeline and what is inside; nothing, if something in it is never cached.
    fn at(&mut self, node: &PlanNode, inner: &Pipeline) -> Option<()> {
        let config = &inner.0.config;
        if !node.cache || matches!(config.cache, Setting::Off) {
            return None;
        }
        let own_ttl = if let Setting::Set(cache) = &config.cache { cache.default_ttl() } else { None };
        // What holds for a time only is as old as the oldest result in it, which only that result's own entry knows.
        self.signed &= node.ttl.is_none() && own_ttl.is_none();
        self.digest(node, inner);
        let needed = inner.0.needed(&node.exposed);
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
    fn digest(&mut self, node: &PlanNode, inner: &Pipeline) {
        let hasher = &mut self.hasher;
        hasher.text(&inner.fingerprint().to_string());
        hasher.list(node.exposed.len());
        node.exposed.iter().for_each(|&output| hasher.text(&inner.0.outputs[output].name));
        match &inner.0.config.environment {
            Setting::Inherit => hasher.label("environment around"),
            Setting::Set(environment) => {
                hasher.label("environment");
                hasher.text(environment);
            }
            Setting::Off => hasher.label("no environment"),
        }
        let is_given = |at: usize| node.args.iter().any(|arg: &Arg| arg.port == at);
        for (at, port) in inner.0.inputs.iter().enumerate() {
            self.hasher.text(&port.name);
            if is_given(at) {
                self.hasher.label("given");
            } else {
                self.fixed(port);
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
