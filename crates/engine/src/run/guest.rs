//! Work for a driver elsewhere: one call or one run of a pipeline, under a span that the driver has opened and will end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass_model::{Attributes, Propagation, RunId, SpanId, flags};
use flowglass_record::{Context, Frame, NO_INDEX, Recorder, Scope, ScopeSpec, Tick, Verdict};
use parking_lot::Mutex;

use super::gate::Detached;
use super::leaving::securing;
use super::level::LevelWork;
use super::map::MapItems;
use super::place::Place;
use super::shared::{Clock, Level, Observer, RunShared};
use super::slot::Slot;
use super::totals::Totals;
use super::user_code::{self, Attempt, Guarded, ThreadLimits, check};
use crate::backend::Execution;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::feed::Feeds;
use crate::node::{Call, Inputs, NodeContext, NodeSpec, Outputs};
use crate::pipeline::{LevelConfig, Needs, NodeKind, Pipeline};
use crate::remote::{Counts, Signed};
use crate::value::Value;

/// A visit from another process: what is run here, and on whose account.
pub(crate) struct Guest {
    pub(crate) pipeline: Pipeline,
    pub(crate) run: RunId,
    pub(crate) recorder: Recorder,
    pub(crate) attributes: Attributes,
    /// What travels with the driver's trace.
    pub(crate) carried: Propagation,
    /// The driver's span, under which everything here is recorded.
    pub(crate) span: SpanId,
    /// What becomes of the driver's trace.
    pub(crate) verdict: Verdict,
    /// Whether sampling keeps the item.
    pub(crate) recorded: bool,
    /// Where the driver's span stands: names and indexes from the root to it.
    pub(crate) place: Vec<(String, Option<u64>)>,
    pub(crate) config: LevelConfig,
    pub(crate) cancel: CancelToken,
    pub(crate) map_items: MapItems,
    pub(crate) grace: Duration,
    pub(crate) observe: Option<Observer>,
}

/// The first site inside of a pipeline: its own is 0.
pub(crate) const FIRST_SITE: u32 = 1;

/// What the run of a pipeline came to.
pub(crate) struct GuestDone {
    /// The outputs that were asked for, with their signatures.
    pub(crate) result: Result<Vec<(Value, Signed)>, Error>,
    /// Whether every node came from the cache.
    pub(crate) hit: bool,
    pub(crate) counts: Counts,
}

/// Calls one node of the pipeline.
pub(crate) async fn call(guest: Guest, node: usize, inputs: Inputs, attempt: u32) -> Result<Outputs, Error> {
    let needs = Arc::clone(guest.pipeline.0.everything());
    let (level, context) = guest.open(needs);
    let work = Box::pin(call_at(Arc::clone(&level), node, inputs, attempt));
    Visiting { context, scope: level.scope.clone(), inner: work }.await
}

/// Runs the pipeline as far as it is needed. What isn't given it has itself, where it is read.
pub(crate) async fn level(guest: Guest, inputs: Vec<Option<(Value, Signed)>>, needs: &Arc<Needs>) -> GuestDone {
    let (level, context) = guest.open(Arc::clone(needs));
    let slots = inputs.into_iter().zip(&level.pipeline.0.inputs).map(|(given, port)| {
        let given = given.map(|(value, signed)| Slot::with_signed(value, &port.ty, &signed));
        given.or_else(|| port.default.as_ref().map(|own| Slot::shared(Arc::clone(&own.value))))
    });
    let slots = slots.collect();
    let outputs = &needs.outputs;
    let work = LevelWork::new(Arc::clone(&level), slots);
    let work = securing(&level.pipeline, Some(outputs), work);
    let done = Visiting { context, scope: level.scope.clone(), inner: work }.await;
    let hit = done.hit;
    let slots = done.error.map_or(Ok(done.slots), Err);
    let result = slots.and_then(|slots| outputs.iter().map(|&output| made(&level.pipeline, &slots, output)).collect());
    GuestDone { result, hit, counts: level.run.totals.counts() }
}

fn made(pipeline: &Pipeline, slots: &[Option<Slot>], output: usize) -> Result<(Value, Signed), Error> {
    let port = &pipeline.0.outputs[output];
    let slot = slots.get(port.slot).and_then(Option::as_ref);
    let slot = slot.ok_or_else(|| Error::new(ErrorKind::Output, format!("output `{}` was not made", port.name)))?;
    let value = slot.value(&port.ty).map_err(|error| Error::new(ErrorKind::Cache, error.to_string()))?;
    Ok((value, slot.signed()))
}

