//! Whether everything that must travel to a worker can, found out before anything runs.

use crate::backend::Backend;
use crate::error::{Error, ErrorKind};
use crate::pipeline::{NodeKind, Pipeline, PlanNode, Setting};
use crate::value::Type;

/// Checks the nodes of a pipeline with this backend, and of those inside, that are handed to workers.
///
/// # Errors
/// [`ErrorKind::Build`], naming the node, the value and its type.
pub(crate) fn check(pipeline: &Pipeline, backend: Option<&Backend>) -> Result<(), Error> {
    let is_remote = matches!(backend, Some(Backend::Remote(_)));
    for node in &pipeline.0.nodes {
        match &node.kind {
            NodeKind::Pipeline(inner) => {
                let own = inside(inner, backend);
                let whole = if node.map.is_some() { items_travel_whole(inner) } else { travels_whole(inner) };
                if whole && matches!(own, Some(Backend::Remote(_))) {
                    check_pipeline(pipeline, node, inner)?;
                } else {
                    check(inner, own)?;
                }
            }
            NodeKind::Call { spec, .. } if is_remote => {
                let outputs = spec.outputs.iter().map(|output| (&*output.name, &output.ty));
                check_values(pipeline, node, outputs)?;
            }
            NodeKind::Call { .. } => {}
        }
    }
    Ok(())
}

/// Checks a run of a pipeline with this backend, as far as that wasn't done when it was built.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_run(pipeline: &Pipeline, backend: Option<&Backend>) -> Result<(), Error> {
    if matches!(backend, Some(Backend::Remote(_))) { check(pipeline, backend) } else { Ok(()) }
}

/// Checks a map over a pipeline with this backend, of which these outputs are wanted.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_map(pipeline: &Pipeline, backend: Option<&Backend>, outputs: &[usize]) -> Result<(), Error> {
    if !matches!(backend, Some(Backend::Remote(_))) || !items_travel_whole(pipeline) {
        return check_run(pipeline, backend);
    }
    if let Some(port) = pipeline.0.inputs.iter().find(|port| !port.ty.can_encode()) {
        return Err(refusal(pipeline, &port.reader, &port.name, &port.ty));
    }
    let unfit = outputs.iter().map(|&output| &pipeline.0.outputs[output]).find(|port| !port.ty.can_encode());
    unfit.map_or(Ok(()), |port| Err(refusal(pipeline, &pipeline.0.nodes[port.node].name, &port.name, &port.ty)))
}

/// The backend of a pipeline inside of one with this backend.
fn inside<'a>(pipeline: &'a Pipeline, around: Option<&'a Backend>) -> Option<&'a Backend> {
    match &pipeline.0.config.backend {
        Setting::Inherit => around,
        Setting::Set(backend) => Some(backend),
        Setting::Off => None,
    }
}

/// Says whether a pipeline that is handed to a worker can run there: nothing inside has a backend of its own, or a recorder,
/// which only this process has.
pub(crate) fn travels_whole(pipeline: &Pipeline) -> bool {
    let config = &pipeline.0.config;
    matches!(config.backend, Setting::Inherit) && config.own_recorder().is_none() && items_travel_whole(pipeline)
}

/// Says whether items of a map over a pipeline, which may have a backend of its own, can be handed to workers.
pub(crate) fn items_travel_whole(pipeline: &Pipeline) -> bool {
    pipeline.0.nodes.iter().all(|node| match &node.kind {
        NodeKind::Pipeline(inner) => travels_whole(inner),
        NodeKind::Call { .. } => true,
    })
}

fn check_pipeline(pipeline: &Pipeline, node: &PlanNode, inner: &Pipeline) -> Result<(), Error> {
    let outputs = node.exposed.iter().map(|&output| &inner.0.outputs[output]).map(|port| (&*port.name, &port.ty));
    check_values(pipeline, node, outputs)
}

/// Checks what a node reads and what it makes.
fn check_values<'a>(
    pipeline: &Pipeline,
    node: &'a PlanNode,
    outputs: impl Iterator<Item = (&'a str, &'a Type)>,
) -> Result<(), Error> {
    let inputs = node.args.iter().map(|arg| (&*arg.name, &arg.want));
    match inputs.chain(outputs).find(|(_, ty)| !ty.can_encode()) {
        None => Ok(()),
        Some((name, ty)) => Err(refusal(pipeline, &node.name, name, ty)),
    }
}

fn refusal(pipeline: &Pipeline, node: &str, name: &str, ty: &Type) -> Error {
    let message = format!(
        "pipeline `{}`: `{name}: {ty}` can't travel to a worker: it isn't `Serialize + DeserializeOwned`; keep `{node}` local \
         (in a pipeline with a `LocalBackend`), or let it make its own",
        pipeline.name()
    );
    Error::new(ErrorKind::Build, message)
}
