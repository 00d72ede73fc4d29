//! The part of a recorder that its handles, scopes, threads and retained traces share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use flowglass_model::{
    Attributes, Batch, Cleaned, Fingerprint, Graph, Kept, MetricKind, Propagation, Redaction, Resource, Span, SpanId, TraceId,
    WriterId,
};
use parking_lot::Mutex;

use crate::Verdict;
use crate::beginning::Ambient;
use crate::by_id::ById;
use crate::collector::Collector;
use crate::context;
use crate::fate::Fate;
use crate::flush::{FlushError, SinkFailure};
use crate::lanes::{Lanes, Loss};
use crate::limits::SpanLimits;
use crate::metrics::{Instrument, Meters};
use crate::open::Frame;
use crate::outlet::Outlet;
use crate::raw::Record;
use crate::recorder::Handle;
use crate::registry::Registry;
use crate::retention::Retention;
use crate::sampling::Sampling;
use crate::scope::ScopeSpec;
use crate::scope_shared::ScopeShared;
use crate::stats::{AtomicCounts, RecorderStats};
use crate::wake::{Cause, Interval, Wake};

/// When so many scopes wait for the collector, it is asked to look.
const MANY_SCOPES: usize = 1024;
/// When so many do, whoever makes another one looks in its place.
const TOO_MANY_SCOPES: usize = 8 * MANY_SCOPES;

/// What is shared by everything that belongs to a recorder.
pub(crate) struct Core {
    pub(crate) writer: WriterId,
    pub(crate) resource: Arc<Resource>,
    /// Attributes of every span.
    pub(crate) attributes: Attributes,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) registry: Registry,
    pub(crate) retention: Mutex<Retention>,
    pub(crate) graphs: Graphs,
    pub(crate) outlets: Vec<Arc<Outlet>>,
    pub(crate) counters: Counters,
    pub(crate) by_id: ById,
    pub(crate) meters: Meters,
    pub(crate) sampling: Arc<Sampling>,
    pub(crate) redaction: Redaction,
    /// What says where no span is current what a run hangs on.
    pub(crate) ambient: Option<Ambient>,
    /// By which whoever stands in one of its scopes finds the recorder.
    pub(crate) handle: OnceLock<Weak<Handle>>,
    kept: Kept,
    longest_value: usize,
    collector: Mutex<Collector>,
    wake: Arc<Wake>,
    export_interval: Duration,
    has_thread: AtomicBool,
    this: Weak<Self>,
}

/// What a recorder is made of.
pub(crate) struct CoreParts {
    pub(crate) resource: Arc<Resource>,
    pub(crate) attributes: Attributes,
    pub(crate) outlets: Vec<Arc<Outlet>>,
    pub(crate) export_interval: Duration,
    pub(crate) chunk_bytes: usize,
    pub(crate) chunks_bytes: usize,
    pub(crate) retained_bytes: usize,
    pub(crate) limits: SpanLimits,
    pub(crate) attribute_sets: usize,
    pub(crate) sampling: Sampling,
    pub(crate) redaction: Redaction,
    pub(crate) ambient: Option<Ambient>,
    pub(crate) kept: Kept,
}

/// Counts that the collector keeps.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) recorded: AtomicCounts,
    pub(crate) over_limit: AtomicCounts,
    pub(crate) let_go: AtomicCounts,
    pub(crate) truncated_values: AtomicU64,
    pub(crate) redacted_values: AtomicU64,
    pub(crate) dropped_parts: AtomicU64,
}

/// Graphs that batches must still tell of, and those that they have.
#[derive(Debug, Default)]
pub(crate) struct Graphs(Mutex<(HashSet<Fingerprint>, Vec<Arc<Graph>>)>);

