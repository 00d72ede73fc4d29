//! What a run is given and asked for, checked against what its nodes read and make.

use std::sync::Arc;

use super::call::Given;
use super::slot::Slot;
use crate::error::{Error, ErrorKind};
use crate::nearest::nearest;
use crate::pipeline::{InputPort, Inputs, Needs, Pipeline, Typed};

/// Which outputs were asked for, by their index.
pub(super) fn wanted(pipeline: &Pipeline, names: Option<&[String]>) -> Result<Option<Vec<usize>>, Error> {
    let Some(names) = names else { return Ok(None) };
    names
        .iter()
        .map(|name| pipeline.0.output(name).ok_or_else(|| unknown_output(pipeline, name)))
        .collect::<Result<_, _>>()
        .map(Some)
}

pub(super) fn unknown_output(pipeline: &Pipeline, name: &str) -> Error {
    let known = || pipeline.0.outputs.iter().map(|port| port.name.as_str());
    let hint = nearest(name, known()).map(|name| format!("; did you mean `{name}`?"));
    let hint = hint.unwrap_or_else(|| format!("; it has {}", known().collect::<Vec<_>>().join(", ")));
    Error::new(ErrorKind::Output, format!("pipeline `{}` has no output `{name}`{hint}", pipeline.name()))
}

/// What these outputs need, which were asked for; without them, everything.
pub(super) fn needs(pipeline: &Pipeline, wanted: Option<&[usize]>) -> Arc<Needs> {
    let plan = &pipeline.0;
    wanted.map_or_else(|| Arc::clone(plan.everything()), |wanted| Arc::new(Needs::of(plan, wanted)))
}

/// Puts inputs and defaults into slots, checked against what the nodes read that run.
pub(super) fn bind(pipeline: &Pipeline, inputs: Inputs, over: &[String], needs: &Needs) -> Result<Vec<Option<Given>>, Error> {
    let plan = &pipeline.0;
    let default = |port: &InputPort| port.default.clone().map(|default| checked(port, default, false)).transpose();
    let mut given = plan.inputs.iter().map(default).collect::<Result<Vec<Option<Given>>, Error>>()?;
    for (name, typed) in inputs.0 {
        let at = pipeline.input_named(&name)?;
        given[at] = Some(checked(&plan.inputs[at], typed, over.contains(&name))?);
    }
    let is_missing = |at: usize| given[at].is_none() && needs.reads_input(at);
    let missing: Vec<&InputPort> =
        plan.inputs.iter().enumerate().filter(|(at, _)| is_missing(*at)).map(|(_, port)| port).collect();
    match missing.as_slice() {
        [] => Ok(given),
        [port, more @ ..] => {
            let more = more.iter().map(|port| format!(", `{}`", port.name)).collect::<String>();
            let message = format!("pipeline `{}` needs the input `{}`{more}", pipeline.name(), port.name);
            Err(Error::new(ErrorKind::Input, format!("{message} (a {}, read by node `{}`)", port.ty, port.reader)))
        }
    }
}

/// Turns a value into what its port wants: one literal number type into another, a list where it is mapped over.
fn checked(port: &InputPort, typed: Typed, mapped: bool) -> Result<Given, Error> {
    if mapped {
        let item = typed.ty.item();
        return match item {
            Some(item) if item.fits(&port.ty) => Ok(typed.into()),
            Some(item) => Err(Error::new(
                ErrorKind::Input,
                format!("the items of `{}` are `{item}`, but node `{}` reads a `{}`", port.name, port.reader, port.ty),
            )),
            None => {
                Err(Error::new(ErrorKind::Input, format!("`{}` is mapped over, but a `{}` is not a list", port.name, typed.ty)))
            }
        };
    }
    port.accept(typed).map(Given::from)
}

impl From<Typed> for Given {
    fn from(typed: Typed) -> Self {
        Self { slot: Slot::shared(typed.value), have: typed.ty }
    }
}
