//! What a level hands to workers elsewhere: calls of its nodes, and whole runs of the pipelines inside.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass_model::{Attributes, Severity, SpanId, TraceParent, conventions};
use flowglass_record::{Context, Frame, Tick, Value as AttributeInput};
use parking_lot::Mutex;

use super::attempts::Attempts;
use super::level::{LevelDone, cancelled};
use super::nested;
use super::shared::{Level, Place};
use super::slot::Slot;
use super::transition::{Transition, Whereabouts};

use crate::backend::LOCAL;
use crate::cache::Cache;
use crate::error::{BoxError, Error, ErrorKind};
use crate::node::{Inputs, NodeContext, NodeSpec, Outputs};
use crate::pipeline::{NodeKind, Pipeline};
use crate::remote::{
    Away, Carrier, Counts, Errand, Header, Item, ItemInput, LaneKey, Listener, RemoteBackend, RemoteEvent, Returned,
    SharedCache, Target, WorkerLost, travel,
};
use crate::value::{Type, Value};

/// When a worker began and ended what it was handed, on this process's clock.
pub(super) type Times = Arc<Mutex<Option<(Tick, Tick)>>>;

/// A span whose work is handed out.
struct Handed {
    level: Arc<Level>,
    remote: Arc<RemoteBackend>,
    span: SpanId,
    place: Place,
    is_item: bool,
    /// Whether its transitions are told: items of maps are too many.
    tells: bool,
    sent: Tick,
}

/// A call to be handed out.
pub(super) struct Calling<'a> {
    pub(super) level: &'a Arc<Level>,
    pub(super) node: usize,
    pub(super) index: Option<u64>,
    pub(super) recorded: bool,
    pub(super) spec: &'a Arc<NodeSpec>,
    pub(super) context: &'a NodeContext,
    pub(super) frame: &'a Frame,
}

/// Hands a call to a worker.
pub(super) fn call(
    remote: &Arc<RemoteBackend>,
    calling: &Calling<'_>,
    inputs: Inputs,
    times: Times,
) -> impl Future<Output = Result<Outputs, BoxError>> + Send + use<> {
    let (level, node) = (calling.level, calling.node);
    let plan = &level.pipeline.0.nodes[node];
    let place = level.place.inside(&plan.name, calling.index);
    let is_item = calling.index.is_some();
    let handed = Handed::new(level, remote, (calling.frame.span, place), is_item, calling.recorded);
    let inputs = inputs.into_iter().zip(&plan.args);
    let item = Item {
        span: calling.frame.span,
        recorded: calling.recorded,
        place: handed.place.steps(),
        attempt: calling.context.attempt,
        inputs: inputs.map(|(value, arg)| Some(ItemInput { value, ty: arg.want.clone(), signature: None })).collect(),
    };
    let number = u32::try_from(node).unwrap_or(u32::MAX);
    let target = Target::Node { node: number, name: plan.name.to_string() };
    let away = handed.send(level.span, Some(number), target, plan.timeout, item);
    let away = away.heard_by(Retold::nothing(level, calling.frame.span));
    let spec = Arc::clone(calling.spec);
    async move {
        let result = away.await;
        let returned = handed.back(result, &times)?;
        let values = returned.result.outcome.map_err(|failure| failure.into_error(handed.level.run.id))?;
        let types = spec.outputs.iter().map(|output| (&*output.name, &output.ty));
        let decoded = types.zip(values).map(|((name, ty), made)| decode(name, ty, &made.value.0));
        Ok(decoded.collect::<Result<Outputs, Error>>()?)
    }
}

/// Says whether a run of this level's pipeline is handed out whole.
pub(super) fn takes_whole(level: &Level, is_item: bool) -> bool {
    let pipeline = &level.pipeline;
    level.config.remote.is_some()
        && if is_item { travel::items_travel_whole(pipeline) } else { travel::travels_whole(pipeline) }
}

