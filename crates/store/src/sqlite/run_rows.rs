//! Writing the table `runs`: from run roots that a batch opens or ends, and from the counts of its spans.

use std::collections::HashMap;

use flowglass_model::{Batch, RunId, Status, TraceId};
use rusqlite::{Transaction, params};

use super::blocks::Blocks;
use super::failure::Failure;
use super::joined::Joined;
use super::run_count;
use super::run_roots::{Root, UPDATE_ENDED, UPDATE_OPENED, put, roots};
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
    pub(super) spans: u64,
    pub(super) errors: u64,
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
