//! What a store in memory holds: batches in the order in which they came, and what is open.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Fingerprint, Graph, Resource, Span, SpanId, SpanRef, Status, TraceId, WriterId};

use crate::FoundSpan;
use crate::query::{Now, certainty};

/// What names one span: a later record with the same replaces it.
pub(super) type Identity = (TraceId, SpanId, i64);

#[derive(Debug)]
pub(super) struct Held {
    max_bytes: usize,
    size_bytes: usize,
    pub(super) batches: VecDeque<Arc<Batch>>,
    open: HashMap<(TraceId, SpanId), Open>,
    graphs: HashMap<Fingerprint, Arc<Graph>>,
    /// When each writer was last heard of.
    seen_unix_ns: HashMap<WriterId, i64>,
    /// When the store last forgot by itself.
    forgot_unix_ns: Option<i64>,
}

/// A span that has not ended.
#[derive(Debug)]
struct Open {
    span: Span,
    resource: Arc<Resource>,
    writer: WriterId,
    /// The sink that told of it.
    sink: u64,
}

impl Held {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            size_bytes: 0,
            batches: VecDeque::new(),
            open: HashMap::new(),
            graphs: HashMap::new(),
            seen_unix_ns: HashMap::new(),
            forgot_unix_ns: None,
        }
    }

    pub(super) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(super) fn graph(&self, fingerprint: Fingerprint) -> Option<Graph> {
        self.graphs.get(&fingerprint).map(|graph| (**graph).clone())
    }

    pub(super) fn graphs(&self) -> impl Iterator<Item = Arc<Graph>> {
        self.graphs.values().cloned()
    }

    /// Says whether the store has forgotten nothing by itself for an hour, and takes it that it does now.
    pub(super) fn is_to_forget(&mut self, now: Now) -> bool {
        const EVERY_NS: i64 = 3_600 * 1_000_000_000;
        let is_due = self.forgot_unix_ns.is_none_or(|last| now.0.saturating_sub(last) >= EVERY_NS);
        if is_due {
            self.forgot_unix_ns = Some(now.0);
        }
        is_due
    }

    /// Puts another batch, or none, in the place of each.
    pub(super) fn rewrite(&mut self, anew: impl FnMut(&Arc<Batch>) -> Option<Arc<Batch>>) {
        self.batches = self.batches.iter().filter_map(anew).collect();
        self.size_bytes = self.batches.iter().map(|batch| batch.size_bytes()).sum();
    }

    /// Takes a batch that came through a sink.
    pub(super) fn take(&mut self, batch: &Arc<Batch>, sink: u64, now: Now) {
        for key in &batch.closed {
            self.open.remove(key);
        }
        for span in batch.opened() {
            let span = Span { status: Status::Running, ..span.to_span() };
            let open = Open { resource: Arc::clone(&batch.resource), writer: batch.writer, sink, span };
            self.open.insert((open.span.trace_id, open.span.span_id), open);
        }
        let graphs = batch.graphs.iter().map(|graph| (graph.fingerprint, Arc::clone(graph)));
        self.graphs.extend(graphs);
        self.seen_unix_ns.insert(batch.writer, now.0);
        self.keep(Arc::clone(batch));
    }

    fn keep(&mut self, batch: Arc<Batch>) {
        if batch.counts().total() == 0 && batch.links.is_empty() {
            return;
        }
        self.size_bytes += batch.size_bytes();
        self.batches.push_back(batch);
        while self.size_bytes > self.max_bytes && self.batches.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.batches.pop_front() {
            self.size_bytes -= oldest.size_bytes();
        }
    }

    /// Ends what a sink left open: it was interrupted.
    pub(super) fn end(&mut self, sink: u64) {
        let left: Vec<_> = self.open.iter().filter(|(_, open)| open.sink == sink).map(|(key, _)| *key).collect();
        for key in left {
            let Some(open) = self.open.remove(&key) else { continue };
            let mut builder = BatchBuilder::new(open.writer, 0, Arc::clone(&open.resource));
            builder.push(&Span { status: Status::Interrupted, ..self.as_seen(&open) });
            self.keep(Arc::new(builder.finish()));
        }
    }

    /// An open span, with as much of its duration as its writer has seen.
    fn as_seen(&self, open: &Open) -> Span {
        let last = self.seen_unix_ns.get(&open.writer).copied().unwrap_or(i64::MIN);
        let seen_ns = u64::try_from(last.saturating_sub(open.span.start_unix_ns)).unwrap_or(0);
        Span { duration_ns: open.span.duration_ns.max(seen_ns), ..open.span.clone() }
    }

    /// Returns the spans that are open.
    pub(super) fn open(&self) -> impl Iterator<Item = FoundSpan> {
        self.open.values().map(|open| FoundSpan { span: self.as_seen(open), resource: Arc::clone(&open.resource) })
    }

    /// Returns all spans, open or ended, but for those that something more certain is known of; without events and links.
    pub(super) fn spans(&self) -> impl Iterator<Item = FoundSpan> {
        let certain = self.certain();
        let is_told = move |span: &Span| certainty(span.status) > 1 || !certain.contains(&identity(span));
        let ended = self.batches.iter().flat_map(|batch| {
            batch.spans().map(|span| FoundSpan { span: span.to_span(), resource: Arc::clone(&batch.resource) })
        });
        self.open().chain(ended).filter(move |found| is_told(&found.span))
    }

    /// Returns which spans that are open or interrupted have ended after all.
    pub(super) fn certain(&self) -> HashSet<Identity> {
        let rows = || self.batches.iter().flat_map(|batch| batch.spans());
        let is_certain = |row: &SpanRef<'_>| certainty(row.row().status) > 1;
        let key = |span: SpanRef<'_>| (span.row().trace_id, span.row().span_id, span.row().start_unix_ns);
        let mut uncertain: HashSet<Identity> = self.open.values().map(|open| identity(&open.span)).collect();
        uncertain.extend(rows().filter(|row| !is_certain(row)).map(key));
        if uncertain.is_empty() {
            return uncertain;
        }
        rows().filter(is_certain).map(key).filter(|key| uncertain.contains(key)).collect()
    }
}

pub(super) const fn identity(span: &Span) -> Identity {
    (span.trace_id, span.span_id, span.start_unix_ns)
}
