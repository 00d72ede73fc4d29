//! A node with its names outside: what it reads and makes there, before anything is wired.

use super::config::Config;
use super::definition::{NodeDef, NodeKind};
use super::inputs::Typed;
use super::setting::Setting;
use super::wiring::error;
use crate::error::Error;
use crate::nearest::nearest;
use crate::value::{DEEPEST, Type};

/// What a node of a draft reads.
pub(super) struct Wanted {
    pub(super) param: String,
    pub(super) outer: String,
    pub(super) ty: Type,
    pub(super) mapped: bool,
    pub(super) default: Option<Typed>,
    /// Which of the node's parameters or of the inputs inside it is.
    pub(super) port: usize,
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
    pub(super) ty: Type,
    pub(super) inner: usize,
}

/// A node with its names outside, not yet wired.
pub(super) struct Draft {
    pub(super) def: NodeDef,
    pub(super) name: String,
    pub(super) wants: Vec<Wanted>,
    pub(super) makes: Vec<Made>,
}

/// A parameter of a function, or an input of a pipeline.
struct Port {
    name: String,
    ty: Type,
    default: Option<Typed>,
    is_bound: bool,
}

impl Draft {
    /// Works out what a node reads and makes under its names outside.
    pub(super) fn new(mut def: NodeDef) -> Result<Self, Error> {
        configure(&mut def)?;
        let name = def.own_name().to_owned();
        let (ports, outputs) = (ports(&def.kind), outputs(&def.kind));
        check_inputs(&name, &def, &ports)?;
        check_names(
            &name,
            "output",
            def.outputs.iter().map(|(inner, _)| inner),
            outputs.iter().map(|(name, _)| name.as_str()),
        )?;
        let wants: Vec<_> = ports.into_iter().enumerate().filter_map(|(at, port)| wanted(&def, at, port)).collect();
        let makes: Vec<_> = outputs.into_iter().enumerate().filter_map(|(at, output)| made(&def, at, output)).collect();
        wants.iter().try_for_each(|want| check_depth(&name, "reads", &want.outer, &want.outer_type()))?;
        makes.iter().try_for_each(|made| check_depth(&name, "makes", &made.outer, &made.ty))?;
        Ok(Self { def, name, wants, makes })
    }
}

/// Lays what this use says over what a pipeline says itself.
fn configure(def: &mut NodeDef) -> Result<(), Error> {
    let name = def.own_name().to_owned();
    match &mut def.kind {
        NodeKind::Call { .. } => match def.config.of_pipelines_only() {
            None => Ok(()),
            Some(aspect) => Err(error(format!(
                "`{aspect}` is for pipelines, and node `{name}` is a function; put it into a pipeline of its own to set it apart"
            ))),
        },
        NodeKind::Pipeline(inner) => {
            let off = Config { cache: Setting::Off, ..Config::default() };
            let used = if def.cache == Some(false) { off.over(&def.config) } else { def.config.clone() };
            if !used.says_nothing() {
                *inner = inner.configured(&used);
            }
            Ok(())
        }
    }
}

fn ports(kind: &NodeKind) -> Vec<Port> {
    match kind {
        NodeKind::Call { spec, .. } => spec
            .params
            .iter()
            .map(|param| Port {
                name: param.name.clone(),
                ty: param.ty.clone(),
                default: param.default.clone(),
                is_bound: false,
            })
            .collect(),
        NodeKind::Pipeline(inner) => (inner.0.inputs.iter())
            .map(|port| Port {
                name: port.name.clone(),
                ty: port.ty.clone(),
                default: port.default.clone(),
                is_bound: port.bound.is_some(),
            })
            .collect(),
    }
}

fn outputs(kind: &NodeKind) -> Vec<(String, Type)> {
    match kind {
        NodeKind::Call { spec, .. } => spec.outputs.iter().map(|output| (output.name.clone(), output.ty.clone())).collect(),
        NodeKind::Pipeline(inner) => inner.0.outputs.iter().map(|port| (port.name.clone(), port.ty.clone())).collect(),
    }
}

fn wanted(def: &NodeDef, at: usize, port: Port) -> Option<Wanted> {
    let Port { name: param, ty, default, is_bound } = port;
    let given = |names: &[(String, String)]| names.iter().find(|(inner, _)| *inner == param).map(|(_, outer)| outer.clone());
    let mapped = given(&def.map_over);
    let is_mapped = mapped.is_some();
    let renamed = mapped.or_else(|| given(&def.inputs));
    let kept = default.is_some() && def.kept_defaults.contains(&param);
    let outer = match (renamed, &def.kind) {
        // What is bound, or kept at its default, is no business of the pipeline outside.
        (None, NodeKind::Pipeline(_)) if kept || is_bound => return None,
        (Some(_), NodeKind::Pipeline(_)) if kept => return None,
        // A function has no place for a value of its own, so its default becomes an input that nobody else reads.
        (_, NodeKind::Call { .. }) if kept => format!("{}.{param}", def.own_name()),
        (Some(outer), _) => outer,
        (None, _) => param.clone(),
    };
    Some(Wanted { param, outer, ty, mapped: is_mapped, default, port: at })
}

fn made(def: &NodeDef, at: usize, (output, ty): (String, Type)) -> Option<Made> {
    let renamed = def.outputs.iter().find(|(inner, _)| *inner == output).map(|(_, outer)| outer.clone());
    let hide_unnamed = matches!(def.kind, NodeKind::Pipeline(_)) && !def.outputs.is_empty();
    let outer = if hide_unnamed { renamed? } else { renamed.unwrap_or(output) };
    let ty = if def.map_over.is_empty() { ty } else { ty.list() };
    Some(Made { outer, ty, inner: at })
}

/// Sees to it that lists can be given and had as `Vec`s, which are described so deep and no deeper.
fn check_depth(node: &str, does: &str, value: &str, ty: &Type) -> Result<(), Error> {
    let depth = ty.list_depth();
    if depth <= DEEPEST {
        return Ok(());
    }
    Err(error(format!(
        "node `{node}` {does} `{value}` as lists in lists {depth} deep, and maps go at most {DEEPEST} deep; let a function inside take \
         the innermost lists as a `Vec`"
    )))
}

/// Sees to it that what a use says of inputs is said of inputs that there are.
fn check_inputs(node: &str, def: &NodeDef, ports: &[Port]) -> Result<(), Error> {
    let known = || ports.iter().map(|port| port.name.as_str());
    let renamed = def.inputs.iter().chain(&def.map_over).map(|(inner, _)| inner);
    let adapted = def.adapters.iter().map(|(inner, _)| inner);
    check_names(node, "input", renamed.chain(adapted).chain(&def.kept_defaults), known())?;
    match ports.iter().find(|port| port.default.is_none() && def.kept_defaults.contains(&port.name)) {
        None => Ok(()),
        Some(port) => Err(error(format!("node `{node}` is to keep the default of its input `{}`, which has none", port.name))),
    }
}

fn check_names<'a>(
    node: &str,
    what: &str,
    mut given: impl Iterator<Item = &'a String>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    let Some(wrong) = given.find(|&inner| !known.clone().any(|name| name == inner)) else { return Ok(()) };
    let known: Vec<&str> = known.collect();
    let hint = match (nearest(wrong, known.iter().copied()), known.is_empty()) {
        (Some(name), _) => format!("; did you mean `{name}`?"),
        (None, true) => format!("; it has no {what}s"),
        (None, false) => format!("; it has {}", known.join(", ")),
    };
    Err(error(format!("node `{node}` has no {what} `{wrong}`{hint}")))
}
