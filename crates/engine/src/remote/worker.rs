//! The worker's side: a job comes in, is run by the ordinary engine, and an answer goes home.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flowglass_model::{Attributes, TraceId, conventions};
use flowglass_record::Recorder;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;

use super::answer::{self, Answer};
use super::envelope::{self, EnvelopeError, Kind};
use super::item::ItemWork;
use super::job::{Header, ItemResult, Job, JobItem, JobResult, SharedCache, Target, Update, WorkerId};
use super::payload::Payload;
use super::registry::Registry;
use super::states::States;
use super::telemetry::{Homeward, TelemetryCodec};
use super::transport::JobId;
use super::voice::{self, Announce, Voice, Voices};
use crate::cache::{Cache, DiskCache};
use crate::cancel::CancelToken;
use crate::error::{BoxError, Error, ErrorKind};
use crate::pipeline::{Needs, Pipeline};

/// Runs the jobs of drivers elsewhere. A transport's worker process has one.
pub struct Worker {
    identity: WorkerId,
    registry: Mutex<Registry>,
    codec: Option<Arc<dyn TelemetryCodec>>,
    message_bytes: usize,
    traces: Mutex<Vec<Traced>>,
    caches: Mutex<HashMap<SharedCache, Option<Cache>>>,
    states: Arc<States>,
    voices: Arc<Voices>,
}

/// Where a worker says things while it works.
pub trait Upstream: Send + Sync + 'static {
    /// Sends something home that belongs to a job.
    fn update(&self, job: JobId, body: &[u8]);
}

/// The recorder of one trace: what it delivers goes to the driver that the trace came from.
struct Traced {
    trace: TraceId,
    recorder: Recorder,
    /// The job of that trace that came last, which its telemetry is sent home with.
    job: Arc<AtomicU64>,
    dropped: u64,
}

/// A worker remembers the recorders of so many traces.
const TRACES: usize = 8;

/// How often a worker tells of spans that are open, so that little is unknown of one that dies.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// How long a job's telemetry may take to be handed over.
const FLUSH: Duration = Duration::from_secs(5);

