//! What a worker is asked to do, and what it answers: plain data, the same for every transport.

use std::time::Duration;

use flowglass_model::{Fingerprint, RunId, SpanId, TraceId};
use flowglass_record::Verdict;
use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use super::failure::RemoteFailure;
use super::freight::Freight;
use super::payload::Payload;
use super::signed::Signed;
use crate::backend::LocalBackend;
use crate::capture::Capture;
use crate::error::Error;
use crate::run::MapItems;

/// Work for one worker: some calls of one node, or some runs of one pipeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) header: Header,
    /// The values that the items read, each once.
    pub(crate) values: Vec<Freight>,
    pub(crate) items: Vec<JobItem>,
}

/// What holds for all items of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The pipeline that the node belongs to, or that is run.
    pub(crate) pipeline: Fingerprint,
    /// Its name, for messages.
    pub(crate) pipeline_name: String,
    /// The name of the pipeline that is run as a whole, which may be another one around it.
    pub(crate) root_name: String,
    pub(crate) target: Target,
    pub(crate) run: RunId,
    pub(crate) carrier: Carrier,
    /// Where results are kept, if the worker can open the same cache.
    pub(crate) cache: Option<SharedCache>,
    /// Where there is such a cache: results without a signature that are larger than this go through it, in bytes.
    pub(crate) most_inline: usize,
    pub(crate) environment: Option<String>,
    /// How the worker schedules what it runs.
    pub(crate) inside: LocalBackend,
    pub(crate) capture: Capture,
    pub(crate) map_items: MapItems,
    /// Attributes of every span.
    pub(crate) attributes: Vec<(String, flowglass_model::AttributeValue)>,
    /// Whether spans are recorded at all.
    pub(crate) telemetry: bool,
    /// Whether the trace is recorded: from its start, or else from an error on.
    pub(crate) sampling: (bool, bool),
    /// Whether somebody wants to be told what happens inside.
    pub(crate) events: bool,
    /// How long one item may take; the driver sees to it.
    pub(crate) timeout_ns: Option<u64>,
    /// How long a thread that should stop is waited for.
    pub(crate) grace: Duration,
}

impl Header {
    /// What becomes of the driver's trace in the worker: what the driver holds back comes home, and is held there.
    pub(super) const fn verdict(&self) -> Verdict {
        match self.sampling {
            (true, _) => Verdict::Record,
            (false, true) => Verdict::OnError,
            (false, false) => Verdict::Never,
        }
    }
}

/// A cache that driver and worker both use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct SharedCache {
    pub(crate) address: String,
    /// For how long results hold where a node says nothing itself.
    pub(crate) ttl: Option<Duration>,
}

/// What is run for each item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// One node of the pipeline, by its place in the plan and its name.
    Node { node: u32, name: String },
    /// The pipeline itself, as far as these outputs need it.
    Whole { outputs: Vec<u32> },
}

/// One call, or one run of the pipeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobItem {
    /// The span under which everything is recorded. The driver opens and ends it.
    pub(crate) span: SpanId,
    pub(crate) recorded: bool,
    /// Where it stands: names from the root to here, with the indexes of items.
    pub(crate) place: Vec<(String, Option<u64>)>,
    pub(crate) attempt: u32,
    /// Whether references were tried and didn't lead anywhere.
    pub(crate) by_value: bool,
    /// What it reads, in the order of the node's parameters or the pipeline's inputs.
    pub(crate) inputs: Vec<Option<JobInput>>,
}

/// A value that an item reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobInput {
    /// Its place among the values of the job.
    pub(crate) value: u32,
    /// The signatures of what made it.
    pub(crate) signed: Signed,
}

/// What a worker answers when a job is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobResult {
    pub(crate) worker: WorkerId,
    /// The items' results by their places in the job, those that went ahead left out, or why none was begun.
    pub(crate) items: Result<Vec<(u32, ItemResult)>, String>,
    /// How long the worker was at it.
    pub(crate) elapsed_ns: u64,
    /// Records that the worker lost since its last answer.
    pub(crate) dropped: u64,
}

/// Who did a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerId {
    /// Its name within its backend: `processes-2`.
    pub(crate) id: String,
    pub(crate) pid: u32,
    pub(crate) host: String,
}

/// How one item went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ItemResult {
    pub(crate) outcome: Result<Vec<ItemValue>, NotMade>,
    /// When it began, by the worker's clock, in nanoseconds since 1970 UTC.
    pub(crate) start_unix_ns: i64,
    pub(crate) duration_ns: u64,
    /// Whether every node of a pipeline came from the cache.
    pub(crate) hit: bool,
    pub(crate) counts: Counts,
}

/// Why an item has no outputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum NotMade {
    Failed(Box<RemoteFailure>),
    /// It was not begun: what it reads isn't in the cache where it was said to be.
    Missing,
}

impl From<Error> for NotMade {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(RemoteFailure::of(&error)))
    }
}

/// An output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ItemValue {
    pub(crate) value: Freight,
    pub(crate) signed: Signed,
}

/// What happened inside of an item, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) nodes: u64,
    pub(crate) hits: u64,
    pub(crate) failed: u64,
    pub(crate) saved_ns: u64,
    pub(crate) misses: u64,
    pub(crate) writes: u64,
    pub(crate) damaged: u64,
}

/// What a worker says while a job runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Update {
    /// The worker has begun.
    Started,
    /// What the recorder delivered, in the form that the telemetry codec makes.
    Telemetry { worker: String, trace: TraceId, batch: Payload },
    /// Items that have ended, by their places in the job.
    Ended { worker: WorkerId, items: Vec<(u32, ItemResult)> },
    /// What happened inside of the items.
    Events(Vec<super::event::RemoteEvent>),
}
