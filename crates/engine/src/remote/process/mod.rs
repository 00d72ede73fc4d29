//! Workers that are processes of this machine: the current program once more, spoken to over a loopback socket.

mod door;
mod frame;
mod handshake;
mod invitation;
mod mark;
mod output;
mod pool;
mod serve;
mod tend;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use invitation::Invitation;
pub use serve::serve;

use super::transport::{Fate, Home, JobId, Limits, Message, OutgoingJob, Transport, WorkerLost};
use pool::Pool;

/// Starts copies of this program as workers, when the first job comes, and replaces those that die.
///
/// What a worker prints, on either stream, this process prints on its standard error: line by line, so that lines of several
/// workers don't mix, and each with whose it is, `[processes-2 pipeline > node[3]] the line`. It is a log record of that node's
/// span, too (`worker.output`). A job with more than 64 items speaks as the map; what async nodes of several jobs print at once is
/// the worker's. What a worker has printed isn't lost when it dies, and has been passed on when its work is over. Workers
/// end when this is dropped or this process ends, however it ends.
pub struct ProcessWorkers {
    settings: Settings,
    pool: OnceLock<Result<Arc<Pool>, String>>,
}

/// How workers are started, watched and ended.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) workers: usize,
    pub(super) program: Option<PathBuf>,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) start_within: Duration,
    pub(super) silence: Duration,
    pub(super) cancel_within: Duration,
    pub(super) message_bytes: usize,
    pub(super) jobs_each: usize,
}

impl ProcessWorkers {
    /// Prepares this many workers (at least one).
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let settings = Settings {
            workers: workers.max(1),
            program: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            start_within: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            cancel_within: Duration::from_secs(2),
            message_bytes: 64 << 20,
            jobs_each: 2,
        };
        Self { settings, pool: OnceLock::new() }
    }

    /// Starts this program instead of the current one. It must call `flowglass::worker` with the same pipelines.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.settings.program = Some(program.into());
        self
    }

    /// Gives workers this argument, behind those given before. By default there are none.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.settings.arguments.push(argument.into());
        self
    }

    /// Sets a variable in the environment of workers.
    #[must_use]
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.environment.push((name.into(), value.into()));
        self
    }

    /// Sets how long a started process may take to become a worker. Default: 10 s.
    #[must_use]
    pub fn start_within(mut self, time: Duration) -> Self {
        self.settings.start_within = time;
        self
    }

    /// Sets after which silence a worker counts as dead. It says that it lives four times as often. Default: 30 s.
    #[must_use]
    pub fn silence(mut self, time: Duration) -> Self {
        self.settings.silence = time.max(Duration::from_millis(20));
        self
    }

    /// Sets how long a worker may take to stop a job before it is ended and replaced. Default: 2 s.
    #[must_use]
    pub fn cancel_within(mut self, time: Duration) -> Self {
        self.settings.cancel_within = time;
        self
    }

    /// Sets the size of the largest message, in bytes. Default: 64 MiB.
    #[must_use]
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.settings.message_bytes = bytes.min(u32::MAX as usize);
        self
    }

    /// Sets how many jobs a worker has at once: one that runs and those that wait at its side, so that it needn't wait
    /// itself. Async nodes of several jobs overlap. Default: 2.
    #[must_use]
    pub fn jobs_each(mut self, jobs: usize) -> Self {
        self.settings.jobs_each = jobs.max(1);
        self
    }

    /// The workers' places, made when the first job comes. Copies start no copies: a program that forgets to become a
    /// worker must not fill the machine with itself.
    fn pool(&self) -> Result<&Arc<Pool>, String> {
        let start = || match Invitation::of_this_process() {
            Some(_) => Err(A_COPY.to_owned()),
            None => Pool::start(self.settings.clone()).map_err(|error| format!("no socket for workers: {error}")),
        };
        self.pool.get_or_init(start).as_ref().map_err(Clone::clone)
    }
}

const A_COPY: &str = "this process is itself a copy that was started as a worker, and copies start no copies: \
                      `flowglass::worker` must come first in main";

impl Transport for ProcessWorkers {
    fn name(&self) -> &str {
        "processes"
    }

    fn limits(&self) -> Limits {
        let Settings { workers, jobs_each, message_bytes, .. } = self.settings;
        Limits { message_bytes, concurrency: workers.saturating_mul(jobs_each) }
    }

    fn submit(&self, job: OutgoingJob, home: Arc<dyn Home>) {
        match self.pool() {
            Ok(pool) => pool.submit(job, home),
            Err(reason) => {
                let lost = WorkerLost { worker: self.name().to_owned(), reason, fate: Fate::Impossible };
                home.receive(job.id, Message::Lost(lost));
            }
        }
    }

    fn cancel(&self, job: JobId) {
        if let Ok(pool) = self.pool() {
            pool.cancel(job);
        }
    }
}

impl Drop for ProcessWorkers {
    fn drop(&mut self) {
        if let Some(Ok(pool)) = self.pool.get() {
            pool.close();
        }
    }
}

impl std::fmt::Debug for ProcessWorkers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProcessWorkers({})", self.settings.workers)
    }
}
