//! A pipeline inside of another: its level, what it is given, and how its span ends.

use std::sync::Arc;
use std::task::Context;

use flowglass_model::{CacheStatus, EventKind, SpanId};
use flowglass_record::Tick;

use super::attempts::{LevelAttempts, Teller};
use super::border;
use super::call::{Begun, Done, Given, Givens};
use super::hit::{any_lost, restore_first};
use super::level::LevelDone;
use super::open_span::{Aggregate, Ended, OpenSpan, Spanned, milliseconds};
use super::shared::Level;
use super::slot::{Slot, Slots};
use super::transition::{Transition, Whereabouts};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Arg, NodeKind, Pipeline, PlanNode};
use crate::value::{Type, ValueError};

/// Makes the level of a pipeline inside of another.
pub(crate) fn inner_level(
    around: &Arc<Level>,
    node: usize,
    inner: &Pipeline,
    index: Option<u64>,
    span: SpanId,
    sampled: bool,
) -> Option<Arc<Level>> {
    let sites = Arc::clone(around.sites.nodes[node].inner.as_ref()?);
    let mut config = around.config.inside(&inner.0.config);
    if !around.pipeline.0.nodes[node].cache {
        config.cache = None;
    }
    if let Some(ttl) = around.pipeline.0.nodes[node].ttl {
        config.cache = config.cache.map(|cache| cache.ttl(ttl));
    }
    Some(Arc::new(Level {
        run: Arc::clone(&around.run),
        scope: around.scope.clone(),
        is_on_thread: around.is_on_thread,
        cancel: around.cancel.child(),
        gate: around.gate.clone(),
        pipeline: inner.clone(),
        sites,
        trail: around.trail_inside(inner, span, sampled),
        recorded: sampled && config.telemetry,
        sampled,
        config,
        span,
        place: around.place.inside(&around.pipeline.0.nodes[node].name, index),
    }))
}

/// Puts what a node is given into the slots of the pipeline inside, with its defaults.
pub(crate) fn inner_slots(inner: &Pipeline, plan: &PlanNode, given: &[Given]) -> Result<Vec<Option<Slot>>, Error> {
    let mut slots: Vec<Option<Slot>> = inner
        .0
        .inputs
        .iter()
        .map(|port| port.default.as_ref().map(|default| Slot::shared(Arc::clone(&default.value))))
        .collect();
    for (arg, given) in plan.args.iter().zip(given) {
        slots[arg.port] = Some(inner_slot(arg, &inner.0.inputs[arg.port].ty, given)?);
    }
    Ok(slots)
}

/// Turns what a node is given into what the input inside wants.
fn inner_slot(arg: &Arg, wanted: &Type, given: &Given) -> Result<Slot, Error> {
    let same = matches!((&given.have, wanted), (Type::Leaf(have), Type::Leaf(want)) if have.id == want.id);
    if same && arg.adapter.is_none() {
        return Ok(given.slot.clone());
    }
    let adapted = given.slot.value(&given.have).and_then(|value| {
        let value = arg.want.adapt(&given.have, value)?;
        arg.adapter.as_ref().map_or(Ok(Arc::clone(&value)), |adapter| adapter(&value))
    });
    let problem = |error: ValueError| Error::new(ErrorKind::Input, format!("input `{}`: {error}", arg.name));
    Ok(Slot::shared(adapted.map_err(problem)?))
}