/// Hands the run of a whole pipeline to a worker; `around` is the span around the level's own.
pub(super) fn level(
    level: &Arc<Level>,
    around: SpanId,
    slots: &[Option<Slot>],
    outputs: &[usize],
    (timeout, is_item): (Option<Duration>, bool),
) -> Result<impl Future<Output = LevelDone> + Send + use<>, Error> {
    let Some(remote) = level.config.remote.clone() else {
        return Err(Error::new(ErrorKind::Worker, "nobody to hand it to"));
    };
    let handed = Handed::new(level, &remote, (level.span, level.place.clone()), is_item, level.recorded);
    let reads = reads(&level.pipeline, outputs);
    let ports = level.pipeline.0.inputs.iter().zip(slots).zip(reads);
    let inputs = ports
        .map(|((port, slot), read)| slot.as_ref().filter(|_| read).map(|slot| input(&port.name, &port.ty, slot)).transpose());
    let item = Item {
        span: level.span,
        recorded: level.recorded,
        place: level.place.steps(),
        attempt: 1,
        inputs: inputs.collect::<Result<_, _>>()?,
    };
    let outputs: Vec<usize> = outputs.to_vec();
    let target = Target::Whole { outputs: outputs.iter().map(|&output| u32::try_from(output).unwrap_or(u32::MAX)).collect() };
    let away = handed.send(around, None, target, timeout, item);
    let retold = if level.is_unheard() { Retold::nothing(level, level.span) } else { Retold::all(level) };
    let away = away.heard_by(retold);
    Ok(async move {
        let times = Times::default();
        let stopped = handed.level.cancel.renewed().cancelled();
        let result = tokio::select! {
            biased;
            result = away => result,
            () = stopped => Err(cancelled()),
        };
        let result = handed.back(result, &times);
        let away = times.lock().take();
        LevelDone { away, ..handed.level_done(result, &outputs) }
    })
}

/// Which inputs are read by what these outputs need: nothing may stand for the others.
fn reads(pipeline: &Pipeline, outputs: &[usize]) -> Vec<bool> {
    let plan = &pipeline.0;
    let mut reads = vec![false; plan.inputs.len()];
    let needed = plan.needed(outputs);
    let args = plan.nodes.iter().zip(needed).filter(|(_, needed)| *needed).flat_map(|(node, _)| &node.args);
    for arg in args {
        if let Some(read) = reads.get_mut(arg.slot) {
            *read = true;
        }
    }
    reads
}

fn input(name: &str, ty: &Type, slot: &Slot) -> Result<ItemInput, Error> {
    let value = slot.value(ty).map_err(|error| Error::new(ErrorKind::Cache, format!("input `{name}`: {error}")))?;
    Ok(ItemInput { value, ty: ty.clone(), signature: slot.signature() })
}

fn decode(name: &str, ty: &Type, bytes: &[u8]) -> Result<Value, Error> {
    ty.decode(bytes).map_err(|error| Error::new(ErrorKind::Worker, format!("output `{name}` did not arrive: {error}")))
}

impl Handed {
    fn new(
        level: &Arc<Level>,
        remote: &Arc<RemoteBackend>,
        (span, place): (SpanId, Place),
        is_item: bool,
        recorded: bool,
    ) -> Self {
        let (level, remote) = (Arc::clone(level), Arc::clone(remote));
        let handed = Self { level, remote, span, place, is_item, tells: recorded && !is_item, sent: Tick::now() };
        if handed.tells {
            handed.transition().enter(&handed.whereabouts());
        }
        handed
    }

    fn send(&self, around: SpanId, node: Option<u32>, target: Target, timeout: Option<Duration>, item: Item) -> Away {
        let (run, pipeline) = (self.level.run.id, self.level.pipeline.fingerprint());
        let key = LaneKey { run, pipeline, around, node };
        self.remote.dispatcher.submit(key, || self.errand(around, target, timeout), item)
    }