impl Worker {
    /// Makes a worker with this name, on this host, that knows no pipelines yet.
    #[must_use]
    pub fn new(id: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            identity: WorkerId { id: id.into(), pid: std::process::id(), host: host.into() },
            registry: Mutex::default(),
            codec: None,
            message_bytes: 64 << 20,
            traces: Mutex::default(),
            caches: Mutex::default(),
            states: Arc::default(),
            voices: Arc::default(),
        }
    }

    /// Adds a pipeline, and those inside of it.
    #[must_use]
    pub fn pipeline(mut self, pipeline: &Pipeline) -> Self {
        self.registry.get_mut().add(pipeline);
        self
    }

    /// Adds pipelines that are found by their names, when the first job comes that none of the others fits.
    #[must_use]
    pub fn pipelines_named(
        mut self,
        find: impl Fn(&str) -> Option<Result<Pipeline, BoxError>> + Send + Sync + 'static,
    ) -> Self {
        self.registry.get_mut().add_named(Box::new(find));
        self
    }

    /// Sends telemetry home in this form. Without one a worker records nothing.
    #[must_use]
    pub fn telemetry(mut self, codec: Arc<dyn TelemetryCodec>) -> Self {
        self.codec = Some(codec);
        self
    }

    /// Sets the size of the largest answer, in bytes. Default: 64 MiB.
    #[must_use]
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes = bytes;
        self
    }

    /// Announces in this way whose is what the process prints.
    #[must_use]
    pub(super) fn announced_by(mut self, announce: Announce) -> Self {
        self.voices = Arc::new(Voices::announced_by(announce));
        self
    }

    /// Does a job. Returns the answer, whatever comes in.
    pub async fn work(&self, id: JobId, body: &[u8], upstream: &Arc<dyn Upstream>, cancel: &CancelToken) -> Vec<u8> {
        let started = Instant::now();
        let (items, dropped) = match envelope::open::<Job>(Kind::Job, body, self.message_bytes) {
            Ok(job) => self.run(id, job, upstream, cancel).await,
            Err(error) => (Err(error.to_string()), 0),
        };
        let elapsed_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.seal(JobResult { worker: self.identity.clone(), items, elapsed_ns, dropped })
    }

    async fn run(
        &self,
        id: JobId,
        job: Job,
        upstream: &Arc<dyn Upstream>,
        cancel: &CancelToken,
    ) -> (Result<Vec<(u32, ItemResult)>, String>, u64) {
        let Job { header, values, items } = job;
        let found = self.registry.lock().find(header.pipeline, &header.pipeline_name, &header.root_name);
        let pipeline = match found.and_then(|found| fits(found, &header)) {
            Ok(pipeline) => pipeline,
            Err(reason) => return (Err(reason), 0),
        };
        self.say(id, upstream, &Update::Started);
        let recorder = self.recorder(id, &header, upstream);
        let voice = self.voices.job(|| job_voice(id, &header, &items), items.len());
        let work = Arc::new(ItemWork {
            needs: needs(&pipeline, &header.target),
            pipeline,
            cache: header.cache.as_ref().and_then(|shared| self.cache(shared)),
            recorder: recorder.clone(),
            attributes: self.attributes(&header),
            carried: header.carrier.carried(),
            values,
            states: Arc::clone(&self.states),
            cancel: cancel.clone(),
            voice,
            events: Self::events(id, &header, upstream, self.message_bytes),
            header,
            room_bytes: self.message_bytes.saturating_sub(2 * answer::OVERHEAD_BYTES),
        });
        let send_ahead = |worker, items| self.say(id, upstream, &Update::Ended { worker, items });
        let mut answer = Answer::new(self.identity.clone(), self.message_bytes, send_ahead);
        beside_each_other(&work, items, |at, result| answer.add(at, result)).await;
        // Sinks are told of failures by their own counts, which go home with the answer.
        let _ = recorder.flush(FLUSH);
        (Ok(answer.rest()), self.newly_dropped(work.header.run.trace))
    }

    /// Wraps the answer; values that make it too large are left out, which fails their items.
    fn seal(&self, mut result: JobResult) -> Vec<u8> {
        match envelope::seal(Kind::Result, &result, self.message_bytes) {
            Ok(sealed) => sealed,
            Err(error) => {
                let too_large = Error::new(ErrorKind::Worker, format!("the results can't be sent home: {error}"));
                for (_, item) in result.items.iter_mut().flatten().filter(|(_, item)| item.outcome.is_ok()) {
                    item.outcome = Err(too_large.clone().into());
                }
                envelope::seal(Kind::Result, &result, usize::MAX).unwrap_or_default()
            }
        }
    }

    fn say(&self, job: JobId, upstream: &Arc<dyn Upstream>, update: &Update) {
        // What is too large to be told live is told by the answer, or counted.
        if let Ok(body) = envelope::seal(Kind::Update, update, self.message_bytes) {
            upstream.update(job, &body);
        }
    }

    fn events(id: JobId, header: &Header, upstream: &Arc<dyn Upstream>, limit: usize) -> Option<super::item::TellHome> {
        let upstream = Arc::clone(upstream);
        header.events.then(|| {
            Arc::new(move |event| {
                if let Ok(body) = envelope::seal(Kind::Update, &Update::Events(vec![event]), limit) {
                    upstream.update(id, &body);
                }
            }) as _
        })
    }

    /// The recorder of the job's trace.
    fn recorder(&self, id: JobId, header: &Header, upstream: &Arc<dyn Upstream>) -> Recorder {
        let Some(codec) = self.codec.as_ref().filter(|_| header.telemetry) else { return Recorder::off() };
        let trace = header.run.trace;
        let mut traces = self.traces.lock();
        if let Some(traced) = traces.iter().find(|traced| traced.trace == trace) {
            traced.job.store(id.0, Ordering::Release);
            return traced.recorder.clone();
        }
        let job = Arc::new(AtomicU64::new(id.0));
        let sink = Homeward { encode: codec.encoder(), send: self.homeward(trace, &job, upstream) };
        let recorder = Recorder::builder().export_interval(TELL_EVERY).sink("driver", sink).build();
        if traces.len() == TRACES {
            traces.remove(0);
        }
        traces.push(Traced { trace, recorder: recorder.clone(), job, dropped: 0 });
        recorder
    }

    fn homeward(
        &self,
        trace: TraceId,
        job: &Arc<AtomicU64>,
        upstream: &Arc<dyn Upstream>,
    ) -> impl Fn(Vec<u8>) -> Result<(), EnvelopeError> + Send + use<> {
        let (worker, job, upstream) = (self.identity.id.clone(), Arc::clone(job), Arc::clone(upstream));
        let limit = self.message_bytes;
        move |batch| {
            let update = Update::Telemetry { worker: worker.clone(), trace, batch: Payload(batch) };
            let body = envelope::seal(Kind::Update, &update, limit)?;
            upstream.update(JobId(job.load(Ordering::Acquire)), &body);
            Ok(())
        }
    }

    /// How many records were lost since the last answer of this trace.
    fn newly_dropped(&self, trace: TraceId) -> u64 {
        let mut traces = self.traces.lock();
        let Some(traced) = traces.iter_mut().find(|traced| traced.trace == trace) else { return 0 };
        let stats = traced.recorder.stats();
        let dropped = stats.sinks.iter().map(|sink| stats.dropped(sink).total()).sum();
        dropped - std::mem::replace(&mut traced.dropped, dropped)
    }

    /// What every span of the job says of where it was recorded.
    fn attributes(&self, header: &Header) -> Attributes {
        let mut attributes = header.attributes.clone();
        attributes.push((conventions::WORKER_ID.to_owned(), self.identity.id.as_str().into()));
        attributes.push((conventions::PROCESS_PID.to_owned(), i64::from(self.identity.pid).into()));
        if !self.identity.host.is_empty() {
            attributes.push((conventions::HOST_NAME.to_owned(), self.identity.host.as_str().into()));
        }
        attributes
    }

    /// Opens the cache that the driver uses, once.
    fn cache(&self, shared: &SharedCache) -> Option<Cache> {
        let open = || {
            let cache = Cache::from(DiskCache::open(shared.address.strip_prefix(DiskCache::SCHEME)?).ok()?);
            Some(shared.ttl.map_or_else(|| cache.clone(), |ttl| cache.clone().ttl(ttl)))
        };
        self.caches.lock().entry(shared.clone()).or_insert_with(open).clone()
    }
}