async fn call_at(level: Arc<Level>, node: usize, inputs: Inputs, attempt: u32) -> Result<Outputs, Error> {
    let NodeKind::Call { node, spec } = &level.pipeline.0.nodes[node].kind else {
        return Err(Error::new(ErrorKind::Build, "a pipeline was called as a function"));
    };
    let context = NodeContext {
        run: level.run.id,
        span: level.span,
        sampled: level.recorded && level.scope.is_recording(),
        path: level.place.names().into(),
        index: level.place.index(),
        attempt,
        cancel: level.cancel.clone(),
    };
    let threads = level.config.backend.map_execution == Execution::Threads && !spec.asynchronous;
    if spec.blocking || threads {
        let (run, span, path) = (Arc::clone(&level.run), level.span, level.place.path());
        let limits = ThreadLimits {
            cancel: level.cancel.clone(),
            // The driver keeps the time.
            timeout: None,
            grace: run.grace,
            detach: Box::new(move || run.detached.add(span, Some(path))),
        };
        let scope = level.scope.fork(&frame(level.span, level.recorded));
        let call = user_code::call_on_thread(Arc::clone(node), inputs, context, scope, limits)?;
        return ended(spec, call, Guarded::unstoppable).await;
    }
    let call = user_code::call(&**node, inputs, &context)?;
    ended(spec, call, |future| Guarded::new(future, &level.cancel)).await
}

async fn ended(spec: &NodeSpec, call: Call, guard: impl FnOnce(Attempt) -> Guarded) -> Result<Outputs, Error> {
    match call {
        Call::Ready(result) => check(spec, result),
        Call::Pending(future) => check(spec, guard(future).await),
    }
}

impl Guest {
    /// Opens the level that the guest's work is done on, and the context in which it is done.
    fn open(self, needs: Arc<Needs>) -> (Arc<Level>, Context) {
        let layout = Arc::clone(self.pipeline.run_layout());
        let spec = ScopeSpec {
            trace_id: self.run.trace,
            verdict: self.verdict,
            templates: Arc::clone(&layout.templates),
            attributes: self.attributes.clone(),
        };
        let context = Context::from(self.carried);
        let entered = context.enter();
        // Forked, so that what users record stands under the driver's span.
        let scope = self.recorder.scope(spec).fork(&frame(self.span, self.recorded));
        drop(entered);
        let sites = Arc::clone(&layout.level);
        let run = Arc::new(RunShared {
            id: self.run,
            outside: None,
            layout,
            observer: self.observe,
            cancel: self.cancel,
            grace: self.grace,
            detached: Detached::default(),
            most_nodes: None,
            clock: Clock { start: Tick::now(), start_unix_ns: unix_now_ns() },
            totals: Totals::default(),
            map_items: self.map_items,
            redaction: self.recorder.redaction(),
            attributes: self.attributes,
            next_event: Mutex::default(),
            tally: Arc::default(),
            feeds: Feeds::new(Vec::new(), None),
        });
        let (recorded, span) = (self.recorded && self.config.telemetry, self.span);
        let place = Place::at(&self.place);
        let cancel = run.cancel.child();
        let level = Level {
            run,
            scope,
            is_on_thread: false,
            cancel,
            gate: None,
            pipeline: self.pipeline,
            needs,
            sites,
            config: self.config,
            span,
            recorded,
            sampled: self.recorded,
            trail: None,
            place,
        };
        (Arc::new(level), context)
    }
}

/// A guest's work: what travels with the driver's trace is current whenever it is polled, also where nothing is recorded.
struct Visiting<F> {
    context: Context,
    scope: Scope,
    inner: F,
}

impl<F: Future + Unpin> Future for Visiting<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _carried = this.context.enter();
        let _active = this.scope.activate();
        Pin::new(&mut this.inner).poll(cx)
    }
}

fn frame(span: SpanId, recorded: bool) -> Frame {
    let flags = if recorded { flags::SAMPLED } else { 0 };
    Frame { span, parent: SpanId::NONE, template: 0, index: NO_INDEX, start: Tick::now(), flags }
}

fn unix_now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
