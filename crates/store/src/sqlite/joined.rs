//! Which spans belong to runs that joined a trace: those below the run's root, which may not be all of the trace.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, RunId, SpanColumns, SpanId, SpanRow, SpanType, TraceId, flags};

type Key = (TraceId, SpanId);

/// Says whether the row is the root of a run, and of which.
pub(super) fn root_of_run(row: &SpanRow) -> Option<RunId> {
    flags::begin_a_run(row.flags, row.span_type, row.parent_id)
        .then_some(RunId { trace: row.trace_id, joined_at: if row.parent_id.is_none() { SpanId::NONE } else { row.span_id } })
}

/// Says whether roots of joined runs are among these spans.
fn has_joined(spans: &SpanColumns) -> bool {
    let mut rows = spans.span_type.iter().zip(&spans.flags);
    let joins = flags::IS_REMOTE | flags::IS_RUN_ROOT;
    rows.any(|(span_type, set)| *span_type == SpanType::Pipeline && set & joins != 0)
}

/// The joined runs that a span is in, the innermost first: a run may be inside of another. Shared by all spans of the innermost.
type Runs = Arc<[RunId]>;

/// The open spans of joined runs.
///
/// When a batch is written, each ancestor of its spans is in the batch too or still open, so that knowing the open ones is
/// enough. A span that comes after its parent's end, or from another process, is not found to belong to a joined run.
#[derive(Debug, Clone, Default)]
pub(super) struct JoinedRuns {
    open: HashMap<Key, Runs>,
}

/// What a batch tells of joined runs.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Each run that an ended span is in, with whether the span failed.
    pub(super) ended: Vec<(RunId, bool)>,
    opened: Vec<(Key, Runs)>,
}

impl JoinedRuns {
    /// Finds the joined runs of the batch's spans.
    pub(super) fn resolve(&self, batch: &Batch) -> Joined {
        let rows = || batch.spans().chain(batch.opened()).map(|span| span.row());
        if self.open.is_empty() && ![&batch.spans, &batch.opened].into_iter().any(has_joined) {
            return Joined::default();
        }
        let rows_by_id: HashMap<Key, SpanRow> = rows().map(|row| ((row.trace_id, row.span_id), row)).collect();
        let mut walk = Walk { open: &self.open, rows: &rows_by_id, known: HashMap::new(), none: Arc::default() };
        let mut ended = Vec::new();
        for row in batch.spans().map(|span| span.row()) {
            let failed = row.status == flowglass_model::Status::Error;
            ended.extend(walk.runs_of((row.trace_id, row.span_id)).iter().map(|run| (*run, failed)));
        }
        let opened = batch.opened().map(|span| (span.row().trace_id, span.row().span_id));
        let opened = opened.map(|key| (key, walk.runs_of(key))).filter(|(_, runs)| !runs.is_empty());
        Joined { ended, opened: opened.collect() }
    }

    /// Remembers what the batch opened and forgets what it closed, once it is written.
    pub(super) fn apply(&mut self, joined: Joined, batch: &Batch) {
        self.open.extend(joined.opened);
        for key in &batch.closed {
            self.open.remove(key);
        }
    }
}

struct Walk<'a> {
    open: &'a HashMap<Key, Runs>,
    rows: &'a HashMap<Key, SpanRow>,
    known: HashMap<Key, Runs>,
    none: Runs,
}

impl Walk<'_> {
    fn runs_of(&mut self, start: Key) -> Runs {
        let (mut path, mut at) = (Vec::new(), start);
        let mut runs = loop {
            if let Some(known) = self.known.get(&at) {
                break Arc::clone(known);
            }
            if let Some(open) = self.open.get(&at) {
                break Arc::clone(open);
            }
            let Some(row) = self.rows.get(&at) else { break Arc::clone(&self.none) };
            // Set first, so that parents in a circle end here.
            self.known.insert(at, Arc::clone(&self.none));
            path.push((at, root_of_run(row).filter(|run| !run.joined_at.is_none())));
            at.1 = row.parent_id;
        };
        // From the outermost on, each span is in what its parent is in, and in the run that it is the root of.
        for (key, begun) in path.into_iter().rev() {
            if let Some(run) = begun {
                runs = std::iter::once(run).chain(runs.iter().copied()).collect();
            }
            self.known.insert(key, Arc::clone(&runs));
        }
        runs
    }
}
