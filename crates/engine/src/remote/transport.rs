//! How jobs reach workers: the trait that a process pool implements here and a cluster's client elsewhere.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{SpanId, TraceId};

/// Numbers a job among those of one backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Carries jobs to workers and their answers home. It sees bytes, and knows nothing of what they mean.
///
/// For each job that was submitted, exactly one [`Message::Result`] or [`Message::Lost`] must come home in the end, from
/// any thread; what comes later for the same job is ignored. A job whose worker dies is reported as lost, never sent again
/// by the transport itself: whether it is tried again is the engine's to decide.
pub trait Transport: Send + Sync + 'static {
    /// Names the backend: the attribute `backend.name`.
    fn name(&self) -> &str;

    /// Says what it can take.
    fn limits(&self) -> Limits;

    /// Sends a job on its way. Must not wait for the worker.
    fn submit(&self, job: OutgoingJob, home: Arc<dyn Home>);

    /// Asks the worker to stop a job. Its answer, or its loss, still comes home; a worker that doesn't answer within the
    /// transport's patience is ended.
    fn cancel(&self, job: JobId);
}

/// A job on its way out.
#[derive(Debug)]
pub struct OutgoingJob {
    /// Its number.
    pub id: JobId,
    /// What the worker is to read.
    pub body: Vec<u8>,
    /// How long the engine will wait once the job has begun, for transports that have a clock of their own to set.
    pub timeout: Option<Duration>,
    /// What the job asks of its worker: `("gpu", "a100")`.
    pub resources: Arc<[(String, String)]>,
}

/// What a transport can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The size of the largest message, in bytes.
    pub message_bytes: usize,
    /// How many jobs may be under way at once.
    pub concurrency: usize,
}

/// Where answers go.
pub trait Home: Send + Sync {
    /// Takes a message that belongs to a job.
    fn receive(&self, job: JobId, message: Message);
}

/// What comes home.
#[derive(Debug)]
pub enum Message {
    /// Something that the worker says while it works.
    Update(Vec<u8>),
    /// A line that was printed while it worked, where the transport can tell whose it is.
    Output(Output),
    /// The answer; the job is over.
    Result(Vec<u8>),
    /// There will be no answer; the job is over.
    Lost(WorkerLost),
}

/// A line that a worker printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The worker's id.
    pub worker: String,
    /// The trace of the run in which it was printed.
    pub trace: TraceId,
    /// The span of the node or the item that printed it; where several did at once, the span around them.
    pub span: SpanId,
    /// Where it was printed.
    pub stream: Stream,
    /// The line, without its end.
    pub line: String,
}

/// Where a program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl Stream {
    /// Returns the word that OpenTelemetry has for it: the attribute `log.iostream`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLost {
    /// The worker's id.
    pub worker: String,
    /// What is known: an exit status, a silence.
    pub reason: String,
    /// What to make of it.
    pub fate: Fate,
}

/// What the loss of a worker means for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The worker died with the job; the job may be why.
    Died,
    /// The worker was ended for another job's sake; this one is blameless.
    Evicted,
    /// There can be no worker: trying again is no use.
    Impossible,
}
