//! Writing the table `runs`: from run roots that a batch opens or ends, and from the counts of its spans.

use std::collections::HashMap;

use flowglass_model::{Batch, RunId, SpanRef, Status, TraceId, conventions};
use rusqlite::{Transaction, params};

use super::joined::{Joined, root_of_run};
use super::rows::stored;

/// The most traces whose spans are remembered while no run is known for them. Traces beyond go uncounted: their spans are
/// stored all the same.
const MOST_UNCOUNTED: usize = 4096;

/// Spans that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    spans: u64,
    errors: u64,
}

impl Counts {
    fn add(&mut self, spans: u64, errors: u64) {
        self.spans += spans;
        self.errors += errors;
    }
}

/// Counts of spans that came before the root of their run, which another process may be about to write.
#[derive(Debug, Default)]
pub(super) struct Uncounted(HashMap<TraceId, Counts>);

/// What a batch changes in the runs.
pub(super) struct RunChanges {
    counts: HashMap<RunId, Counts>,
    /// Traces in this batch, or uncounted before, that no run was found for.
    left: HashMap<TraceId, Counts>,
}

impl RunChanges {
    /// Counts the batch's spans by run.
    pub(super) fn count(batch: &Batch, joined: &Joined, uncounted: &Uncounted) -> Self {
        let mut counts: HashMap<RunId, Counts> = HashMap::new();
        for (&trace, status) in batch.spans.trace_id.iter().zip(&batch.spans.status) {
            counts.entry(trace.into()).or_default().add(1, u64::from(*status == Status::Error));
        }
        for (trace, earlier) in &uncounted.0 {
            if let Some(counts) = counts.get_mut(&(*trace).into()) {
                counts.add(earlier.spans, earlier.errors);
            }
        }
        for (run, failed) in &joined.ended {
            counts.entry(*run).or_default().add(1, u64::from(*failed));
        }
        Self { counts, left: HashMap::new() }
    }

    /// Writes the changes.
    pub(super) fn write(&mut self, transaction: &Transaction<'_>, writer: i64, batch: &Batch) -> rusqlite::Result<()> {
        for root in roots(writer, batch.opened()) {
            put(transaction, &root, self.take(root.run), "")?;
        }
        for root in roots(writer, batch.spans()) {
            put(transaction, &root, self.take(root.run), END)?;
        }
        let sql = "UPDATE runs SET span_count = span_count + ?2, error_count = error_count + ?3 WHERE run_id = ?1";
        let mut update = transaction.prepare_cached(sql)?;
        for (run, counts) in self.counts.iter().filter(|(_, counts)| counts.spans > 0) {
            if update.execute((run.to_string(), counts.spans, counts.errors))? == 0 && run.joined_at.is_none() {
                self.left.insert(run.trace, *counts);
            }
        }
        Ok(())
    }

    fn take(&mut self, run: RunId) -> Counts {
        self.counts.get_mut(&run).map(std::mem::take).unwrap_or_default()
    }
}

impl Uncounted {
    /// Takes over what a committed batch left.
    pub(super) fn apply(&mut self, changes: RunChanges) {
        for run in changes.counts.keys() {
            self.0.remove(&run.trace);
        }
        let room = MOST_UNCOUNTED.saturating_sub(self.0.len());
        self.0.extend(changes.left.into_iter().take(room));
    }

    /// Counts what was left for runs that are known by now.
    pub(super) fn write(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        let counts = self.0.iter().map(|(&trace, &counts)| (trace.into(), counts)).collect();
        let mut changes = RunChanges { counts, left: HashMap::new() };
        changes.write(transaction, 0, &Batch::default())?;
        Ok(Self(changes.left))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The root span of a run.
struct Root<'a> {
    writer: i64,
    run: RunId,
    span: SpanRef<'a>,
}

fn roots<'a>(writer: i64, spans: impl Iterator<Item = SpanRef<'a>>) -> impl Iterator<Item = Root<'a>> {
    spans.filter_map(move |span| root_of_run(&span.row()).map(|run| Root { writer, run, span }))
}

const INSERT: &str = "
INSERT INTO runs (run_id, root_span, name, version, fingerprint, status, start_unix_ns, duration_ns, nodes, cache_hits, failed,
    saved_ms, error, writer, span_count, error_count)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
ON CONFLICT (run_id) DO UPDATE SET span_count = span_count + excluded.span_count, error_count = error_count + excluded.error_count";

/// What an end adds to [`INSERT`]. The news that a writer died does not replace a real end.
const END: &str =
    ", name = excluded.name, version = excluded.version, fingerprint = coalesce(excluded.fingerprint, fingerprint),
    status = excluded.status, start_unix_ns = excluded.start_unix_ns, duration_ns = excluded.duration_ns,
    nodes = excluded.nodes, cache_hits = excluded.cache_hits, failed = excluded.failed, saved_ms = excluded.saved_ms,
    error = excluded.error, writer = excluded.writer
WHERE excluded.status <> 'interrupted' OR status IN ('running', 'interrupted')";

fn put(transaction: &Transaction<'_>, root: &Root<'_>, counts: Counts, end: &str) -> rusqlite::Result<()> {
    let Root { writer, run, span } = root;
    let row = span.row();
    let text = |key| span.attribute(key).and_then(|found| found.to_value().as_str().map(str::to_owned));
    let number = |key| span.attribute(key).and_then(|found| found.to_value().as_int()).unwrap_or(0).max(0);
    let float = |key| span.attribute(key).and_then(|found| found.to_value().as_f64());
    transaction.prepare_cached(&format!("{INSERT}{end}"))?.execute(params![
        run.to_string(),
        row.span_id.to_string(),
        text(conventions::PIPELINE_NAME).unwrap_or_else(|| span.name().trim_start_matches("pipeline ").to_owned()),
        text(conventions::PIPELINE_VERSION).unwrap_or_default(),
        text(conventions::PIPELINE_FINGERPRINT),
        row.status.as_str(),
        row.start_unix_ns,
        stored(row.duration_ns),
        number(conventions::NODE_COUNT),
        number(conventions::CACHE_HITS),
        number(conventions::NODE_FAILED),
        // SQLite keeps what is no number as NULL.
        float(conventions::CACHE_SAVED_MS).filter(|saved_ms| saved_ms.is_finite()).unwrap_or(0.0),
        span.status_message(),
        writer,
        counts.spans,
        counts.errors,
    ])?;
    Ok(())
}
