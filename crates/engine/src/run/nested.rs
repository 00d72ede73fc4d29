//! A pipeline inside of another: its level, what it is given, what the cache has of it, and how its span ends.

use std::sync::Arc;
use std::task::Context;

use flowglass_model::{CacheStatus, EventKind, SpanId};
use flowglass_record::Tick;

use super::attempts::{LevelAttempts, Teller};
use super::border;
use super::call::{Begun, CallSite, Done, Given, Givens};
use super::ended::{Aggregate, Ended, milliseconds};
use super::finished::{Finished, Kept};
use super::hit::{any_lost, restore_first};
use super::level::LevelDone;
use super::open_span::OpenSpan;
use super::probe::{self, AskWhole, Whole};
use super::shared::Level;
use super::slot::{Slot, Slots};
use super::spanned::Spanned;
use super::told::Lot;
use super::transition::{Transition, Whereabouts};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Arg, NodeKind, Pipeline, PlanNode};
use crate::value::{KeyDigest, Type, ValueError};

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
        needs: Arc::clone(&around.inside(node)?.needs),
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
    for (arg, given) in plan.args.iter().zip(given).filter(|(_, given)| !given.slot.is_unread()) {
        slots[arg.port] = Some(inner_slot(arg, &inner.0.inputs[arg.port].ty, given)?);
    }
    Ok(slots)
}

/// Turns what a node is given into what the input inside wants.
fn inner_slot(arg: &Arg, wanted: &Type, given: &Given) -> Result<Slot, Error> {
    if wanted.has_form_of(&given.have) && arg.adapter.is_none() {
        return Ok(given.slot.clone());
    }
    let adapted = given.slot.value(&given.have).and_then(|value| {
        let value = arg.want.adapt(&given.have, value)?;
        arg.adapter.as_ref().map_or(Ok(Arc::clone(&value)), |adapter| adapter(&value))
    });
    let problem = |error: ValueError| Error::new(ErrorKind::Input, format!("input `{}`: {error}", arg.name));
    let adapted = adapted.map_err(problem)?;
    // In another form it is still what it was; what code made of it isn't.
    Ok(match given.slot.signature().filter(|_| arg.adapter.is_none()) {
        Some(signature) => Slot::computed(adapted, Some(signature)),
        None => Slot::shared(adapted),
    })
}

/// What a cache did for a pipeline.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Served {
    /// Whether everything came from it.
    pub(crate) hit: bool,
    pub(crate) saved_ns: u64,
    /// The signature of the pipeline as a whole, if it has one.
    pub(crate) signature: Option<KeyDigest>,
}

/// Runs a pipeline that is a node of a level, or an item of a map over it: from the cache where that has it whole.
/// `is_first` is false where what the cache had was lost.
pub(crate) fn begin(site: CallSite, mut given: Givens, is_first: bool, start: Tick, cx: &mut Context<'_>) -> Begun {
    let NodeKind::Pipeline(inner) = &site.plan().kind else { return missing(start) };
    let inner = inner.clone();
    if site.level.config.cache.is_some() {
        // It is asked for by the pipeline itself, and by whoever inside reads it.
        given.iter_mut().for_each(|given| given.slot.share_digest());
    }
    let finished = match Finished::find(&site, &inner, &given) {
        Ok(finished) => finished,
        Err(_) => return when_restored(site, given, is_first, cx),
    };
    if let Some(finished) = finished.as_ref().filter(|_| is_first)
        && let Some(kept) = finished.lookup(&site, &inner, &given)
    {
        return Begun::Done(end_kept(&site, &inner, finished, kept, (start, Lot::Given(&given))));
    }
    let slots = inner_slots(&inner, site.plan(), &given);
    if slots.is_err() && any_lost(&given) {
        return when_restored(site, given, is_first, cx);
    }
    let ask = ask_again(&site, &inner, finished.as_ref(), &given);
    drop(given);
    begin_level(site, &inner, (finished, ask), slots, (is_first, start), cx)
}

/// Begins a pipeline when what it reads, and the cache has lost, has been computed again.
fn when_restored(site: CallSite, given: Givens, is_first: bool, cx: &mut Context<'_>) -> Begun {
    restore_first(given, move |given, cx| begin(site, given, is_first, Tick::now(), cx), cx)
}

