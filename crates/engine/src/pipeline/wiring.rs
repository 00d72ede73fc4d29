//! Wires nodes by their names: which value is read by whom, in which order nodes run, and what doesn't fit.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flowglass_model::{Fingerprint, Graph};

use super::builder::PipelineBuilder;
use super::definition::{Adapter, MapMode, NodeDef, NodeKind};
use super::inputs::{Inputs, Typed};
use super::steps::Steps;
use super::{OutputPort, Pipeline, Plan, ports, shape};
use crate::error::{Error, ErrorKind};
use crate::nearest::nearest;
use crate::policy::Retry;
use crate::value::Type;

/// A node of a plan.
#[derive(Clone)]
pub(crate) struct PlanNode {
    pub(crate) name: Arc<str>,
    pub(crate) kind: NodeKind,
    pub(crate) args: Vec<Arg>,
    /// The slots of its outputs.
    pub(crate) outputs: Range<usize>,
    /// For each of its outputs, its place among the outputs of the node or the pipeline inside.
    pub(crate) exposed: Vec<usize>,
    pub(crate) map: Option<MapMode>,
    pub(crate) cache: bool,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
    /// The nodes that read its outputs.
    pub(crate) readers: Vec<usize>,
    /// How many nodes it reads from.
    pub(crate) reads_from: usize,
}

/// What a node reads.
#[derive(Clone)]
pub(crate) struct Arg {
    /// The parameter's name, or the name of the input of the pipeline inside.
    pub(crate) name: String,
    pub(crate) slot: usize,
    /// The type of the value in the slot.
    pub(crate) have: Type,
    /// The type that the parameter wants (of one element, where it is mapped).
    pub(crate) want: Type,
    pub(crate) mapped: bool,
    /// For a pipeline: which of its inputs this is.
    pub(crate) port: usize,
    pub(crate) adapter: Option<Adapter>,
}

/// What a node of a draft reads.
pub(super) struct Wanted {
    pub(super) param: String,
    pub(super) outer: String,
    pub(super) ty: Type,
    pub(super) mapped: bool,
    pub(super) default: Option<Typed>,
    port: usize,
}

impl Wanted {
    /// The type that the value outside must fit.
    pub(super) fn outer_type(&self) -> Type {
        if self.mapped { self.ty.clone().list() } else { self.ty.clone() }
    }
}

/// What a node of a draft makes.
pub(super) struct Made {
    pub(super) outer: String,
    ty: Type,
    inner: usize,
}

/// A node with its names outside, not yet wired.
pub(super) struct Draft {
    def: NodeDef,
    pub(super) name: String,
    pub(super) wants: Vec<Wanted>,
    pub(super) makes: Vec<Made>,
}

pub(super) fn error(message: String) -> Error {
    Error::new(ErrorKind::Build, message)
}

pub(super) fn build(builder: PipelineBuilder) -> Result<Pipeline, Error> {
    let PipelineBuilder { name, id, version, nodes, declared, defaults, config } = builder;
    let in_pipeline = |problem: Error| error(format!("pipeline `{name}`: {}", problem.message()));
    let drafts = nodes.into_iter().map(draft).collect::<Result<Vec<_>, _>>().map_err(in_pipeline)?;
    let makers = makers(&drafts).map_err(in_pipeline)?;
    let order = order(&drafts, &makers).map_err(in_pipeline)?;
    let mut plan = assemble(drafts, &order, declared, &defaults).map_err(in_pipeline)?;
    plan.graph = Arc::new(shape::graph(&name, &version, &plan));
    plan.id = id.unwrap_or_else(|| name.clone());
    plan.name = name.into();
    plan.version = version;
    plan.config = config;
    Ok(Pipeline(Arc::new(plan)))
}