/// A job that speaks for all of its items: at the place of the first, without its index.
fn job_voice(job: JobId, header: &Header, items: &[JobItem]) -> Voice {
    let mut place = items.first().map(|item| item.place.clone()).unwrap_or_default();
    place.iter_mut().next_back().into_iter().for_each(|(_, index)| *index = None);
    let span = match items {
        [item] => item.span,
        _ => header.carrier.parent(),
    };
    Voice { job, trace: header.run.trace, span, path: voice::path(&place) }
}

/// Makes sure that the pipeline has what the job names.
fn fits(pipeline: Pipeline, header: &Header) -> Result<Pipeline, String> {
    let plan = &pipeline.0;
    let is_there = match &header.target {
        Target::Node { node, name } => plan.nodes.get(*node as usize).is_some_and(|node| *node.name == **name),
        Target::Whole { outputs } => outputs.iter().all(|&output| (output as usize) < plan.outputs.len()),
    };
    if is_there { Ok(pipeline) } else { Err(format!("pipeline `{}` has no such node or output", header.pipeline_name)) }
}

/// What of a pipeline a job's items need.
fn needs(pipeline: &Pipeline, target: &Target) -> Arc<Needs> {
    match target {
        Target::Node { .. } => Arc::clone(pipeline.0.everything()),
        Target::Whole { outputs } => {
            let outputs: Vec<usize> = outputs.iter().map(|&output| output as usize).collect();
            Arc::new(Needs::of(&pipeline.0, outputs))
        }
    }
}

/// Runs the items so that those that wait overlap, as many at once as the job allows.
async fn beside_each_other(work: &Arc<ItemWork>, items: Vec<JobItem>, mut ended: impl FnMut(u32, ItemResult)) {
    let mut running = FuturesUnordered::new();
    let mut waiting = (0..).zip(items);
    loop {
        while work.header.inside.has_room_for_item(running.len())
            && let Some((at, item)) = waiting.next()
        {
            let work = Arc::clone(work);
            running.push(async move { (at, work.run(at, item).await) });
        }
        let Some((at, result)) = running.next().await else { return };
        ended(at, result);
    }
}
