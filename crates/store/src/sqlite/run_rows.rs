//! Writing the table `runs`: from run roots that a batch opens or ends, and from the counts of its spans.

use std::collections::HashMap;

use flowglass_model::{Batch, Fingerprint, RunId, SpanColumns, SpanRef, SpanRow, SpanType, Status, TraceId, conventions};
use rusqlite::{Transaction, params};

use super::blocks::Blocks;
use super::failure::Failure;
use super::joined::{Joined, root_of_run};
use super::rows::{key, stored};
use super::run_count;
use super::runs::run_key;
use super::trace;
use crate::hash::BuildFastHasher;

/// The most traces whose spans are remembered while no run is known for them. Traces beyond go uncounted: their spans are
/// stored all the same.
const MOST_UNCOUNTED: usize = 4096;
/// The most runs whose rows are remembered, unfinished ones and others; the rest is looked up.
const MOST_KNOWN: usize = 4096;

/// Spans that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    spans: u64,
    errors: u64,
    /// How many batches brought more without the root.
    waits: u32,
}

impl Counts {
    fn add(&mut self, spans: u64, errors: u64) {
        self.spans += spans;
        self.errors += errors;
    }
}

/// What a sink remembers of runs between two batches.
#[derive(Debug, Clone, Default)]
pub(super) struct RunMemory {
    /// Counts of spans that came before the root of their run, which another process may be about to write.
    uncounted: HashMap<TraceId, Counts, BuildFastHasher>,
    /// The starts of runs that had not ended: with the id, they name a row.
    starts: HashMap<RunId, i64, BuildFastHasher>,
    /// The starts of runs that ended lately: some of their spans may come late.
    ended: HashMap<RunId, i64, BuildFastHasher>,
}

/// What a batch changes in the runs.
pub(super) struct RunChanges {
    counts: HashMap<RunId, Counts, BuildFastHasher>,
    /// Starts of runs that were not remembered before.
    starts: HashMap<RunId, i64, BuildFastHasher>,
    ended: Vec<(RunId, i64)>,
    /// Traces in this batch, or uncounted before, that no run was found for.
    left: HashMap<TraceId, Counts, BuildFastHasher>,
}

impl RunChanges {
    /// Counts the batch's spans by run.
    pub(super) fn count(batch: &Batch, joined: &Joined, memory: &RunMemory) -> Self {
        let mut counts: HashMap<RunId, Counts, BuildFastHasher> = HashMap::default();
        let rows = batch.spans.trace_id.iter().zip(&batch.spans.status);
        let rows: Vec<_> = rows.map(|(trace, status)| (*trace, u64::from(*status == Status::Error))).collect();
        for same in rows.chunk_by(|a, b| a.0 == b.0) {
            let errors = same.iter().map(|row| row.1).sum();
            counts.entry(same[0].0.into()).or_default().add(same.len() as u64, errors);
        }
        for (trace, earlier) in &memory.uncounted {
            if let Some(counts) = counts.get_mut(&(*trace).into()) {
                counts.add(earlier.spans, earlier.errors);
                counts.waits = earlier.waits;
            }
        }
        for (run, failed) in &joined.ended {
            counts.entry(*run).or_default().add(1, u64::from(*failed));
        }
        Self { counts, starts: HashMap::default(), ended: Vec::new(), left: HashMap::default() }
    }

    /// Writes the changes.
    pub(super) fn write(
        &mut self,
        transaction: &Transaction<'_>,
        writer: i64,
        batch: &Batch,
        memory: &RunMemory,
    ) -> Result<(), Failure> {
        let mut added = 0;
        for root in roots(writer, batch.opened(), &batch.opened) {
            added += put(transaction, UPDATE_OPENED, false, &root, self.take(root.run))?;
            self.starts.insert(root.run, root.row.start_unix_ns);
        }
        for root in roots(writer, batch.spans(), &batch.spans) {
            added -= follow_start(transaction, &root, memory)?;
            let known = memory.starts.contains_key(&root.run) || self.starts.contains_key(&root.run);
            added += put(transaction, UPDATE_ENDED, known, &root, self.take(root.run))?;
            self.ended.push((root.run, root.row.start_unix_ns));
        }
        run_count::change(transaction, added)?;
        self.count_rest(transaction, memory)
    }