/// Runs a pipeline as a node under a span of its own.
pub(crate) fn begin_pipeline(
    around: &Arc<Level>,
    node: usize,
    inner: &Pipeline,
    given: Givens,
    start: Tick,
    cx: &mut Context<'_>,
) -> Begun {
    let (plan, site, index) = (&around.pipeline.0.nodes[node], around.sites.nodes[node].site, None);
    let slots = inner_slots(inner, plan, &given);
    if slots.is_err() && any_lost(&given) {
        let (around, inner) = (Arc::clone(around), inner.clone());
        let begin = move |given, cx: &mut Context<'_>| begin_pipeline(&around, node, &inner, given, Tick::now(), cx);
        return restore_first(given, begin, cx);
    }
    drop(given);
    let recorded = around.records(inner, around.sampled);
    let total = u64::try_from(inner.0.nodes.len()).ok();
    let open = OpenSpan::start(around, site, index, recorded, start, total);
    let Some(level) = inner_level(around, node, inner, None, open.span(), around.sampled) else { return missing(start) };
    level.tell_backend(&open);
    let exposed = plan.exposed.clone();
    let place = around.place.inside(&plan.name, index);
    let slots = match slots {
        Ok(slots) => slots,
        Err(error) => return Begun::Done(end_level(open, Err(error), &place.path(), Tick::now(), (false, 0))),
    };
    let transition = Transition::home(&around.config, &level.config).filter(|_| recorded);
    transition.iter().for_each(|transition| transition.enter(&Whereabouts::of(&open, &place)));
    let attempt = around.sites.nodes[node].attempt;
    let (level, copy) = border::cross(around, level, &open);
    let teller = Teller { site, span: open.span(), index, around: around.span };
    let work = LevelAttempts::new(&level, Some(plan), slots, Some(exposed.as_slice().into()), teller, start);
    let work = border::under(copy, &level, Some(attempt), work);
    let complete = move |mut open: OpenSpan, done: LevelDone, end: Tick| {
        open.record_attempts(attempt, &done.attempts);
        transition.iter().for_each(|transition| transition.leave(&Whereabouts::of(&open, &place), None));
        let offset = level.pipeline.0.inputs.len();
        let result = match done.error {
            None => Ok(exposed.iter().filter_map(|&output| done.slots[offset + output].clone()).collect()),
            Some(error) => Err(error),
        };
        end_level(open, result, &place.path(), end, (done.hit, done.saved_ns))
    };
    Begun::poll_once(Spanned::new(work, open, complete), cx)
}

/// Ends the span of a pipeline that ran inside of another.
pub(crate) fn end_level(
    open: OpenSpan,
    result: Result<Slots, Error>,
    path: &str,
    end: Tick,
    (hit, saved_ns): (bool, u64),
) -> Done {
    let result = result.map_err(|error| open.place(error, path));
    let began = Some(open.frame.start);
    end_span(open, result.as_ref().err(), end, (hit, saved_ns));
    Done { hit, saved_ns, end, result, began }
}

/// Ends the span of a pipeline, or of an item that is one.
pub(crate) fn end_span(mut open: OpenSpan, error: Option<&Error>, end: Tick, (hit, saved_ns): (bool, u64)) {
    let cached = open.level.config.cache.is_some();
    let status = if hit { CacheStatus::Hit } else { CacheStatus::Write };
    let is_pipeline = open.index().is_none();
    if is_pipeline {
        let cache = if cached && error.is_none() { Aggregate::Cache(status) } else { Aggregate::None };
        let saved = if hit { Aggregate::Float(milliseconds(saved_ns)) } else { Aggregate::None };
        open.aggregates = vec![Aggregate::None, Aggregate::None, Aggregate::None, saved, cache];
    }
    match error {
        None if hit => {
            let lookup_ns = open.frame.start.elapsed_ns(end);
            open.end(&Ended::Hit { signature: None, saved_ns, lookup_ns }, end);
        }
        None => {
            let cache = if cached { status } else { CacheStatus::Off };
            open.end(&Ended::Computed { cache, signature: None }, end);
        }
        Some(error) => open.end(&Ended::Failed { error }, end),
    }
}

/// Tells of a node that will never start, and of all that would have run inside of it.
pub(crate) fn skip(level: &Arc<Level>, node: usize, now: Tick) {
    level.tell(level.sites.nodes[node].site, SpanId::NONE, None, now, EventKind::Skipped);
    let plan = &level.pipeline.0.nodes[node];
    let NodeKind::Pipeline(inner) = &plan.kind else { return };
    if level.is_unheard() {
        return;
    }
    let Some(inside) = inner_level(level, node, inner, None, SpanId::NONE, false) else { return };
    let needed = inner.0.needed(&plan.exposed);
    for node in (0..needed.len()).filter(|&node| needed[node]) {
        skip(&inside, node, now);
    }
}

pub(crate) fn missing(end: Tick) -> Begun {
    let result = Err(Error::new(ErrorKind::Build, "the plan and its layout do not agree"));
    Begun::Done(Done { result, hit: false, saved_ns: 0, end, began: None })
}
