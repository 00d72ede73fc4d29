//! The backend of work that is handed out: which workers, how many items at once, what becomes of what is lost.

use std::fmt;
use std::sync::Arc;

use super::dispatch::Dispatcher;
use super::lane::Chunk;
use super::telemetry::TelemetryCodec;
use super::transport::Transport;
use crate::backend::LocalBackend;

/// What happens to work whose worker died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnWorkerLost {
    /// It is given to another worker, up to this many times; then it fails. Work that isn't safe to repeat needs
    /// [`Fail`](Self::Fail).
    Retry(u32),
    /// It fails.
    Fail,
}

/// Hands nodes and items to workers in other processes. Cheap to clone; clones share the workers.
///
/// A pipeline with such a backend hands out its nodes: each call, each pipeline inside that has no backend of its own, and
/// each item of a map is given to a worker as a whole. The driver keeps their cache, retries and time limits.
#[derive(Clone)]
pub struct RemoteBackend {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) codec: Option<Arc<dyn TelemetryCodec>>,
    pub(crate) inside: LocalBackend,
    pub(crate) chunk: Chunk,
    pub(crate) on_worker_lost: OnWorkerLost,
    pub(crate) resources: Arc<[(String, String)]>,
}

impl RemoteBackend {
    /// Reaches workers over this transport.
    #[must_use]
    pub fn over(transport: impl Transport) -> Self {
        Self {
            dispatcher: Dispatcher::new(Arc::new(transport)),
            codec: None,
            inside: LocalBackend::default(),
            chunk: Chunk::default(),
            on_worker_lost: OnWorkerLost::Retry(2),
            resources: Arc::new([]),
        }
    }

    /// Brings telemetry home in this form. Without one, what happens inside of workers isn't recorded.
    #[must_use]
    pub fn telemetry(mut self, codec: Arc<dyn TelemetryCodec>) -> Self {
        self.codec = Some(codec);
        self
    }

    /// Sets how a worker schedules what it is given. The default is [`LocalBackend::default`].
    #[must_use]
    pub fn inside(mut self, backend: LocalBackend) -> Self {
        self.inside = backend;
        self
    }

    /// Sets how many items of a map travel in one job. The default is [`Chunk::Auto`].
    #[must_use]
    pub fn chunk(mut self, chunk: Chunk) -> Self {
        self.chunk = chunk;
        self
    }

    /// Sets what happens to work whose worker died. The default is two further tries.
    #[must_use]
    pub fn on_worker_lost(mut self, policy: OnWorkerLost) -> Self {
        self.on_worker_lost = policy;
        self
    }

    /// Asks for a resource: a transport that has it gives the work to workers that have it, and the work's spans say so.
    #[must_use]
    pub fn resource(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let more = (name.into(), value.into());
        self.resources = self.resources.iter().cloned().chain([more]).collect();
        self
    }

    /// Returns the attribute `backend.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.dispatcher.transport().name()
    }

    /// What work asks of its worker, as one text, if it asks for anything.
    pub(crate) fn resources_named(&self) -> Option<String> {
        let named: Vec<String> = self.resources.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!named.is_empty()).then(|| named.join(" "))
    }

    /// How often an item is given to another worker.
    pub(crate) fn losses(&self) -> u32 {
        match self.on_worker_lost {
            OnWorkerLost::Retry(times) => times,
            OnWorkerLost::Fail => 0,
        }
    }
}

impl fmt::Debug for RemoteBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RemoteBackend");
        shown.field("name", &self.name()).field("chunk", &self.chunk).field("on_worker_lost", &self.on_worker_lost);
        shown.field("resources", &self.resources).finish_non_exhaustive()
    }
}