impl Core {
    pub(crate) fn new(parts: CoreParts) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            writer: WriterId::random(),
            resource: parts.resource,
            attributes: parts.attributes,
            lanes: Arc::new(Lanes::new(parts.chunk_bytes, parts.chunks_bytes, Weak::clone(this))),
            registry: Registry::new(!parts.outlets.is_empty(), parts.chunks_bytes),
            retention: Mutex::new(Retention::new(parts.retained_bytes)),
            graphs: Graphs::default(),
            outlets: parts.outlets,
            counters: Counters::default(),
            by_id: ById::default(),
            meters: Meters::new(parts.attribute_sets),
            sampling: Arc::new(parts.sampling),
            redaction: parts.redaction,
            ambient: parts.ambient,
            handle: OnceLock::new(),
            kept: parts.kept,
            longest_value: parts.limits.value_bytes,
            collector: Mutex::new(Collector::new(parts.limits)),
            wake: Arc::default(),
            export_interval: parts.export_interval,
            has_thread: AtomicBool::new(false),
            this: Weak::clone(this),
        })
    }

    /// Takes out of a batch what nobody shall see.
    pub(crate) fn clean(&self, batch: &mut Batch) {
        self.kept.apply(batch);
        self.count_cleaned(self.redaction.batch(batch, self.longest_value));
    }

    /// As [`clean`](Self::clean), for a batch that others have too.
    pub(crate) fn clean_shared(&self, mut batch: Arc<Batch>) -> Arc<Batch> {
        if !self.kept.is_everything() {
            self.kept.apply(Arc::make_mut(&mut batch));
        }
        let (batch, cleaned) = self.redaction.shared_batch(batch, self.longest_value);
        self.count_cleaned(cleaned);
        batch
    }

    fn count_cleaned(&self, cleaned: Cleaned) {
        self.counters.redacted_values.fetch_add(cleaned.redacted, Relaxed);
        self.counters.truncated_values.fetch_add(cleaned.cut, Relaxed);
    }

    /// Makes a scope.
    pub(crate) fn make_scope(&self, spec: ScopeSpec) -> Arc<ScopeShared> {
        self.make_carrying(spec, SpanId::NONE, context::carried())
    }

    /// Makes a scope in a trace of which others have a part as well: what becomes of one becomes of all.
    pub(crate) fn make_sharing(
        &self,
        spec: ScopeSpec,
        carried: Option<Arc<Propagation>>,
        fate: Option<Arc<Fate>>,
    ) -> Arc<ScopeShared> {
        let (scope, waiting) = self.registry.make_sharing(&self.lanes, spec, (SpanId::NONE, carried), fate);
        self.expect_records(&scope, waiting);
        scope
    }

    /// Makes a scope whose spans are inside of `root`, and with which this travels.
    pub(crate) fn make_carrying(&self, spec: ScopeSpec, root: SpanId, carried: Option<Arc<Propagation>>) -> Arc<ScopeShared> {
        let (scope, waiting) = self.registry.make(&self.lanes, spec, (root, carried));
        self.expect_records(&scope, waiting);
        scope
    }

    /// As [`make_carrying`](Self::make_carrying), for spans that have neither templates nor attributes in common.
    #[inline]
    pub(crate) fn make_plain(
        &self,
        of: (TraceId, Verdict),
        root: SpanId,
        carried: Option<Arc<Propagation>>,
    ) -> Arc<ScopeShared> {
        let (scope, waiting) = self.registry.make_plain(&self.lanes, of, (root, carried));
        self.expect_records(&scope, waiting);
        scope
    }

    /// Makes a scope for a part of another one's work.
    pub(crate) fn fork_scope(&self, parent: &ScopeShared, root: &Frame, carried: Option<Arc<Propagation>>) -> Arc<ScopeShared> {
        let (scope, waiting) = self.registry.fork(&self.lanes, parent, (root, carried));
        self.expect_records(&scope, waiting);
        scope
    }

    /// Records what names no scope.
    pub(crate) fn record_loose(&self, loss: Loss, record: &dyn Record) {
        self.lanes.write_elsewhere(loss, record);
        self.expect_news();
    }

    /// Makes sure that the collector looks at the next interval, though there may be no scope.
    #[inline]
    pub(crate) fn expect_news(&self) {
        if self.wake.is_resting() && !self.outlets.is_empty() {
            self.start_thread();
            self.wake.activate();
        }
    }

    /// Returns the instrument of this name and kind.
    pub(crate) fn instrument(&self, name: &str, kind: MetricKind) -> Arc<Instrument> {
        self.meters.get(&self.this, &self.wake, name, kind)
    }

    /// Makes the collector's thread look at once; starts the thread if need be.
    pub(crate) fn request_collection(&self) {
        self.start_thread();
        self.wake.request();
    }

    /// Passes everything recorded so far to the sinks and waits until they have flushed it.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.fence(timeout, Cause::Flush, Outlet::fence)
    }

    /// As [`flush`](Self::flush), and ends the threads.
    pub(crate) fn shut_down(&self, timeout: Duration) -> Result<(), FlushError> {
        if !self.lanes.is_forked() {
            self.by_id.interrupt();
        }
        let result = self.fence(timeout, Cause::End, Outlet::stop);
        if !self.lanes.is_forked() {
            self.wake.finish();
        }
        result
    }

    /// Passes on what another process recorded.
    pub(crate) fn relay(&self, batch: Batch) {
        if !self.lanes.is_forked() {
            self.collector.lock().relay(self, batch);
        }
    }

    /// Passes on what belongs to somebody else.
    pub(crate) fn pass_on(&self, batch: Arc<Batch>) {
        if !self.lanes.is_forked() {
            self.collector.lock().pass_on(self, batch);
        }
    }

    /// Returns the spans of a retained trace with their events, in order of their start.
    pub(crate) fn retained_spans(&self, trace: TraceId) -> Vec<Span> {
        if self.lanes.is_forked() {
            return Vec::new();
        }
        let mut collector = self.collector.lock();
        collector.look(self, Cause::Flush);
        let open = collector.open_spans(self, trace);
        let retention = self.retention.lock();
        drop(collector);
        let (ended, mut events) = (retention.spans(trace), retention.events(trace));
        drop(retention);
        let mut spans = only_last(ended, open);
        for span in &mut spans {
            span.events = events.remove(&span.span_id).unwrap_or_default();
            span.events.sort_by_key(|event| event.unix_ns);
        }
        spans
    }

    /// Returns what became of everything recorded so far.
    pub(crate) fn stats(&self) -> RecorderStats {
        let dropped_buffer_full = self.lanes.dropped_records();
        let dropped_over_limit = self.counters.over_limit.get();
        RecorderStats {
            recorded: self.counters.recorded.get() + dropped_buffer_full + dropped_over_limit,
            dropped_buffer_full,
            dropped_over_limit,
            let_go: self.counters.let_go.get(),
            overflowed_measurements: self.meters.overflowed(),
            dropped_attributes: self.lanes.dropped_parts() + self.counters.dropped_parts.load(Relaxed),
            truncated_values: self.counters.truncated_values.load(Relaxed),
            redacted_values: self.counters.redacted_values.load(Relaxed),
            dropped_retained: self.retention.lock().dropped(),
            buffers_bytes: self.lanes.allocated_bytes(),
            buffers_nearly_full: self.lanes.nearly_full(),
            sinks: self.outlets.iter().map(|outlet| outlet.stats()).collect(),
        }
    }

    fn fence(
        &self,
        timeout: Duration,
        cause: Cause,
        ask: fn(&Arc<Outlet>, &crossbeam_channel::Sender<crate::flush::Reply>, usize),
    ) -> Result<(), FlushError> {
        // A fork has neither the threads nor the rest of the records; a lock may have been held for ever.
        if self.lanes.is_forked() {
            return Ok(());
        }
        let deadline = Instant::now() + timeout;
        let Some(mut collector) = self.collector.try_lock_until(deadline) else {
            return FlushError::check(vec![SinkFailure::timed_out("collector")]);
        };
        collector.look(self, cause);
        let (sender, replies) = crossbeam_channel::bounded(self.outlets.len());
        self.outlets.iter().enumerate().for_each(|(place, outlet)| ask(outlet, &sender, place));
        drop((collector, sender));
        FlushError::check(self.await_replies(&replies, deadline))
    }

    fn await_replies(&self, replies: &crossbeam_channel::Receiver<crate::flush::Reply>, deadline: Instant) -> Vec<SinkFailure> {
        let mut is_missing = vec![true; self.outlets.len()];
        let mut failures = Vec::new();
        while let Ok(reply) = replies.recv_deadline(deadline) {
            is_missing[reply.place] = false;
            failures.extend(reply.error.map(|error| SinkFailure::failed(self.outlets[reply.place].name(), error)));
        }
        let late = self.outlets.iter().zip(is_missing).filter(|(_, is_missing)| *is_missing);
        failures.extend(late.map(|(outlet, _)| SinkFailure::timed_out(outlet.name())));
        failures
    }

    /// Makes sure that somebody looks after a scope was registered.
    #[inline]
    fn expect_records(&self, scope: &ScopeShared, waiting: usize) {
        if !scope.is_registered() {
            return;
        }
        if waiting == 1 && !self.outlets.is_empty() {
            self.start_thread();
            self.wake.activate();
        } else if waiting == MANY_SCOPES {
            self.request_collection();
        } else if waiting >= TOO_MANY_SCOPES
            && let Some(mut collector) = self.collector.try_lock()
        {
            collector.look(self, Cause::Chunk);
        }
    }

    /// Says whether there is something to tell that no scope is of.
    fn has_loose_news(&self) -> bool {
        self.lanes.is_unread() || (!self.outlets.is_empty() && self.meters.has_news())
    }

    /// Without a thread everything still works at each flush, and what the buffers can't hold is dropped and counted.
    fn start_thread(&self) {
        // A fork would deliver to the sinks of its parent.
        if self.has_thread.load(Relaxed) || self.lanes.is_forked() || self.has_thread.swap(true, Relaxed) {
            return;
        }
        let (this, wake, interval) = (Weak::clone(&self.this), Arc::clone(&self.wake), Interval::new(self.export_interval));
        let run = move || run(&this, &wake, interval);
        drop(std::thread::Builder::new().name("flowglass collector".into()).spawn(run));
    }

    fn collect(&self, cause: Cause) {
        let mut collector = self.collector.lock();
        collector.look(self, cause);
        self.wake.rest_if(|| collector.is_idle() && self.registry.waiting() == 0 && !self.has_loose_news());
    }
}

