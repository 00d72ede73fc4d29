//! The recorder as its users hold it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use flowglass_model::{Batch, Graph, Propagation, Redaction, Resource, Sink, SinkError, Span, SpanId, TraceId, WriterId};

use crate::context;
use crate::core::Core;
use crate::open::Frame;
use crate::scope::Scope;
use crate::scope_shared::ScopeShared;
use crate::{FlushError, RecorderBuilder, RecorderStats, ScopeSpec, SpanGuard, Verdict};

/// How long dropping the last handle waits for the sinks.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes spans at nearly the cost of reading the clock and delivers them to sinks.
///
/// A value, cheap to clone: two recorders in one process know nothing of each other. Recording never fails and never
/// waits; what can't be kept is dropped and counted. Dropping the last handle (scopes have one, too) flushes for at most
/// five seconds.
#[derive(Debug, Clone)]
pub struct Recorder(Option<Arc<Handle>>);

/// What all clones of a recorder have in common: when it goes, the recorder ends.
#[derive(Debug)]
pub(crate) struct Handle(Arc<Core>);

impl Recorder {
    /// Returns a builder with the defaults.
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder::default()
    }

    /// Makes a recorder without sinks: what it records can be read back by [`retain`](Self::retain).
    #[must_use]
    pub fn in_memory() -> Self {
        Self::builder().build()
    }

    /// Makes a recorder that records nothing; every call is a branch.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    pub(crate) fn new(core: Arc<Core>) -> Self {
        let handle = Arc::new(Handle(core));
        // A core is made for one recorder.
        let _ = handle.0.handle.set(Arc::downgrade(&handle));
        Self(Some(handle))
    }

    /// Returns the recorder of a core, unless its last handle is gone.
    pub(crate) fn of(core: &Core) -> Option<Self> {
        core.handle.get().and_then(Weak::upgrade).map(|handle| Self(Some(handle)))
    }

    /// Says whether nothing is recorded.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Says whether anything is recorded.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the id that the recorder's batches carry; zeros if it is off.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.core().map_or_else(WriterId::default, |core| core.writer)
    }

    /// Returns who records.
    #[must_use]
    pub fn resource(&self) -> Arc<Resource> {
        self.core().map_or_else(Arc::default, |core| Arc::clone(&core.resource))
    }

    /// Returns what is hidden before anything leaves the recorder; secrets if it is off.
    #[must_use]
    pub fn redaction(&self) -> Redaction {
        self.core().map_or_else(Redaction::default, |core| core.redaction.clone())
    }

    /// Passes everything recorded before this call, on any thread, to the sinks and waits until they have it for good.
    ///
    /// # Errors
    /// Names the sinks that have failed since the last flush or don't finish in time. What they didn't take is counted.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.core().map_or(Ok(()), |core| core.flush(timeout))
    }

    /// Flushes, and ends the recorder's threads and lets its sinks go. What is recorded later is dropped and counted.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.core().map_or(Ok(()), |core| core.shut_down(timeout))
    }

    /// Returns what became of everything recorded so far.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        self.core().map_or_else(RecorderStats::default, Core::stats)
    }

    /// Tells the sinks of a graph, once per fingerprint.
    pub fn graph(&self, graph: &Arc<Graph>) {
        if let Some(core) = self.core().filter(|core| !core.outlets.is_empty()) {
            core.graphs.add(graph);
        }
    }

    /// Passes on what a worker in another process recorded, as if it had been recorded here: to the sinks, and to whoever
    /// retains its traces. The batch becomes one of this recorder's.
    pub fn relay(&self, batch: Batch) {
        if let Some(core) = self.core().filter(|_| !batch.is_empty()) {
            core.relay(batch);
        }
    }

    /// Passes on what other programs recorded, under their own names: to the sinks, and to whoever retains its traces. The batch
    /// keeps its writer, its sequence and its resource.
    pub fn pass_on(&self, batch: Arc<Batch>) {
        if let Some(core) = self.core().filter(|_| !batch.is_empty()) {
            core.pass_on(batch);
        }
    }

    /// Keeps what is recorded of a trace from now on, so that it can be read back.
    #[must_use]
    pub fn retain(&self, trace_id: TraceId) -> Retained {
        Retained::new(trace_id, self.0.as_ref().map(|handle| Arc::clone(&handle.0)))
    }

    /// Makes a scope: the open state of a run.
    #[must_use]
    pub fn scope(&self, spec: ScopeSpec) -> Scope {
        let trace_id = spec.trace_id;
        Scope::new(trace_id, self.clone(), self.core().map(|core| core.make_scope(spec)))
    }

    /// Opens a span that starts a trace of its own.
    pub fn root_span(&self, name: &'static str) -> SpanGuard {
        let Some(core) = self.core() else { return SpanGuard::nowhere() };
        let trace_id = TraceId::random();
        let verdict = core.sampling.verdict(trace_id, name, None);
        SpanGuard::root(name, core.make_plain((trace_id, verdict), SpanId::NONE, context::carried()), self.clone())
    }

    /// Makes a scope for a trace that begins with a span of this name, unless nothing of it is ever recorded.
    pub(crate) fn root_scope(&self, name: &str) -> Option<Arc<ScopeShared>> {
        let (core, trace_id) = (self.core()?, TraceId::random());
        let verdict = core.sampling.verdict(trace_id, name, None);
        (verdict != Verdict::Never).then(|| core.make_plain((trace_id, verdict), SpanId::NONE, context::carried()))
    }

    /// Opens a span that goes on with the trace of a caller in another process, or starts one if there was none. What
    /// travels with the trace goes on with it. It is recorded if the caller records it.
    pub fn continued_span(&self, name: &'static str, received: Propagation) -> SpanGuard {
        let (parent, carried) = (received.parent, Some(Arc::new(received)));
        let Some(core) = self.core() else { return SpanGuard::nowhere() };
        let trace_id = parent.map_or_else(TraceId::random, |parent| parent.trace_id);
        let verdict = core.sampling.verdict(trace_id, name, parent.map(|parent| parent.sampled));
        let root = parent.map_or(SpanId::NONE, |parent| parent.parent_id);
        SpanGuard::root(name, core.make_plain((trace_id, verdict), root, carried), self.clone())
    }

    pub(crate) fn fork(&self, parent: &ScopeShared, root: &Frame) -> Option<Arc<ScopeShared>> {
        self.core().map(|core| core.fork_scope(parent, root, parent.carried.clone()))
    }

    pub(crate) fn core(&self) -> Option<&Core> {
        self.0.as_ref().map(|handle| &*handle.0)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nobody is left to be told; the sinks' own errors are theirs to report.
        let _ = self.0.shut_down(DROP_TIMEOUT);
    }
}

/// A trace that is kept while this or a clone of it lives; see [`Recorder::retain`].
#[derive(Debug)]
pub struct Retained {
    trace_id: TraceId,
    core: Option<Arc<Core>>,
}

impl Retained {
    fn new(trace_id: TraceId, core: Option<Arc<Core>>) -> Self {
        if let Some(core) = &core {
            core.retention.lock().add(trace_id);
        }
        Self { trace_id, core }
    }

    /// Returns the trace that is kept.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns everything recorded of the trace so far, in order of its start: spans that ended and those still running,
    /// with their events.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.core.as_ref().map_or_else(Vec::new, |core| core.retained_spans(self.trace_id))
    }

    /// Returns how many spans and events of the trace were let go because retained traces took too much memory.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.core.as_ref().map_or(0, |core| core.retention.lock().dropped_of(self.trace_id))
    }
}

impl Clone for Retained {
    fn clone(&self) -> Self {
        Self::new(self.trace_id, self.core.clone())
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            core.retention.lock().remove(self.trace_id);
        }
    }
}

/// A recorder is a sink, too: it passes on what it is given. `Ok` means that it is on its way; a flush says when it has arrived.
impl Sink for Recorder {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.pass_on(Arc::clone(batch));
        Ok(())
    }
}
