//! All that is in a file, batch by batch: what exports and other stores are made of.

use std::collections::HashSet;
use std::vec::IntoIter;

use flowglass_model::{Batch, Status};

use crate::selection::Wanted;
use crate::sketch::fingerprint;
use crate::sketch::zones::Zone;
use crate::sqlite::Depth;
use crate::virtual_tables::Shared;
use crate::{Selection, SqliteStore, StoreError};

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
    let Some(traces) = &selection.traces else { return snapshot.all(Vec::new()) };
    let mut zones = Vec::new();
    for trace in traces {
        zones.extend(snapshot.all(fingerprint::of_trace(*trace))?);
    }
    zones.sort_unstable_by_key(|zone: &Zone| zone.block);
    zones.dedup_by_key(|zone| zone.block);
    Ok(zones)
}