/// A panic of a caller, who never runs inside, leaves everything whole.
impl std::panic::RefUnwindSafe for Core {}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("writer", &self.writer).field("outlets", &self.outlets).finish_non_exhaustive()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if !self.lanes.is_forked() {
            self.wake.finish();
        }
    }
}

impl Graphs {
    /// Remembers a graph for the next batch, unless a batch has told of it.
    pub(crate) fn add(&self, graph: &Arc<Graph>) {
        let mut graphs = self.0.lock();
        if graphs.0.insert(graph.fingerprint) {
            graphs.1.push(Arc::clone(graph));
        }
    }

    /// Takes the graphs that no batch has told of.
    pub(crate) fn take_new(&self) -> Vec<Arc<Graph>> {
        std::mem::take(&mut self.0.lock().1)
    }
}

/// The collector's thread. It holds the recorder only while it looks.
fn run(core: &Weak<Core>, wake: &Wake, mut interval: Interval) {
    while let Some(cause) = wake.wait(interval.next()) {
        let Some(core) = core.upgrade() else { return };
        core.collect(if interval.advance() { Cause::Interval } else { cause });
    }
}

/// Merges ended and open spans in order of their start; a span told twice counts as it was told last.
fn only_last(ended: Vec<Span>, open: Vec<Span>) -> Vec<Span> {
    let mut known = HashSet::new();
    let mut spans: Vec<Span> = ended.into_iter().rev().chain(open).filter(|span| known.insert(span.span_id)).collect();
    spans.sort_by_key(|span| (span.start_unix_ns, std::cmp::Reverse(span.duration_ns)));
    spans
}
