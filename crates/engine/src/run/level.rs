//! One pipeline at work: starts each node when what it reads is there, and ends with all values or the first error.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flowglass_model::{CacheStatus, EventKind, SpanId};
use flowglass_record::Tick;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;

use super::attempts::{Attempts, LevelAttempts, Teller};
use super::call::{self, Begun, CallSite, Done, Given, Givens};
use super::map::MapWork;
use super::open_span::{Aggregate, Ended, OpenSpan, Spanned};
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::backend::Execution;
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Arg, NodeKind, Pipeline, PlanNode};
use crate::value::{Type, ValueError};

/// A pipeline at work. A future of its slots; dropped before its end, what runs is cancelled and what waits is skipped.
pub(crate) struct LevelWork {
    level: Arc<Level>,
    slots: Vec<Option<Slot>>,
    needed: Vec<bool>,
    /// Of how many nodes each node still waits.
    waits_for: Vec<usize>,
    /// Nodes that can start; the lowest first, so that the order is the plan's.
    ready: BTreeSet<usize>,
    started: Vec<bool>,
    running: FuturesUnordered<Tagged>,
    error: Option<Error>,
    all_hit: bool,
    saved_ns: u64,
    over: bool,
}

/// What a level gave.
pub(crate) struct LevelDone {
    /// The values that were made, also where the level failed.
    pub(crate) slots: Vec<Option<Slot>>,
    pub(crate) error: Option<Error>,
    /// Whether every node's result came from the cache.
    pub(crate) hit: bool,
    pub(crate) saved_ns: u64,
    /// The attempts that were made, where there may be several.
    pub(crate) attempts: Attempts,
}

/// A node's work and which node it is.
struct Tagged(usize, Pin<Box<dyn Future<Output = Done> + Send>>);

impl Future for Tagged {
    type Output = (usize, Done);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let node = self.0;
        self.1.as_mut().poll(cx).map(|done| (node, done))
    }
}

impl LevelWork {
    /// Prepares a level: `inputs` fill the first slots; only what `outputs` need is run (everything, if it is `None`).
    pub(crate) fn new(level: Arc<Level>, inputs: Vec<Option<Slot>>, outputs: Option<&[usize]>) -> Self {
        let plan = &level.pipeline.0;
        let needed = needed(&level.pipeline, outputs);
        let waits_for: Vec<usize> = plan.nodes.iter().map(|node| node.reads_from).collect();
        let ready = (0..plan.nodes.len()).filter(|&node| needed[node] && waits_for[node] == 0).collect();
        let mut slots = inputs;
        slots.resize(plan.inputs.len() + plan.outputs.len(), None);
        Self {
            started: vec![false; plan.nodes.len()],
            slots,
            needed,
            waits_for,
            ready,
            running: FuturesUnordered::new(),
            error: None,
            all_hit: true,
            saved_ns: 0,
            over: false,
            level,
        }
    }

    fn may_start(&self) -> bool {
        let backend = &self.level.config.backend;
        match backend.node_execution {
            Execution::Sequential => self.running.is_empty(),
            Execution::Async => true,
            Execution::Threads => self.running.len() < backend.max_workers,
        }
    }

    fn start(&mut self, node: usize, cx: &mut Context<'_>) -> Begun {
        self.started[node] = true;
        let plan = &self.level.pipeline.0.nodes[node];
        let start = Tick::now();
        let sites = &self.level.sites.nodes[node];
        match (&plan.kind, plan.map) {
            (_, Some(mode)) => {
                let given = self.given(plan);
                MapWork::begin_node(&self.level, node, given, mode, start, cx)
            }
            (NodeKind::Call { .. }, None) => {
                let level = Arc::clone(&self.level);
                let recorded = level.recorded;
                let site = CallSite { level, node, site: sites.site, index: None, recorded, items: None };
                call::begin(site, &self.given(plan), start, cx)
            }
            (NodeKind::Pipeline(inner), None) => {
                let given = self.given(plan);
                let open_level = |span| inner_level(&self.level, node, inner, None, span, self.level.recorded);
                begin_pipeline(&self.level, node, sites.site, None, given, start, cx, open_level)
            }
        }
    }

    fn given(&self, plan: &PlanNode) -> Givens {
        let given = |arg: &Arg| {
            let slot = self.slots[arg.slot].clone()?;
            Some(Given { slot, have: arg.have.clone() })
        };
        plan.args.iter().filter_map(given).collect()
    }

