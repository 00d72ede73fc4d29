//! Rows become batches, and batches go to the sinks and to whoever retains their traces.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use flowglass_model::{Batch, Graph};

use crate::core::Core;
use crate::rows::Rows;

/// A batch is sent on when it has so many spans or events.
const FULL: usize = 16 * 1024;

/// Fills one batch after the other.
#[derive(Debug, Default)]
pub(crate) struct Batcher {
    rows: Option<Rows>,
    sequence: u64,
    dropped_told: u64,
    /// Graphs that a sink had no room for: they are sent once more.
    graphs: Vec<Arc<Graph>>,
}

impl Batcher {
    /// Returns the rows of the batch that is being filled.
    pub(crate) fn rows(&mut self, core: &Core) -> &mut Rows {
        self.rows.get_or_insert_with(|| {
            self.sequence += 1;
            Rows::new(core.writer, self.sequence, Arc::clone(&core.resource), &core.attributes)
        })
    }

    /// Sends the batch on if it is full.
    pub(crate) fn seal_if_full(&mut self, core: &Core) {
        let is_full = |batch: &Batch| batch.spans.len() >= FULL || batch.events.len() >= FULL;
        if self.rows.as_mut().is_some_and(|rows| is_full(rows.batch_mut())) {
            self.seal(core);
        }
    }

    /// Sends the batch on, with the graphs and losses since the last one.
    pub(crate) fn seal(&mut self, core: &Core) {
        if !core.outlets.is_empty() {
            self.add_news(core);
        }
        let Some(rows) = self.rows.take() else { return };
        let batch = Arc::new(rows.finish());
        core.counters.recorded.fetch_add((batch.spans.len() + batch.events.len()) as u64, Relaxed);
        core.retention.lock().keep(&batch);
        let refusals = core.outlets.iter().filter(|outlet| !outlet.offer(&batch)).count();
        if refusals > 0 {
            self.graphs.extend(batch.graphs.iter().cloned());
        }
    }

    fn add_news(&mut self, core: &Core) {
        let mut graphs = std::mem::take(&mut self.graphs);
        graphs.append(&mut core.graphs.take_new());
        let dropped = core.lanes.dropped_records();
        if graphs.is_empty() && dropped == self.dropped_told {
            return;
        }
        let dropped_since = dropped - std::mem::replace(&mut self.dropped_told, dropped);
        let batch = self.rows(core).batch_mut();
        batch.graphs = graphs;
        batch.dropped = dropped_since;
    }
}
