//! Which spans belong to runs that joined a trace: those below the run's root, which may not be all of the trace.

use std::collections::HashMap;

use flowglass_model::{Batch, RunId, SpanColumns, SpanId, SpanRow, SpanType, TraceId, flags};

type Key = (TraceId, SpanId);

/// Says whether the row is the root of a run, and of which.
pub(super) fn root_of_run(row: &SpanRow) -> Option<RunId> {
    let remote = row.flags & flags::IS_REMOTE != 0;
    let is_root = row.span_type == SpanType::Pipeline && (row.parent_id.is_none() || remote);
    is_root
        .then_some(RunId { trace: row.trace_id, joined_at: if row.parent_id.is_none() { SpanId::NONE } else { row.span_id } })
}

/// Says whether roots of joined runs are among these spans.
fn has_joined(spans: &SpanColumns) -> bool {
    let mut rows = spans.span_type.iter().zip(&spans.flags);
    rows.any(|(span_type, set)| *span_type == SpanType::Pipeline && set & flags::IS_REMOTE != 0)
}

/// The open spans of joined runs.
///
/// When a batch is written, each ancestor of its spans is in the batch too or still open, so that knowing the open ones is
/// enough. A span that comes after its parent's end, or from another process, is not found to belong to a joined run.
#[derive(Debug, Clone, Default)]
pub(super) struct JoinedRuns {
    open: HashMap<Key, RunId>,
}

/// What a batch tells of joined runs.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// The run of each ended span that is in one, with whether the span failed.
    pub(super) ended: Vec<(RunId, bool)>,
    opened: Vec<(Key, RunId)>,
}

impl JoinedRuns {
    /// Finds the joined runs of the batch's spans.
    pub(super) fn resolve(&self, batch: &Batch) -> Joined {
        let rows = || batch.spans().chain(batch.opened()).map(|span| span.row());
        if self.open.is_empty() && ![&batch.spans, &batch.opened].into_iter().any(has_joined) {
            return Joined::default();
        }
        let rows_by_id: HashMap<Key, SpanRow> = rows().map(|row| ((row.trace_id, row.span_id), row)).collect();
        let mut walk = Walk { open: &self.open, rows: &rows_by_id, known: HashMap::new() };
        let ended = batch.spans().filter_map(|span| {
            let row = span.row();
            let failed = row.status == flowglass_model::Status::Error;
            walk.run_of((row.trace_id, row.span_id)).map(|run| (run, failed))
        });
        let ended = ended.collect();
        let opened = batch.opened().map(|span| (span.row().trace_id, span.row().span_id));
        Joined { ended, opened: opened.filter_map(|key| walk.run_of(key).map(|run| (key, run))).collect() }
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
    open: &'a HashMap<Key, RunId>,
    rows: &'a HashMap<Key, SpanRow>,
    known: HashMap<Key, Option<RunId>>,
}

impl Walk<'_> {
    fn run_of(&mut self, start: Key) -> Option<RunId> {
        let (mut path, mut at) = (Vec::new(), start);
        let run = loop {
            if let Some(&known) = self.known.get(&at) {
                break known;
            }
            // Set first, so that parents in a circle end here.
            self.known.insert(at, None);
            path.push(at);
            match (self.rows.get(&at), self.open.get(&at)) {
                (_, Some(&run)) => break Some(run),
                (None, None) => break None,
                (Some(row), None) => match root_of_run(row) {
                    Some(run) => break Some(run).filter(|run| !run.joined_at.is_none()),
                    None => at.1 = row.parent_id,
                },
            }
        };
        self.known.extend(path.into_iter().map(|key| (key, run)));
        run
    }
}