    fn errand(&self, around: SpanId, target: Target, timeout: Option<Duration>) -> Errand {
        let (level, remote) = (&self.level, &self.remote);
        let (run, config) = (&level.run, &level.config);
        let parent = TraceParent { trace_id: run.id.trace, parent_id: around, sampled: level.scope.is_sampled() };
        let header = Header {
            pipeline: level.pipeline.fingerprint(),
            pipeline_name: level.pipeline.name().to_owned(),
            target,
            run: run.id,
            carrier: Carrier::new(parent, Context::current().propagation()),
            cache: config.cache.as_ref().and_then(shared),
            environment: config.environment.as_deref().map(str::to_owned),
            inside: remote.inside.clone(),
            capture: run.capture,
            map_items: run.map_items,
            attributes: self.attributes(),
            telemetry: config.telemetry && remote.codec.is_some(),
            events: !level.is_unheard(),
            grace: run.grace,
            timeout_ns: timeout.map(|timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)),
        };
        Errand {
            header: Arc::new(header),
            recorder: level.scope.recorder(),
            codec: remote.codec.clone(),
            chunk: remote.chunk,
            losses: remote.losses(),
            resources: Arc::clone(&remote.resources),
        }
    }

    /// Attributes of every span that a worker records.
    fn attributes(&self) -> Attributes {
        let mut attributes = self.level.scope.attributes();
        attributes.push((conventions::BACKEND_NAME.to_owned(), self.remote.name().into()));
        attributes.extend(self.remote.resources_named().map(|named| (conventions::BACKEND_RESOURCES.to_owned(), named.into())));
        attributes
    }

    /// How the worker schedules what it is given.
    fn mode(&self) -> &'static str {
        let inside = &self.remote.inside;
        if self.is_item { inside.map_execution.as_str() } else { inside.node_execution.as_str() }
    }

    fn whereabouts(&self) -> Whereabouts<'_> {
        Whereabouts { scope: &self.level.scope, span: self.span, place: &self.place }
    }

    fn transition(&self) -> Transition {
        Transition { from: LOCAL.into(), to: self.remote.name().into() }
    }

    /// Takes what came back, and says on the span where it was.
    fn back(&self, result: Result<Returned, Error>, times: &Times) -> Result<Returned, Error> {
        let returned = result?;
        let worker = &returned.worker;
        self.attribute(conventions::BACKEND_NAME, AttributeInput::Str(self.remote.name()));
        self.attribute(conventions::WORKER_ID, AttributeInput::Str(&worker.id));
        self.attribute(conventions::PROCESS_PID, AttributeInput::Int(worker.pid.into()));
        if !worker.host.is_empty() {
            self.attribute(conventions::HOST_NAME, AttributeInput::Str(&worker.host));
        }
        self.attribute(conventions::BACKEND_MODE, AttributeInput::Str(self.mode()));
        if let Some(resources) = self.remote.resources_named() {
            self.attribute(conventions::BACKEND_RESOURCES, AttributeInput::Str(&resources));
        }
        if self.tells {
            self.transition().leave(&self.whereabouts(), Some(&worker.id));
        }
        *times.lock() = Some(self.times(returned.result.start_unix_ns, returned.result.duration_ns));
        self.count(&returned.result.counts);
        Ok(returned)
    }

    /// When the worker began and ended, by this process's clock; clocks of two hosts differ, so never outside of the time
    /// that it was away.
    fn times(&self, start_unix_ns: i64, duration_ns: u64) -> (Tick, Tick) {
        let now = Tick::now();
        let since = u64::try_from(unix_now_ns().saturating_sub(start_unix_ns)).unwrap_or(0);
        let start = now.earlier_by(since).max(self.sent);
        let end = now.earlier_by(since.saturating_sub(duration_ns)).max(start);
        (start, end)
    }

    /// Counts what happened inside of the worker as the run's own.
    fn count(&self, counts: &Counts) {
        self.level.run.totals.add(counts);
    }

    fn level_done(&self, result: Result<Returned, Error>, outputs: &[usize]) -> LevelDone {
        let done = LevelDone { slots: Vec::new(), error: None, hit: false, saved_ns: 0, attempts: Attempts::new(), away: None };
        let plan = &self.level.pipeline.0;
        let made = result.and_then(|returned| {
            let (hit, saved_ns) = (returned.result.hit, returned.result.counts.saved_ns);
            let values = returned.result.outcome.map_err(|failure| failure.into_error(self.level.run.id))?;
            let mut slots = vec![None; plan.inputs.len() + plan.outputs.len()];
            for (&output, made) in outputs.iter().zip(values) {
                let port = &plan.outputs[output];
                slots[port.slot] = Some(Slot::computed(decode(&port.name, &port.ty, &made.value.0)?, made.signature));
            }
            Ok((slots, hit, saved_ns))
        });
        match made {
            Ok((slots, hit, saved_ns)) => LevelDone { slots, hit, saved_ns, ..done },
            Err(error) => LevelDone { error: Some(error), ..done },
        }
    }

    fn attribute(&self, key: &'static str, value: AttributeInput<'_>) {
        self.level.scope.attribute(self.span, key, value);
    }
}

