//! A span whose work is with a worker: what it is sent with, and what the span says when the work is back.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass_model::{Attributes, SpanId, TraceParent, conventions};
use flowglass_record::{Context, Tick, Value as AttributeInput, Verdict};
use smallvec::SmallVec;

use super::super::level::cancelled;
use super::super::place::Place;
use super::super::shared::Level;
use super::super::transition::{Transition, Whereabouts};
use super::SharedTrip;
use crate::backend::LOCAL;
use crate::cache::Cache;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::remote::{
    Away, Carrier, Counts, Errand, Header, Item, ItemValue, LaneKey, NotMade, RemoteBackend, Returned, SharedCache, Signed,
    Stop, Target,
};
use crate::value::{Type, Value, ValueError};

/// A span whose work is handed out.
pub(super) struct Handed {
    pub(super) level: Arc<Level>,
    pub(super) remote: Arc<RemoteBackend>,
    pub(super) span: SpanId,
    pub(super) place: Place,
    /// The place of the span in the run's layout.
    site: u32,
    is_item: bool,
    recorded: bool,
    sent: Tick,
}

/// Where work goes, and how.
pub(super) struct Journey {
    /// The span around: the map's, or the pipeline's.
    pub(super) around: SpanId,
    pub(super) target: Target,
    pub(super) timeout: Option<Duration>,
    /// What stops it.
    pub(super) cancel: CancelToken,
    /// Larger results come back through the cache, where there is one that the worker shares.
    pub(super) most_inline: usize,
}

impl Journey {
    /// Sees to it that nothing sets out that was to stop before.
    pub(super) fn may_begin(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
    }
}

/// Outputs that came back, with the signatures of what made them.
pub(super) type Arrived = SmallVec<[(Value, Signed); 1]>;

impl Handed {
    pub(super) fn new(
        level: &Arc<Level>,
        remote: &Arc<RemoteBackend>,
        (span, place, site): (SpanId, Place, u32),
        is_item: bool,
        recorded: bool,
    ) -> Self {
        let (level, remote) = (Arc::clone(level), Arc::clone(remote));
        let handed = Self { level, remote, span, place, site, is_item, recorded, sent: Tick::now() };
        if !is_item {
            handed.transition().enter(&handed.whereabouts());
        }
        handed
    }

    /// Gives an item to a worker.
    pub(super) fn send(&self, journey: &Journey, item: Item) -> Away {
        let nodes = &self.level.sites.nodes;
        let (first, is_whole) = match &journey.target {
            Target::Node { node, .. } => (nodes.get(*node as usize), false),
            Target::Whole { .. } => (nodes.first(), true),
        };
        let (run, writer) = (self.level.run.id, self.level.scope.recorder().writer());
        let key = LaneKey { run, site: first.map_or(0, |first| first.site), is_whole, around: journey.around, writer };
        let stop = Stop::new(&journey.cancel, self.level.run.grace);
        self.remote.dispatcher.submit(key, || self.errand(journey), item, stop)
    }

    /// The cache of the level, if its workers can open it, too.
    pub(super) fn shared_cache(&self) -> Option<&Cache> {
        self.level.config.cache.as_ref().filter(|cache| cache.address().is_some())
    }