/// Asks once more, before a worker elsewhere gets the pipeline, whether the cache has all that it makes.
fn ask_again(site: &CallSite, inner: &Pipeline, finished: Option<&Finished>, given: &[Given]) -> Option<AskWhole> {
    let remote = site.level.config.inside(&inner.0.config).remote;
    let finished = finished.filter(|_| remote.is_some())?.clone();
    let (site, inner, given) = (site.clone(), inner.clone(), Givens::from(given));
    Some(Arc::new(move || {
        let kept = finished.lookup(&site, &inner, &given)?;
        Some(Whole::of_kept(&inner, site.outputs(), kept, finished.calls))
    }))
}

/// Runs a pipeline that has no entry of its own in the cache.
fn begin_level(
    site: CallSite,
    inner: &Pipeline,
    (finished, ask): (Option<Finished>, Option<AskWhole>),
    slots: Result<Vec<Option<Slot>>, Error>,
    (is_first, start): (bool, Tick),
    cx: &mut Context<'_>,
) -> Begun {
    let (around, plan) = (&site.level, site.plan());
    let open = OpenSpan::start_quiet(around, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    let level = inner_level(around, site.node, inner, site.index, open.span(), site.sampled);
    let Some(level) = level else { return missing(start) };
    let (ports, args) = (inner.0.inputs.as_slice(), Some(plan.args.as_slice()));
    let given = slots.as_ref().map_or(Lot::Unknown, |slots| Lot::Filled { slots, ports, args });
    if let Some(whole) = slots.as_ref().ok().filter(|_| is_first && site.whole().by_nodes)
        && let Some(whole) = probe::whole(&level, whole)
    {
        return Begun::Done(end_whole(&site, open, level, whole, given));
    }
    let total = Some(level.needs.count());
    around.tell_start(&open, start, total, given);
    let slots = match slots {
        Ok(slots) => slots,
        Err(error) => return Begun::Done(end_failed(open, error, &site.path(), Tick::now())),
    };
    level.tell_backend(&open);
    // Items of a map are too many to tell of each border that is crossed.
    let transition = Transition::home(&around.config, &level.config).filter(|_| site.index.is_none());
    let place = around.place.inside(&plan.name, site.index);
    transition.iter().for_each(|transition| transition.enter(&Whereabouts::of(&open, &place)));
    let (level, copy) = border::cross(around, level, &open);
    let attempt = around.sites.nodes[site.node].attempt;
    let teller = Teller { site: site.site, span: open.span(), index: site.index, around: around.span };
    let work = LevelAttempts::new(&level, Some(plan), slots, teller, ask.filter(|_| is_first), start);
    let work = border::under(copy, &level, attempt, work);
    let complete = move |open: OpenSpan, done: LevelDone, end: Tick| {
        transition.iter().for_each(|transition| transition.leave(&Whereabouts::of(&open, &place), None));
        complete(open, &site, &level, finished.as_ref(), done, end)
    };
    Begun::poll_once(Spanned::new(work, open, complete), cx)
}

/// Ends a pipeline that ran: keeps what it made, closes its span.
fn complete(
    mut open: OpenSpan,
    site: &CallSite,
    level: &Level,
    finished: Option<&Finished>,
    done: LevelDone,
    mut end: Tick,
) -> Done {
    // An item that waited for its worker began when the worker did.
    if let Some((start, ended)) = done.away.filter(|_| site.index.is_some() && done.attempts.len() <= 1) {
        (open.frame.start, end) = (start, ended);
    }
    open.record_attempts(site.level.sites.nodes[site.node].attempt, &done.attempts);
    let result = match done.error {
        None => Ok(pick(done.slots, &level.pipeline, &level.needs.outputs)),
        Some(error) => Err(error),
    };
    if let (Some(finished), Ok(made), false) = (finished, &result, done.is_found) {
        let cost_ns = open.frame.start.elapsed_ns(end).saturating_add(done.saved_ns);
        finished.store(site, &level.pipeline, made, cost_ns);
    }
    let hit = done.hit && level.config.cache.is_some();
    let signature = finished.map(|finished| finished.signature);
    match result {
        Ok(slots) => end_level(open, slots, site, end, Served { hit, saved_ns: done.saved_ns, signature }),
        Err(error) => end_failed(open, error, &site.path(), end),
    }
}

/// Ends a pipeline of which the cache has all that it makes, as an entry of its own.
fn end_kept(site: &CallSite, inner: &Pipeline, finished: &Finished, kept: Kept, (start, given): (Tick, Lot<'_>)) -> Done {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    let Kept { slots, saved_ns } = kept;
    let served = Served { hit: true, saved_ns, signature: Some(finished.signature) };
    let level = inner
        .0
        .config
        .own_recorder()
        .and_then(|_| inner_level(&site.level, site.node, inner, site.index, open.span(), site.sampled));
    end_found(site, open, level, (slots, given), finished.calls, served)
}

/// Ends a pipeline of which the cache has all that its nodes make.
fn end_whole(site: &CallSite, open: OpenSpan, level: Arc<Level>, whole: Whole, given: Lot<'_>) -> Done {
    let slots = pick(whole.slots, &level.pipeline, &level.needs.outputs);
    let served = Served { hit: true, saved_ns: whole.saved_ns, signature: None };
    end_found(site, open, Some(level), (slots, given), whole.hits, served)
}

/// Ends a pipeline that came whole from the cache; what is inside isn't told of. As a node it tells of its start all the same,
/// as an item only when it really starts.
fn end_found(
    site: &CallSite,
    open: OpenSpan,
    level: Option<Arc<Level>>,
    (slots, given): (Slots, Lot<'_>),
    calls: u64,
    served: Served,
) -> Done {
    if site.index.is_none() {
        let total = site.level.inside(site.node).map(|inside| inside.needs.count());
        site.level.tell_start(&open, open.frame.start, total, given);
    }
    let end = Tick::now();
    if let Some((level, Some(copy))) = level.map(|level| border::cross(&site.level, level, &open)) {
        border::end_copy(copy, &level, None, end, served);
    }
    site.level.count_hits(site.site, calls, served.saved_ns);
    end_level(open, slots, site, end, served)
}

/// Takes what is asked for out of what a pipeline made.
pub(crate) fn pick(mut slots: Vec<Option<Slot>>, pipeline: &Pipeline, outputs: &[usize]) -> Slots {
    let first = pipeline.0.inputs.len();
    outputs.iter().filter_map(|&output| slots[first + output].take()).collect()
}

/// Ends the span of a pipeline that ran well inside of another.
fn end_level(open: OpenSpan, slots: Slots, site: &CallSite, end: Tick, served: Served) -> Done {
    let began = Some(open.frame.start);
    end_span(open, None, end, served, site.made(&slots));
    Done { hit: served.hit, saved_ns: served.saved_ns, end, result: Ok(slots), began }
}

/// Ends the span of a pipeline that failed inside of another.
pub(crate) fn end_failed(open: OpenSpan, error: Error, path: &str, end: Tick) -> Done {
    let (error, began) = (open.place(error, path), Some(open.frame.start));
    end_span(open, Some(&error), end, Served::default(), Lot::Unknown);
    Done { hit: false, saved_ns: 0, end, result: Err(error), began }
}

/// Ends the span of a pipeline, or of an item that is one.
pub(crate) fn end_span(mut open: OpenSpan, error: Option<&Error>, end: Tick, served: Served, made: Lot<'_>) {
    let Served { hit, saved_ns, signature } = served;
    let signature = signature.as_ref();
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
            open.end_with(&Ended::Hit { signature, saved_ns, lookup_ns }, end, made);
        }
        None => {
            let cache = if cached { status } else { CacheStatus::Off };
            open.end_with(&Ended::Computed { cache, signature }, end, made);
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
    for node in inside.needs.running.iter() {
        skip(&inside, node, now);
    }
}

pub(crate) fn missing(end: Tick) -> Begun {
    let result = Err(Error::new(ErrorKind::Build, "the plan and its layout do not agree"));
    Begun::Done(Done { result, hit: false, saved_ns: 0, end, began: None })
}