/// Works out what a node reads and makes under its names outside.
fn draft(def: NodeDef) -> Result<Draft, Error> {
    let name = def.own_name().to_owned();
    let (params, outputs): (Vec<_>, Vec<_>) = match &def.kind {
        NodeKind::Call { spec, .. } => (
            spec.params.iter().map(|param| (param.name.clone(), param.ty.clone(), None)).collect(),
            spec.outputs.iter().map(|output| (output.name.clone(), output.ty.clone())).collect(),
        ),
        NodeKind::Pipeline(inner) => (
            inner.0.inputs.iter().map(|port| (port.name.clone(), port.ty.clone(), port.default.clone())).collect(),
            inner.0.outputs.iter().map(|port| (port.name.clone(), port.ty.clone())).collect(),
        ),
    };
    check_names(&name, "input", def.inputs.iter().chain(&def.map_over), params.iter().map(|(name, _, _)| name.as_str()))?;
    check_names(&name, "output", def.outputs.iter(), outputs.iter().map(|(name, _)| name.as_str()))?;
    let wants = params
        .into_iter()
        .enumerate()
        .filter(|(_, (param, _, default))| default.is_none() || !def.kept_defaults.contains(param))
        .map(|(port, (param, ty, default))| {
            let mapped = def.map_over.iter().find(|(inner, _)| *inner == param);
            let renamed = mapped.or_else(|| def.inputs.iter().find(|(inner, _)| *inner == param));
            let outer = renamed.map_or_else(|| param.clone(), |(_, outer)| outer.clone());
            Wanted { param, outer, ty, mapped: mapped.is_some(), default, port }
        })
        .collect();
    let hide_unnamed = matches!(def.kind, NodeKind::Pipeline(_)) && !def.outputs.is_empty();
    let makes = outputs
        .into_iter()
        .enumerate()
        .filter_map(|(inner, (output, ty))| {
            let renamed = def.outputs.iter().find(|(inner, _)| *inner == output).map(|(_, outer)| outer.clone());
            let outer = if hide_unnamed { renamed? } else { renamed.unwrap_or(output) };
            let ty = if def.map_over.is_empty() { ty } else { ty.list() };
            Some(Made { outer, ty, inner })
        })
        .collect();
    Ok(Draft { def, name, wants, makes })
}

fn check_names<'a>(
    node: &str,
    what: &str,
    given: impl Iterator<Item = &'a (String, String)>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    for (inner, _) in given {
        if !known.clone().any(|name| name == inner) {
            let hint = nearest(inner, known.clone()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            return Err(error(format!("node `{node}` has no {what} `{inner}`{hint}")));
        }
    }
    Ok(())
}

/// Finds for each value the node that makes it.
fn makers(drafts: &[Draft]) -> Result<HashMap<&str, usize>, Error> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if names.insert(&draft.name, at).is_some() {
            return Err(error(format!("two nodes are called `{}`; give one another name with `named`", draft.name)));
        }
        for made in &draft.makes {
            if let Some(other) = makers.insert(&made.outer, at) {
                return Err(error(format!(
                    "`{}` is made by two nodes, `{}` and `{}`; rename one output",
                    made.outer, drafts[other].name, draft.name
                )));
            }
        }
    }
    Ok(makers)
}

/// Sorts the nodes so that each stands behind those it reads from; ties by name.
fn order(drafts: &[Draft], makers: &HashMap<&str, usize>) -> Result<Vec<usize>, Error> {
    let reads: Vec<Vec<usize>> = drafts
        .iter()
        .map(|draft| {
            let mut from: Vec<usize> = draft.wants.iter().filter_map(|want| makers.get(&*want.outer).copied()).collect();
            from.sort_unstable();
            from.dedup();
            from
        })
        .collect();
    let mut left: Vec<usize> = reads.iter().map(Vec::len).collect();
    let mut readers = vec![Vec::new(); drafts.len()];
    for (reader, from) in reads.iter().enumerate() {
        from.iter().for_each(|&maker| readers[maker].push(reader));
    }
    let mut ready: BinaryHeap<_> =
        (0..drafts.len()).filter(|&at| left[at] == 0).map(|at| Reverse((&drafts[at].name, at))).collect();
    let mut order = Vec::with_capacity(drafts.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            left[reader] -= 1;
            if left[reader] == 0 {
                ready.push(Reverse((&drafts[reader].name, reader)));
            }
        }
    }
    if order.len() == drafts.len() { Ok(order) } else { Err(cycle(drafts, &reads, &left)) }
}

/// Names one circle among the nodes that never became ready.
fn cycle(drafts: &[Draft], reads: &[Vec<usize>], left: &[usize]) -> Error {
    let mut at = (0..drafts.len()).find(|&at| left[at] > 0).unwrap_or(0);
    let mut seen: Vec<usize> = Vec::new();
    while !seen.contains(&at) {
        seen.push(at);
        // A node that never became ready reads from at least one other such node.
        at = reads[at].iter().copied().find(|&maker| left[maker] > 0).unwrap_or(at);
    }
    let start = seen.iter().position(|&other| other == at).unwrap_or(0);
    let mut names: Vec<&str> = seen[start..].iter().rev().map(|&at| drafts[at].name.as_str()).collect();
    // The circle has no beginning; the first name in the alphabet makes the message the same each time.
    let first = names.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
    names.rotate_left(first);
    names.push(names[0]);
    error(format!("these nodes need each other in a cycle: {}", names.join(" → ")))
}