    fn finish(&mut self, node: usize, done: Done) {
        self.all_hit &= done.hit;
        self.saved_ns += done.saved_ns;
        match done.result {
            Ok(slots) => {
                let plan = &self.level.pipeline.0.nodes[node];
                for (at, slot) in plan.outputs.clone().zip(slots) {
                    self.slots[at] = Some(slot);
                }
                for &reader in &plan.readers {
                    self.waits_for[reader] -= 1;
                    if self.waits_for[reader] == 0 && self.needed[reader] {
                        self.ready.insert(reader);
                    }
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    /// Cancels what runs, and tells of what will never start.
    fn stop(&mut self) {
        self.running.clear();
        self.over = true;
        let now = Tick::now();
        for node in (0..self.started.len()).filter(|&node| self.needed[node] && !self.started[node]) {
            let site = self.level.sites.nodes[node].site;
            self.level.tell(site, SpanId::NONE, None, now, EventKind::Skipped);
        }
    }
}

impl Future for LevelWork {
    type Output = LevelDone;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LevelDone> {
        let this = self.get_mut();
        loop {
            while this.error.is_none() && this.may_start() {
                let Some(node) = this.ready.pop_first() else { break };
                if this.level.run.cancel.is_cancelled() {
                    this.error = Some(cancelled());
                    break;
                }
                match this.start(node, cx) {
                    Begun::Done(done) => this.finish(node, done),
                    Begun::Running(future) => this.running.push(Tagged(node, future)),
                }
            }
            if let Some(error) = this.error.take() {
                this.stop();
                return Poll::Ready(LevelDone {
                    slots: std::mem::take(&mut this.slots),
                    error: Some(error),
                    hit: false,
                    saved_ns: this.saved_ns,
                    attempts: Attempts::new(),
                });
            }
            match Pin::new(&mut this.running).poll_next(cx) {
                Poll::Ready(Some((node, done))) => this.finish(node, done),
                Poll::Ready(None) => {
                    this.over = true;
                    let slots = std::mem::take(&mut this.slots);
                    let (hit, saved_ns) = (this.all_hit, this.saved_ns);
                    return Poll::Ready(LevelDone { slots, error: None, hit, saved_ns, attempts: Attempts::new() });
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for LevelWork {
    fn drop(&mut self) {
        if !self.over {
            self.stop();
        }
    }
}

pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled")
}

/// Which nodes must run so that these outputs (by their index) are made.
pub(crate) fn needed(pipeline: &Pipeline, outputs: Option<&[usize]>) -> Vec<bool> {
    let plan = &pipeline.0;
    let Some(outputs) = outputs else { return vec![true; plan.nodes.len()] };
    let mut needed = vec![false; plan.nodes.len()];
    for &output in outputs {
        needed[plan.outputs[output].node] = true;
    }
    // Readers stand behind what they read from, so one pass from the end finds all.
    for node in (0..plan.nodes.len()).rev().filter(|&node| needed[node]).collect::<Vec<_>>() {
        mark(plan, node, &mut needed);
    }
    needed
}

fn mark(plan: &crate::pipeline::Plan, node: usize, needed: &mut [bool]) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for arg in &plan.nodes[node].args {
            if let Some(output) = arg.slot.checked_sub(plan.inputs.len()) {
                let maker = plan.outputs[output].node;
                if !std::mem::replace(&mut needed[maker], true) {
                    open.push(maker);
                }
            }
        }
    }
}

/// Makes the level of a pipeline inside of another.
pub(crate) fn inner_level(
    around: &Arc<Level>,
    node: usize,
    inner: &Pipeline,
    index: Option<u64>,
    span: SpanId,
    recorded: bool,
) -> Option<Arc<Level>> {
    let sites = Arc::clone(around.sites.nodes[node].inner.as_ref()?);
    let mut config = around.config.inside(&inner.0.config);
    if !around.pipeline.0.nodes[node].cache {
        config.cache = None;
    }
    Some(Arc::new(Level {
        run: Arc::clone(&around.run),
        pipeline: inner.clone(),
        sites,
        recorded: recorded && config.telemetry,
        config,
        span,
        place: around.place.inside(&around.pipeline.0.nodes[node].name, index),
    }))
}

/// Puts what a node is given into the slots of the pipeline inside, with its defaults.
pub(crate) fn inner_slots(inner: &Pipeline, plan: &PlanNode, given: Givens) -> Result<Vec<Option<Slot>>, Error> {
    let mut slots: Vec<Option<Slot>> = inner
        .0
        .inputs
        .iter()
        .map(|port| port.default.as_ref().map(|default| Slot::unsigned(Arc::clone(&default.value))))
        .collect();
    for (arg, given) in plan.args.iter().zip(given) {
        slots[arg.port] = Some(inner_slot(arg, &inner.0.inputs[arg.port].ty, given)?);
    }
    Ok(slots)
}

/// Turns what a node is given into what the input inside wants.
fn inner_slot(arg: &Arg, wanted: &Type, given: Given) -> Result<Slot, Error> {
    let same = matches!((&given.have, wanted), (Type::Leaf(have), Type::Leaf(want)) if have.id == want.id);
    if same && arg.adapter.is_none() {
        return Ok(given.slot);
    }
    let adapted = given.slot.value(&given.have).and_then(|value| {
        let value = arg.want.adapt(&given.have, value)?;
        arg.adapter.as_ref().map_or(Ok(Arc::clone(&value)), |adapter| adapter(&value))
    });
    let problem = |error: ValueError| Error::new(ErrorKind::Input, format!("input `{}`: {error}", arg.name));
    Ok(Slot::unsigned(adapted.map_err(problem)?))
}

/// Runs a pipeline as a node (or as one item of a map) under a span of its own.
#[expect(clippy::too_many_arguments, reason = "a place in the plan, what it is given, and how it is polled")]
pub(crate) fn begin_pipeline(
    around: &Arc<Level>,
    node: usize,
    site: u32,
    index: Option<u64>,
    given: Givens,
    start: Tick,
    cx: &mut Context<'_>,
    open_level: impl FnOnce(SpanId) -> Option<Arc<Level>>,
) -> Begun {
    let plan = &around.pipeline.0.nodes[node];
    let NodeKind::Pipeline(inner) = &plan.kind else { return missing(start) };
    let recorded = around.recorded;
    let total = u64::try_from(inner.0.nodes.len()).ok();
    let open = OpenSpan::start(around, site, index, recorded, start, total);
    let (Some(level), slots) = (open_level(open.span()), inner_slots(inner, plan, given)) else { return missing(start) };
    let exposed = plan.exposed.clone();
    let place = around.place.inside(&plan.name, index);
    let slots = match slots {
        Ok(slots) => slots,
        Err(error) => return Begun::Done(end_level(open, Err(error), &place.path(), Tick::now(), (false, 0))),
    };
    let attempt = around.sites.nodes[node].attempt;
    let teller = Teller { site, span: open.span(), index };
    let work = LevelAttempts::new(&level, Some(plan), slots, Some(exposed.as_slice().into()), teller, start);
    let complete = move |mut open: OpenSpan, done: LevelDone, end: Tick| {
        open.record_attempts(attempt, &done.attempts);
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
    mut open: OpenSpan,
    result: Result<Slots, Error>,
    path: &str,
    end: Tick,
    (hit, saved_ns): (bool, u64),
) -> Done {
    let run = open.level.run.id;
    let attempts = open.attempts;
    let result = result.map_err(|error| error.at(path, None, run, attempts));
    let cached = open.level.config.cache.is_some();
    let status = if hit { CacheStatus::Hit } else { CacheStatus::Write };
    let is_pipeline = open.index().is_none();
    if is_pipeline {
        let cache = if cached && result.is_ok() { Aggregate::Cache(status) } else { Aggregate::None };
        let saved = if hit { Aggregate::Float(super::open_span::milliseconds(saved_ns)) } else { Aggregate::None };
        open.aggregates = vec![Aggregate::None, Aggregate::None, Aggregate::None, saved, cache];
    }
    match &result {
        Ok(_) if hit => {
            let lookup_ns = open.frame.start.elapsed_ns(end);
            open.end(&Ended::Hit { signature: None, saved_ns, lookup_ns }, end);
        }
        Ok(_) => {
            let cache = if cached { status } else { CacheStatus::Off };
            open.end(&Ended::Computed { cache, signature: None }, end);
        }
        Err(error) => open.end(&Ended::Failed { error }, end),
    }
    Done { hit, saved_ns, end, result }
}

pub(crate) fn missing(end: Tick) -> Begun {
    let result = Err(Error::new(ErrorKind::Build, "the plan and its layout do not agree"));
    Begun::Done(Done { result, hit: false, saved_ns: 0, end })
}
