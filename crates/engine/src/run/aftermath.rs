//! What is found out when something has failed: what the node was given, and what became of the nodes beside it.

use flowglass_model::{AttributeValue, FailureReport, LevelReport, conventions as names};
use flowglass_record::Value as AttributeInput;

use super::call::{CallSite, Given};
use super::ended::Ended;
use super::map::PREVIEW_BYTES;
use super::open_span::OpenSpan;
use super::shared::Level;
use super::slot::Slot;
use crate::capture::{Capture, Showing};
use crate::error::{Error, ErrorKind};
use crate::pipeline::Arg;
use crate::value::Type;

/// What became of a node of a level in which another failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Finished,
    Cancelled,
    Skipped,
    /// It failed itself, or nobody needed it.
    Other,
}

/// What a node was given, for the case that it fails. What it took for itself is missing.
pub(super) struct Lent {
    pub(super) node: usize,
    pub(super) given: Vec<Option<Slot>>,
}

/// Adds to an error what its node was given, unless something inside the node knows that better.
pub(super) fn with_inputs(error: Error, level: &Level, node: usize, lent: Option<&Lent>) -> Error {
    let is_known = error.found().is_none_or(|found| !found.around.is_empty() || !found.inputs.is_empty());
    if is_known || level.capture_of(node) == Capture::Off || matches!(error.kind(), ErrorKind::Items | ErrorKind::Cancelled) {
        return error;
    }
    let showing = level.showing(level.capture_of(node));
    let given = lent.map_or(&[][..], |lent| &lent.given);
    let inputs = level.pipeline.0.nodes[node].args.iter().zip(given).map(|(arg, slot)| {
        let shown = slot.as_ref().map_or_else(|| taken(&arg.have), |slot| preview(showing, &arg.name, slot, &arg.have));
        (arg.name.clone(), shown)
    });
    let inputs = inputs.collect();
    error.explained(|report| report.inputs = inputs)
}

/// Shows what a node is about to be given, before it takes it for itself. An item's map can show it later, and a node on the
/// straight path costs too little for this.
pub(super) fn shown(site: &CallSite, given: &[Given]) -> Vec<(String, String)> {
    let showing = site.level.showing(site.level.capture_of(site.node));
    if site.index.is_some() || showing.is_off() {
        return Vec::new();
    }
    let shown = |(arg, given): (&Arg, &Given)| (arg.name.clone(), preview(showing, &arg.name, &given.slot, &given.have));
    site.plan().args.iter().zip(given).filter(|(_, given)| !given.slot.is_unread()).map(shown).collect()
}

/// Stands for a value that its node took for itself, so that nothing is left to be shown.
fn taken(have: &Type) -> String {
    format!("<{have}, taken by the node>")
}

/// Shows the beginning of a value. One that lies in the cache isn't loaded for this, and secrets aren't shown.
pub(super) fn preview(showing: Showing<'_>, name: &str, slot: &Slot, have: &Type) -> String {
    showing.whole(name, have, PREVIEW_BYTES, |limit| slot.preview(have, limit))
}

/// Adds to an error what became of the other nodes of a level.
pub(super) fn with_fates(error: Error, level: &Level, fate: impl Fn(usize) -> Fate) -> Error {
    let nodes = &level.pipeline.0.nodes;
    let with = |wanted: Fate| {
        let nodes = nodes.iter().enumerate().filter(|(node, _)| fate(*node) == wanted);
        nodes.map(|(_, node)| node.name.to_string()).collect::<Vec<_>>()
    };
    let around = LevelReport {
        path: level.place.path(),
        finished: with(Fate::Finished),
        cancelled: with(Fate::Cancelled),
        skipped: with(Fate::Skipped),
    };
    let name = level.config.remote.as_ref().map_or("local", |remote| remote.name());
    let mode = level.config.backend.node_execution.as_str();
    error.explained(|report| {
        report.backend.get_or_insert_with(|| format!("{name}, {mode}"));
        report.around.push(around);
    })
}

/// What a span says of a failure besides the error itself.
#[derive(Default)]
pub(super) struct Explanation {
    path: Option<String>,
    inputs: Option<AttributeValue>,
    backend: Option<String>,
    skipped: Option<AttributeValue>,
}

impl Explanation {
    /// Explains what ended with an error: the level that the error has just come through, or an item by its inputs.
    pub(super) fn of(open: &OpenSpan, ended: &Ended<'_>) -> Self {
        let Ended::Failed { error } = ended else { return Self::default() };
        let Some(found) = error.found() else { return Self::default() };
        let is_level = open.level.site(open.site).children > 0;
        match found.around.last() {
            Some(around) if is_level => Self::of_level(found, around),
            None if open.index().is_some() && !found.inputs.is_empty() => {
                Self { inputs: Some(map(&found.inputs)), ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    fn of_level(found: &FailureReport, around: &LevelReport) -> Self {
        let is_innermost = found.around.len() == 1;
        let skipped = around.skipped.iter().map(|name| AttributeValue::Str(name.clone())).collect::<Vec<_>>();
        Self {
            path: Some(found.path.clone()),
            inputs: (is_innermost && !found.inputs.is_empty()).then(|| map(&found.inputs)),
            backend: found.backend.clone().filter(|_| is_innermost),
            skipped: (!skipped.is_empty()).then_some(AttributeValue::List(skipped)),
        }
    }

    /// Returns the attributes that a span gets for it.
    pub(super) fn attributes(&self) -> Vec<(&'static str, AttributeInput<'_>)> {
        let texts = [(names::FAILURE_PATH, &self.path), (names::FAILURE_BACKEND, &self.backend)];
        let texts = texts.into_iter().filter_map(|(key, value)| Some((key, AttributeInput::Str(value.as_deref()?))));
        let values = [(names::FAILURE_INPUTS, &self.inputs), (names::FAILURE_SKIPPED, &self.skipped)];
        let values = values.into_iter().filter_map(|(key, value)| Some((key, AttributeInput::Json(value.as_ref()?))));
        texts.chain(values).collect()
    }
}

fn map(inputs: &[(String, String)]) -> AttributeValue {
    AttributeValue::Map(inputs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())
}