    /// Counts spans whose root is not in the batch.
    fn count_rest(&mut self, transaction: &Transaction<'_>, memory: &RunMemory) -> Result<(), Failure> {
        let rest: Vec<_> = self.counts.drain().filter(|(_, counts)| counts.spans > 0).collect();
        for (run, mut counts) in rest {
            let known = self.starts.get(&run).or(memory.starts.get(&run)).or(memory.ended.get(&run)).copied();
            let start = match known {
                None => find_start(transaction, run, counts.waits)?,
                known => known,
            };
            if let Some(start) = start {
                add(transaction, run, start, counts)?;
                self.starts.insert(run, start);
            } else if run.joined_at.is_none() {
                counts.waits += 1;
                self.left.insert(run.trace, counts);
            }
        }
        Ok(())
    }

    fn take(&mut self, run: RunId) -> Counts {
        self.counts.remove(&run).unwrap_or_default()
    }
}

impl RunMemory {
    /// Takes over what a committed batch left.
    pub(super) fn apply(&mut self, changes: RunChanges, batch: &Batch) {
        if !self.uncounted.is_empty() {
            for trace in &batch.spans.trace_id {
                self.uncounted.remove(trace);
            }
        }
        let room = MOST_UNCOUNTED.saturating_sub(self.uncounted.len());
        self.uncounted.extend(changes.left.into_iter().take(room));
        let room = MOST_KNOWN.saturating_sub(self.starts.len());
        self.starts.extend(changes.starts.into_iter().take(room));
        if self.ended.len() > MOST_KNOWN {
            self.ended.clear();
        }
        for (run, start) in changes.ended {
            self.starts.remove(&run);
            self.ended.insert(run, start);
        }
    }

    /// Counts what was left for runs that are known by now.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<HashMap<TraceId, Counts, BuildFastHasher>, Failure> {
        let mut left = HashMap::default();
        for (&trace, &counts) in &self.uncounted {
            match find_start(transaction, trace.into(), 1)? {
                Some(start) => add(transaction, trace.into(), start, counts)?,
                None => {
                    left.insert(trace, counts);
                }
            }
        }
        Ok(left)
    }

    /// Remembers only what [`write`](Self::write) left.
    pub(super) fn keep(&mut self, left: HashMap<TraceId, Counts, BuildFastHasher>) {
        self.uncounted = left;
    }

    pub(super) fn has_uncounted(&self) -> bool {
        !self.uncounted.is_empty()
    }
}

/// Finds the start of a run that another writer wrote.
///
/// The root of a run that is still open is found at once. An ended one is looked for in the segments only where spans came
/// in several batches without it, and then ever more seldom: most such traces have no run at all.
fn find_start(transaction: &Transaction<'_>, run: RunId, waits: u32) -> Result<Option<i64>, Failure> {
    let mut blocks = Blocks::new(transaction);
    let mut roots = trace::open_roots(transaction, &mut blocks, run.trace)?;
    if roots.is_empty() && waits.is_power_of_two() {
        roots = trace::roots(transaction, &mut blocks, run.trace)?;
    }
    Ok(roots.into_iter().find(|(root, _)| *root == run).map(|(_, start)| start))
}

fn add(transaction: &Transaction<'_>, run: RunId, start_unix_ns: i64, counts: Counts) -> rusqlite::Result<()> {
    let sql =
        "UPDATE runs SET span_count = span_count + ?3, error_count = error_count + ?4 WHERE start_unix_ns = ?1 AND id = ?2";
    let mut update = transaction.prepare_cached(sql)?;
    update.execute(params![start_unix_ns, run_key(run), counts.spans, counts.errors]).map(|_| ())
}

/// A root that ends with another start than it was opened with takes its row along. Returns how many rows go for that.
fn follow_start(transaction: &Transaction<'_>, root: &Root<'_>, memory: &RunMemory) -> rusqlite::Result<i64> {
    let start = root.row.start_unix_ns;
    let Some(&known) = memory.starts.get(&root.run).filter(|&&known| known != start) else { return Ok(0) };
    let both = "SELECT count(*) = 2 FROM runs WHERE start_unix_ns IN (?1, ?3) AND id = ?2";
    let replaces: bool = transaction.query_row(both, params![known, run_key(root.run), start], |row| row.get(0))?;
    let sql = "UPDATE OR REPLACE runs SET start_unix_ns = ?3 WHERE start_unix_ns = ?1 AND id = ?2";
    transaction.prepare_cached(sql)?.execute(params![known, run_key(root.run), start])?;
    Ok(i64::from(replaces))
}

