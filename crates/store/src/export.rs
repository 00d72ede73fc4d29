//! All that is stored, batch by batch: what files and other stores are made of.

use std::collections::HashSet;
use std::sync::Arc;
use std::vec::IntoIter;

use flowglass_model::{Batch, BatchBuilder, Metric, Status, TraceId, WriterId};

use crate::sketch::fingerprint;
use crate::sketch::zones::Zone;
use crate::sqlite::Depth;
use crate::virtual_tables::Shared;
use crate::{SqliteStore, StoreError};

/// Which records are wanted: by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only what belongs to these traces. Metrics belong to none.
    pub traces: Option<Vec<TraceId>>,
    /// Only spans that started at this time or later, and what happened then, in nanoseconds since 1970 UTC.
    pub start_unix_ns: Option<i64>,
    /// Only spans that started before this time, and what happened before, in nanoseconds since 1970 UTC.
    pub end_unix_ns: Option<i64>,
}

impl SqliteStore {
    /// Reads what is selected as batches, in the order in which it was written: graphs first, then spans that have not ended, then all
    /// else. All batches are of one state of the store, and no more than some are in memory at once.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`; the same for each batch.
    pub fn batches(&self, selection: &Selection) -> Result<Batches, StoreError> {
        Batches::new(Shared::new(self.snapshot()?, None), selection)
    }
}

/// The batches of a selection. Made by [`SqliteStore::batches`].
pub struct Batches {
    shared: Shared,
    wanted: Wanted,
    first: IntoIter<Batch>,
    zones: IntoIter<Zone>,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("left", &self.zones.len()).finish_non_exhaustive()
    }
}

impl Batches {
    fn new(shared: Shared, selection: &Selection) -> Result<Self, StoreError> {
        let wanted = Wanted::new(selection);
        let (first, zones) = {
            let mut state = shared.lock();
            state.begin()?;
            let graphs = state.snapshot.graphs(selection.traces.as_deref())?;
            let mut first = vec![Batch { graphs, ..Batch::default() }];
            first.extend(state.snapshot.open_spans(None)?.iter().map(|batch| wanted.of(batch, |_| true)));
            (first, zones(&state.snapshot, selection)?)
        };
        Ok(Self { shared, wanted, first: first.into_iter(), zones: zones.into_iter() })
    }

    fn open(&self, zone: &Zone) -> Result<Batch, StoreError> {
        let mut state = self.shared.lock();
        let batch = state.load(zone.block, Depth::Whole)?;
        let mut repeated = HashSet::new();
        if zone.bounds.may_have(Status::Interrupted) {
            let spans = &batch.spans;
            for row in (0..spans.len()).filter(|row| spans.status[*row] == Status::Interrupted) {
                if state.has_real_end(spans.trace_id[row], spans.span_id[row])? {
                    repeated.insert(row);
                }
            }
        }
        if self.wanted.is_all() && repeated.is_empty() {
            return Ok((*batch).clone());
        }
        Ok(self.wanted.of(&batch, |row| !repeated.contains(&row)))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let batch = if let Some(batch) = self.first.next() {
                Ok(batch)
            } else {
                let zone = self.zones.next()?;
                self.open(&zone)
            };
            if batch.as_ref().is_ok_and(Batch::is_empty) {
                continue;
            }
            return Some(batch);
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.shared.lock().end();
    }
}

/// Returns the blocks that may hold something of a selection, in the order in which they were written.
fn zones(snapshot: &crate::sqlite::Snapshot, selection: &Selection) -> Result<Vec<Zone>, StoreError> {
    let Some(traces) = &selection.traces else { return snapshot.all(None) };
    let mut zones = Vec::new();
    for trace in traces {
        zones.extend(snapshot.all(Some(fingerprint::trace(*trace)))?);
    }
    zones.sort_unstable_by_key(|zone: &Zone| zone.block);
    zones.dedup_by_key(|zone| zone.block);
    Ok(zones)
}

/// What rows are looked at for.
struct Wanted {
    traces: Option<HashSet<TraceId>>,
    start_unix_ns: i64,
    end_unix_ns: i64,
}

impl Wanted {
    fn new(selection: &Selection) -> Self {
        Self {
            traces: selection.traces.as_ref().map(|traces| traces.iter().copied().collect()),
            start_unix_ns: selection.start_unix_ns.unwrap_or(i64::MIN),
            end_unix_ns: selection.end_unix_ns.unwrap_or(i64::MAX),
        }
    }

    const fn is_all(&self) -> bool {
        self.traces.is_none() && self.start_unix_ns == i64::MIN && self.end_unix_ns == i64::MAX
    }

    fn has(&self, trace: TraceId, unix_ns: i64) -> bool {
        let timely = self.start_unix_ns <= unix_ns && (unix_ns < self.end_unix_ns || self.end_unix_ns == i64::MAX);
        timely && self.traces.as_ref().is_none_or(|traces| traces.contains(&trace))
    }

    /// Copies the wanted records of a batch; of its spans only those that `keep`, too.
    fn of(&self, batch: &Batch, keep: impl Fn(usize) -> bool) -> Batch {
        let mut builder = BatchBuilder::new(WriterId::default(), 0, Arc::clone(&batch.resource));
        let mut gone = HashSet::new();
        for (row, span) in batch.spans().enumerate() {
            let (trace, start) = (span.row().trace_id, span.row().start_unix_ns);
            if self.has(trace, start) && keep(row) {
                builder.push(&span.to_span());
            } else {
                gone.insert((trace, span.row().span_id));
            }
        }
        for event in batch.events().filter(|event| self.has(event.owner().0, event.unix_ns())) {
            builder.push_owned_event(event.owner(), &event.to_event());
        }
        for link in batch.links() {
            let owner = (link.row().trace_id, link.row().span_id);
            let of_trace = self.traces.as_ref().is_none_or(|traces| traces.contains(&owner.0));
            if of_trace && !gone.contains(&owner) {
                builder.push_owned_link(owner, &link.to_link());
            }
        }
        self.add_others(batch, &mut builder);
        builder.finish()
    }

    fn add_others(&self, batch: &Batch, builder: &mut BatchBuilder) {
        for log in batch.logs() {
            let row = log.row();
            if self.has(row.trace_id, if row.unix_ns == 0 { row.observed_unix_ns } else { row.unix_ns }) {
                builder.push_owned_log(&log.to_log());
            }
        }
        if self.traces.is_some() {
            return;
        }
        let metrics: Vec<Metric> = batch.metrics().map(|metric| metric.to_metric()).collect();
        let mut rows: Vec<Option<u32>> = vec![None; metrics.len()];
        for point in batch.points().filter(|point| self.has(TraceId::NONE, point.row().unix_ns)) {
            let at = point.row().metric as usize;
            let Some(metric) = metrics.get(at) else { continue };
            let row = *rows[at].get_or_insert_with(|| builder.push_owned_metric(metric));
            builder.push_owned_point(row, &point.to_point());
        }
    }
}