    fn errand(&self, journey: &Journey) -> Errand {
        let Journey { around, timeout, most_inline, .. } = *journey;
        let (level, remote) = (&self.level, &self.remote);
        let (run, config) = (&level.run, &level.config);
        let parent = TraceParent { trace_id: run.id.trace, parent_id: around, sampled: level.scope.is_recording() };
        let header = Header {
            pipeline: level.pipeline.fingerprint(),
            pipeline_name: level.pipeline.name().to_owned(),
            root_name: level.place.root_name().to_owned(),
            target: journey.target.clone(),
            run: run.id,
            carrier: Carrier::new(parent, Context::current().propagation()),
            cache: config.cache.as_ref().and_then(shared),
            most_inline,
            environment: config.environment.as_deref().map(str::to_owned),
            inside: remote.inside.clone(),
            capture: config.capture,
            map_items: run.map_items,
            attributes: self.attributes(),
            telemetry: config.telemetry && remote.codec.is_some(),
            sampling: (level.scope.is_recording(), level.scope.verdict() == Verdict::OnError),
            events: !level.is_unheard(),
            grace: run.grace,
            timeout_ns: timeout.map(|timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)),
        };
        Errand {
            header: Arc::new(header),
            scope: level.scope.clone(),
            codec: remote.codec.clone(),
            chunk: remote.chunk,
            losses: remote.losses(),
            resources: Arc::clone(&remote.resources),
            cache: self.shared_cache().cloned(),
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
        Whereabouts {
            scope: &self.level.scope,
            span: self.span,
            place: &self.place,
            level: &self.level,
            site: self.site,
            recorded: self.recorded,
        }
    }

    fn transition(&self) -> Transition {
        Transition { from: LOCAL.into(), to: self.remote.name().into() }
    }

    /// Takes the outputs that came back, and says on the span where it was. `None` if they, or what the worker was to read,
    /// can't be had from the shared cache.
    pub(super) fn outputs<'a>(
        &self,
        returned: Returned,
        ports: impl Iterator<Item = (&'a str, &'a Type)>,
        trip: &SharedTrip,
    ) -> Result<Option<Arrived>, Error> {
        if matches!(returned.result.outcome, Err(NotMade::Missing)) {
            return Ok(None);
        }
        self.back(&returned, trip);
        match returned.result.outcome {
            Ok(made) => ports.zip(&made).map(|((name, ty), made)| self.arrived(name, ty, made)).collect(),
            Err(NotMade::Failed(failure)) => Err(failure.into_error(self.level.run.id)),
            Err(NotMade::Missing) => Ok(None),
        }
    }

    fn arrived(&self, name: &str, ty: &Type, made: &ItemValue) -> Result<Option<(Value, Signed)>, Error> {
        let Ok(bytes) = made.value.open(self.shared_cache()) else { return Ok(None) };
        let value = ty.decode(&bytes);
        Ok(Some((value.map_err(|error| did_not_arrive(name, &error))?, made.signed.clone())))
    }

    /// Says on the span where its work was.
    pub(super) fn back(&self, returned: &Returned, trip: &SharedTrip) {
        let worker = &returned.worker;
        self.attribute(conventions::BACKEND_NAME, AttributeInput::Str(self.remote.name()));
        self.attribute(conventions::BACKEND_MODE, AttributeInput::Str(self.mode()));
        self.attribute(conventions::WORKER_ID, AttributeInput::Str(&worker.id));
        self.attribute(conventions::PROCESS_PID, AttributeInput::Int(worker.pid.into()));
        if !worker.host.is_empty() {
            self.attribute(conventions::HOST_NAME, AttributeInput::Str(&worker.host));
        }
        if let Some(resources) = self.remote.resources_named() {
            self.attribute(conventions::BACKEND_RESOURCES, AttributeInput::Str(&resources));
        }
        if !self.is_item {
            self.transition().leave(&self.whereabouts(), Some(&worker.id));
        }
        let times = self.times(returned.result.start_unix_ns, returned.result.duration_ns);
        trip.lock().times = Some(times);
        self.count(&returned.result.counts);
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

    fn attribute(&self, key: &'static str, value: AttributeInput<'_>) {
        self.level.scope.attribute(self.span, key, value);
    }
}

#[cold]
pub(super) fn did_not_arrive(output: &str, error: &ValueError) -> Error {
    Error::new(ErrorKind::Worker, format!("output `{output}` did not arrive: {error}"))
}

/// The cache as a worker can open it, if it can.
fn shared(cache: &Cache) -> Option<SharedCache> {
    Some(SharedCache { address: cache.address()?.to_owned(), ttl: cache.default_ttl() })
}

fn unix_now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
