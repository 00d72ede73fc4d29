//! The one thread that writes: requests that wait while it writes go into the next write together.

mod open_spans;
mod sources;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use flowglass_model::{Batch, Sink, SinkError};
use tokio::sync::oneshot;

use crate::error::{ServeError, ServeErrorKind};
use crate::notice::Notices;
use crate::room::Hold;
use crate::service::Refusal;
use crate::stats::Counters;
use open_spans::OpenSpans;
use sources::Sources;

/// The most requests that are written at once, so that no answer waits for too much.
const GROUP_REQUESTS: usize = 64;
/// The most memory of requests that are written at once.
const GROUP_BYTES: usize = 16 << 20;

/// Where requests are handed in to be written.
#[derive(Clone)]
pub(crate) struct Intake {
    jobs: mpsc::Sender<Job>,
    counters: Arc<Counters>,
}

/// What one request brought. Its room is given back when it is written.
struct Job {
    batches: Vec<Batch>,
    hold: Hold,
    done: oneshot::Sender<Result<(), Refusal>>,
}

/// The thread that writes. It ends when nobody can hand in any more.
pub(crate) struct Writing(JoinHandle<Result<(), ServeError>>);

impl Intake {
    /// Starts the thread that writes.
    pub(crate) fn start(
        sink: impl Sink,
        counters: Arc<Counters>,
        notices: Notices,
        most_open_spans: usize,
    ) -> Result<(Self, Writing), ServeError> {
        let (sender, jobs) = mpsc::channel();
        let intake = Self { jobs: sender, counters: Arc::clone(&counters) };
        let writer = Writer { sink, sources: Sources::default(), open: OpenSpans::new(most_open_spans), counters, notices };
        let thread = thread::Builder::new().name("flowglass-intake".into()).spawn(move || writer.run(&jobs));
        let thread = thread.map_err(|error| {
            ServeError::new(ServeErrorKind::System, format!("can't start a thread to write with: {error}")).with_source(error)
        })?;
        Ok((intake, Writing(thread)))
    }

    /// Hands in what a request brought; the future ends when the sink has it.
    pub(crate) async fn write(&self, batches: Vec<Batch>, hold: Hold) -> Result<(), Refusal> {
        let (done, written) = oneshot::channel();
        self.jobs.send(Job { batches, hold, done }).map_err(|_| Refusal::Ending)?;
        let _waiting = Waiting::count(&self.counters);
        written.await.unwrap_or_else(|_| Err(Refusal::Failed("the part that writes has failed".to_owned())))
    }
}

/// Counts a request that waits, until it is dropped: its sender may give up.
struct Waiting<'a>(&'a Counters);

impl<'a> Waiting<'a> {
    fn count(counters: &'a Counters) -> Self {
        counters.waiting_requests.fetch_add(1, Relaxed);
        Self(counters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting_requests.fetch_sub(1, Relaxed);
    }
}

impl Writing {
    /// Waits until everything is written.
    pub(crate) fn join(self) -> Result<(), ServeError> {
        let failed = || ServeError::new(ServeErrorKind::Sink, "the part that writes has failed");
        self.0.join().unwrap_or_else(|_| Err(failed()))
    }
}

struct Writer<S> {
    sink: S,
    sources: Sources,
    open: OpenSpans,
    counters: Arc<Counters>,
    notices: Notices,
}

impl<S: Sink> Writer<S> {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) -> Result<(), ServeError> {
        while let Ok(first) = jobs.recv() {
            self.write(gather(first, jobs));
        }
        let flushed = self.sink.flush();
        flushed.map_err(|error| ServeError::new(ServeErrorKind::Sink, error.to_string()).with_source(error))
    }

    /// Writes a group, and answers each of its requests.
    fn write(&mut self, mut group: Vec<Job>) {
        let (mut batches, mut ends) = (Vec::new(), Vec::with_capacity(group.len()));
        for job in &mut group {
            for mut batch in std::mem::take(&mut job.batches) {
                self.sources.claim(&mut batch);
                self.open.settle(&mut batch);
                batches.push(Arc::new(batch));
            }
            ends.push(batches.len());
        }
        let answers = self.write_batches(&batches, &ends);
        drop(batches);
        for (job, answer) in group.into_iter().zip(answers) {
            drop(job.hold);
            // A sender that has gone will send again.
            let _ = job.done.send(answer);
        }
    }

    /// Writes the batches of several requests, of which each ends at a place in `ends`; says of each what became of it.
    fn write_batches(&mut self, batches: &[Arc<Batch>], ends: &[usize]) -> Vec<Result<(), Refusal>> {
        let mut answers = vec![Ok(()); ends.len()];
        let mut left = batches;
        while !left.is_empty() {
            let before = left;
            let written = self.sink.write_all(&mut left);
            let taken = &before[..before.len() - left.len()];
            self.count(taken);
            let Err(error) = written else { break };
            self.notices.not_written(&error.to_string());
            let at = batches.len() - left.len();
            let failed = ends.partition_point(|end| *end <= at);
            // What a sink can't take at all says nothing about the other requests; where it is away, it is away for all.
            let until = if error.is_retryable() { ends.len() } else { failed + 1 };
            answers[failed..until].fill(Err(refusal(&error)));
            left = &batches[ends[until - 1]..];
        }
        answers
    }

    fn count(&self, taken: &[Arc<Batch>]) {
        if !taken.is_empty() {
            self.counters.writes.fetch_add(1, Relaxed);
            taken.iter().for_each(|batch| self.counters.add_taken(batch.counts()));
        }
    }
}

/// Takes what waits, without waiting for more.
fn gather(first: Job, jobs: &mpsc::Receiver<Job>) -> Vec<Job> {
    let size = |job: &Job| job.batches.iter().map(Batch::size_bytes).sum::<usize>();
    let mut bytes = size(&first);
    let mut group = vec![first];
    while bytes < GROUP_BYTES && group.len() < GROUP_REQUESTS {
        let Ok(next) = jobs.try_recv() else { break };
        bytes += size(&next);
        group.push(next);
    }
    group
}

fn refusal(error: &SinkError) -> Refusal {
    let why = error.to_string();
    if error.is_retryable() { Refusal::Unavailable(why) } else { Refusal::Failed(why) }
}