/// The root span of a run.
struct Root<'a> {
    writer: i64,
    run: RunId,
    span: SpanRef<'a>,
    row: SpanRow,
}

/// Returns the roots among spans, of which few stand for a pipeline.
fn roots<'a>(
    writer: i64,
    spans: impl Iterator<Item = SpanRef<'a>>,
    columns: &'a SpanColumns,
) -> impl Iterator<Item = Root<'a>> {
    let pipelines = spans.zip(&columns.span_type).filter(|(_, span_type)| **span_type == SpanType::Pipeline);
    pipelines.filter_map(move |(span, _)| {
        let row = span.row();
        root_of_run(&row).map(|run| Root { writer, run, span, row })
    })
}

const INSERT: &str = "
INSERT INTO runs (id, root, name, version, graph, status, start_unix_ns, duration_ns, nodes, cache_hits, failed,
    saved_ms, error, writer, span_count, error_count)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
ON CONFLICT (start_unix_ns, id) DO NOTHING";

const UPDATE_OPENED: &str = "
UPDATE runs SET span_count = span_count + ?15, error_count = error_count + ?16 WHERE start_unix_ns = ?7 AND id = ?1";

/// The news that a writer died does not replace a real end.
const UPDATE_ENDED: &str = "
UPDATE runs SET span_count = span_count + ?15, error_count = error_count + ?16, name = ?3, version = ?4,
    graph = coalesce(?5, graph), status = ?6, duration_ns = ?8, nodes = ?9, cache_hits = ?10, failed = ?11, saved_ms = ?12,
    error = ?13, writer = ?14
WHERE start_unix_ns = ?7 AND id = ?1 AND (?6 <> 'interrupted' OR status IN ('running', 'interrupted'))";

/// Writes the row of a run, which is probably there or not; returns how many rows that added.
fn put(transaction: &Transaction<'_>, update: &str, known: bool, root: &Root<'_>, counts: Counts) -> rusqlite::Result<i64> {
    let Root { writer, run, span, row } = root;
    let told = Told::of(span);
    let run_id = run_key(*run);
    let values = params![
        run_id,
        key(row.span_id),
        told.name.unwrap_or_else(|| span.name().trim_start_matches("pipeline ")),
        told.version,
        told.graph.map(Fingerprint::to_bytes),
        row.status.as_str(),
        row.start_unix_ns,
        stored(row.duration_ns),
        told.nodes,
        told.cache_hits,
        told.failed,
        told.saved_ms,
        span.status_message(),
        writer,
        counts.spans,
        counts.errors,
    ];
    if known && transaction.prepare_cached(update)?.execute(values)? > 0 {
        return Ok(0);
    }
    let added = transaction.prepare_cached(INSERT)?.execute(values)?;
    if added == 0 && !known {
        transaction.prepare_cached(update)?.execute(values)?;
    }
    Ok(added as i64)
}

/// What the attributes of a root tell of its run.
#[derive(Default)]
struct Told<'a> {
    name: Option<&'a str>,
    version: &'a str,
    graph: Option<Fingerprint>,
    nodes: i64,
    cache_hits: i64,
    failed: i64,
    saved_ms: f64,
}

impl<'a> Told<'a> {
    fn of(span: &SpanRef<'a>) -> Self {
        let mut told = Self::default();
        for attribute in span.attributes() {
            let number = || attribute.to_value().as_int().unwrap_or(0).max(0);
            match attribute.key() {
                conventions::PIPELINE_NAME => told.name = attribute.as_str(),
                conventions::PIPELINE_VERSION => told.version = attribute.as_str().unwrap_or_default(),
                conventions::PIPELINE_FINGERPRINT => told.graph = attribute.as_str().and_then(|text| text.parse().ok()),
                conventions::NODE_COUNT => told.nodes = number(),
                conventions::CACHE_HITS => told.cache_hits = number(),
                conventions::NODE_FAILED => told.failed = number(),
                // SQLite keeps what is no number as NULL.
                conventions::CACHE_SAVED_MS => {
                    told.saved_ms = attribute.to_value().as_f64().filter(|saved_ms| saved_ms.is_finite()).unwrap_or(0.0);
                }
                _ => {}
            }
        }
        told
    }
}