fn assemble(drafts: Vec<Draft>, order: &[usize], declared: Vec<(String, Type)>, defaults: &Inputs) -> Result<Plan, Error> {
    let ports = ports::inputs(&drafts, order, declared, defaults)?;
    let mut outputs: Vec<OutputPort> = Vec::new();
    let mut slots: HashMap<String, (usize, Option<usize>, Type)> =
        ports.iter().enumerate().map(|(slot, port)| (port.name.clone(), (slot, None, port.ty.clone()))).collect();
    let mut nodes: Vec<PlanNode> = Vec::with_capacity(order.len());
    let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
    for draft in order.iter().filter_map(|&at| drafts[at].take()) {
        let node = nodes.len();
        let mut reads_from = Vec::new();
        let mut args = Vec::with_capacity(draft.wants.len());
        for want in &draft.wants {
            let Some((slot, maker, have)) = slots.get(&want.outer) else { continue };
            check_fit(&draft.name, want, have, maker.map(|maker| &*nodes[maker].name))?;
            reads_from.extend(*maker);
            let name = want.param.clone();
            let port = want.port;
            let adapter = draft.def.adapters.iter().find(|(inner, _)| *inner == name).map(|(_, adapter)| Arc::clone(adapter));
            let (have, ty) = (have.clone(), want.ty.clone());
            args.push(Arg { name, slot: *slot, have, want: ty, mapped: want.mapped, port, adapter });
        }
        reads_from.sort_unstable();
        reads_from.dedup();
        for &maker in &reads_from {
            nodes[maker].readers.push(node);
        }
        for arg in args.iter().filter(|arg| arg.slot >= ports.len()) {
            outputs[arg.slot - ports.len()].consumed = true;
        }
        let first = ports.len() + outputs.len();
        let exposed = draft.makes.iter().map(|made| made.inner).collect();
        for made in draft.makes {
            let slot = ports.len() + outputs.len();
            slots.insert(made.outer.clone(), (slot, Some(node), made.ty.clone()));
            outputs.push(OutputPort { name: made.outer, slot, ty: made.ty, node, consumed: false });
        }
        let (cache, retry, timeout) = policies(&draft.def);
        nodes.push(PlanNode {
            name: draft.name.into(),
            args,
            outputs: first..ports.len() + outputs.len(),
            exposed,
            map: (!draft.def.map_over.is_empty()).then_some(draft.def.map_mode),
            cache,
            retry,
            timeout,
            readers: Vec::new(),
            reads_from: reads_from.len(),
            kind: draft.def.kind,
        });
    }
    Ok(Plan {
        steps: Arc::new(Steps::of(&nodes, ports.len(), &outputs)),
        name: "".into(),
        id: String::new(),
        version: String::new(),
        config: super::Config::default(),
        inputs: ports,
        nodes,
        outputs,
        graph: Arc::new(Graph {
            fingerprint: Fingerprint::default(),
            name: String::new(),
            version: String::new(),
            inputs: Vec::new(),
            nodes: Vec::new(),
        }),
        run_layout: OnceLock::new(),
        map_layout: OnceLock::new(),
        own_recorder: OnceLock::new(),
    })
}

fn policies(def: &NodeDef) -> (bool, Option<Retry>, Option<Duration>) {
    match &def.kind {
        NodeKind::Call { spec, .. } => (
            def.cache.unwrap_or(spec.cache) && spec.code.is_some(),
            def.retry.clone().or_else(|| spec.retry.clone()),
            def.timeout.or(spec.timeout),
        ),
        NodeKind::Pipeline(_) => (def.cache.unwrap_or(true), def.retry.clone(), def.timeout),
    }
}

fn check_fit(node: &str, want: &Wanted, have: &Type, maker: Option<&str>) -> Result<(), Error> {
    let wanted = want.outer_type();
    if have.fits(&wanted) {
        return Ok(());
    }
    let made_by = maker.map_or_else(|| "an input".to_owned(), |maker| format!("made by node `{maker}`"));
    let hint = match have.item() {
        Some(item) if !want.mapped && item.fits(&want.ty) => {
            format!("; to run `{node}` once for each element, use `.map_over(\"{}\", \"{}\")`", want.param, want.outer)
        }
        _ => String::new(),
    };
    Err(error(format!("`{}`, {made_by}, is a `{have}`, but node `{node}` reads it as `{wanted}`{hint}", want.outer)))
}