/// The cache as a worker can open it, if it can.
fn shared(cache: &Cache) -> Option<SharedCache> {
    Some(SharedCache { address: cache.address()?, ttl: cache.default_ttl() })
}

/// Tells of what happens inside of a pipeline that is away as if it happened here.
struct Retold {
    /// For each site inside, the level that its events are told by; the first is that of `first`.
    levels: Vec<Arc<Level>>,
    first: u32,
    /// Where it is said that a worker was lost.
    around: Arc<Level>,
    span: SpanId,
}

impl Retold {
    /// Nobody wants to hear of what happens inside.
    fn nothing(level: &Arc<Level>, span: SpanId) -> Self {
        Self { levels: Vec::new(), first: 0, around: Arc::clone(level), span }
    }

    fn all(level: &Arc<Level>) -> Self {
        let first = level.sites.nodes.first().map_or(0, |node| node.site);
        let mut levels = Vec::new();
        levels_inside(level, &mut levels);
        Self { levels, first, around: Arc::clone(level), span: level.span }
    }
}

/// The level of each site inside of a level, in the order in which sites are numbered.
fn levels_inside(level: &Arc<Level>, levels: &mut Vec<Arc<Level>>) {
    for (at, (node, sites)) in level.pipeline.0.nodes.iter().zip(&level.sites.nodes).enumerate() {
        levels.push(Arc::clone(level));
        levels.extend(sites.item.map(|_| Arc::clone(level)));
        if let NodeKind::Pipeline(inner) = &node.kind
            && let Some(inside) = nested::inner_level(level, at, inner, None, SpanId::NONE, level.sampled)
        {
            levels_inside(&inside, levels);
        }
    }
}

impl Listener for Retold {
    fn happened(&mut self, event: &RemoteEvent) {
        if let Some(level) = self.levels.get(event.site as usize) {
            let site = self.first + event.site;
            level.tell_end(site, event.span, event.index, Tick::now(), event.kind.as_kind(), event.from_inside);
        }
    }

    fn lost(&mut self, lost: &WorkerLost, interrupted: u64) {
        let about = [
            (conventions::WORKER_ID, AttributeInput::Str(&lost.worker)),
            (conventions::WORKER_REASON, AttributeInput::Str(&lost.reason)),
            (conventions::WORKER_INTERRUPTED, AttributeInput::Int(interrupted.cast_signed())),
        ];
        self.around.scope.event(self.span, "worker.lost", &about);
        let body = format!("worker `{}` was lost: {}", lost.worker, lost.reason);
        self.around.scope.log(self.span, "worker.lost", (Severity::WARN, &body), &about);
    }
}

fn unix_now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
