//! Wires nodes by their names: which value is read by whom, in which order nodes run, and what doesn't fit.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flowglass_model::{Fingerprint, Graph};

use super::builder::PipelineBuilder;
use super::definition::{Adapter, MapMode, NodeDef, NodeKind};
use super::draft::{Draft, Wanted};
use super::inputs::Inputs;
use super::needs::Inside;
use super::steps::Steps;
use super::{OutputPort, Pipeline, Plan, order, ports, shape};
use crate::capture::Capture;
use crate::error::{Error, ErrorKind};
use crate::policy::Retry;
use crate::remote::travel;
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
    /// For how long its cached results hold.
    pub(crate) ttl: Option<Duration>,
    /// What is shown of its values, where it says so itself.
    pub(crate) capture: Option<Capture>,
    /// What is needed of it where all that it makes is read, if it is a pipeline; worked out when that is first asked.
    pub(crate) inside: OnceLock<Arc<Inside>>,
    /// Its place among the nodes as they were given to the builder.
    pub(crate) declared: usize,
    /// The nodes that read its outputs.
    pub(crate) readers: Vec<usize>,
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

pub(super) fn error(message: String) -> Error {
    Error::new(ErrorKind::Build, message)
}

pub(super) fn build(builder: PipelineBuilder) -> Result<Pipeline, Error> {
    let PipelineBuilder { name, id, version, nodes, declared, defaults, config } = builder;
    let in_pipeline = |problem: Error| error(format!("pipeline `{name}`: {}", problem.message()));
    let drafts = nodes.into_iter().map(Draft::new).collect::<Result<Vec<_>, _>>().map_err(in_pipeline)?;
    let makers = order::makers(&drafts).map_err(in_pipeline)?;
    let order = order::order(&drafts, &makers).map_err(in_pipeline)?;
    let mut plan = assemble(drafts, &order, declared, &defaults).map_err(in_pipeline)?;
    plan.id = id.unwrap_or_else(|| name.clone());
    plan.name = name.into();
    plan.version = version;
    plan.config = config;
    plan.graph = Arc::new(shape::graph(&plan));
    let pipeline = Pipeline(Arc::new(plan));
    travel::check(&pipeline, pipeline.0.config.backend.resolve(None).as_ref())?;
    Ok(pipeline)
}

fn assemble(drafts: Vec<Draft>, order: &[usize], declared: Vec<(String, Type)>, defaults: &Inputs) -> Result<Plan, Error> {
    let ports = ports::inputs(&drafts, order, declared, defaults)?;
    let mut outputs: Vec<OutputPort> = Vec::new();
    let mut slots: HashMap<String, (usize, Option<usize>, Type)> =
        ports.iter().enumerate().map(|(slot, port)| (port.name.clone(), (slot, None, port.ty.clone()))).collect();
    let mut nodes: Vec<PlanNode> = Vec::with_capacity(order.len());
    let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
    for (declared, draft) in order.iter().filter_map(|&at| Some((at, drafts[at].take()?))) {
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
        let ttl = draft.def.time_to_live();
        nodes.push(PlanNode {
            name: draft.name.into(),
            args,
            outputs: first..ports.len() + outputs.len(),
            exposed,
            map: (!draft.def.map_over.is_empty()).then_some(draft.def.map_mode),
            cache,
            retry,
            timeout,
            ttl,
            capture: draft.def.config.capture,
            inside: OnceLock::new(),
            declared,
            readers: Vec::new(),
            kind: draft.def.kind,
        });
    }
    Ok(Plan {
        steps: Arc::new(Steps::of(&nodes, &outputs)),
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
        everything: OnceLock::new(),
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
            def.config.timeout.resolve(spec.timeout),
        ),
        // The limit around a pipeline holds for all that is in it; only one of its own needs a clock of its own.
        NodeKind::Pipeline(inner) => (def.cache.unwrap_or(true), def.retry.clone(), inner.0.config.timeout.resolve(None)),
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
