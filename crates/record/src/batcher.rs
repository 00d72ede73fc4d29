//! Rows become batches, and batches go to the sinks and to whoever retains their traces.

use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder};

use crate::core::Core;
use crate::held::HeldTrace;
use crate::missed::Missed;
use crate::rows::Rows;

/// A batch is sent on when it has so many records of one kind.
const FULL: usize = 16 * 1024;

/// Fills one batch after the other.
#[derive(Debug, Default)]
pub(crate) struct Batcher {
    rows: Option<Rows>,
    sequence: u64,
    dropped_told: u64,
    /// By the sinks' places.
    missed: Vec<Missed>,
}

impl Batcher {
    /// Returns the rows of the batch that is being filled.
    pub(crate) fn rows(&mut self, core: &Core) -> &mut Rows {
        self.rows.get_or_insert_with(|| {
            self.sequence += 1;
            Rows::new(core, self.sequence)
        })
    }

    /// Sends the batch on if it is full.
    pub(crate) fn seal_if_full(&mut self, core: &Core) {
        let is_full = |batch: &Batch| batch.spans.len().max(batch.events.len()).max(batch.logs.len()) >= FULL;
        if self.rows.as_mut().is_some_and(|rows| is_full(rows.batch_mut())) {
            self.seal(core);
        }
    }

    /// Sends the batch on, with the graphs and losses since the last one.
    pub(crate) fn seal(&mut self, core: &Core) {
        if !core.outlets.is_empty() {
            self.add_news(core);
        }
        if let Some(rows) = self.rows.take() {
            self.send_own(core, rows.finish());
        }
        self.catch_up(core);
    }

    /// Takes secrets out of a batch and sends it on. Nothing leaves the recorder before.
    fn send_own(&mut self, core: &Core, mut batch: Batch) {
        core.clean(&mut batch);
        self.send(core, Arc::new(batch));
    }

    fn send(&mut self, core: &Core, batch: Arc<Batch>) {
        core.counters.recorded.add(batch.counts());
        core.retention.lock().keep(&batch);
        self.offer(core, &batch);
    }

    fn offer(&mut self, core: &Core, batch: &Arc<Batch>) {
        self.missed.resize_with(core.outlets.len(), Missed::default);
        for (outlet, missed) in core.outlets.iter().zip(&mut self.missed) {
            if outlet.offer(batch) {
                missed.settle(batch);
            } else {
                missed.add(batch);
            }
        }
    }

    /// Tells sinks that have room again what they have missed.
    fn catch_up(&mut self, core: &Core) {
        for (outlet, missed) in core.outlets.iter().zip(&mut self.missed) {
            if missed.is_empty() || !outlet.has_room() {
                continue;
            }
            self.sequence += 1;
            let batch = missed.to_batch(BatchBuilder::new(core.writer, self.sequence, Arc::clone(&core.resource)));
            if outlet.offer(&Arc::new(batch)) {
                *missed = Missed::default();
            }
        }
    }

    /// Sends on what was held of a trace.
    pub(crate) fn release(&mut self, core: &Core, held: HeldTrace) {
        self.sequence += 1;
        let mut batch = held.rows.finish();
        batch.sequence = self.sequence;
        self.send_own(core, batch);
        held.relayed.into_iter().for_each(|batch| self.relay(core, batch));
    }

    /// Sends a batch on that another process recorded, as one of this recorder's.
    pub(crate) fn relay(&mut self, core: &Core, mut batch: Batch) {
        self.seal(core);
        self.sequence += 1;
        batch.writer = core.writer;
        batch.sequence = self.sequence;
        batch.resource = Arc::clone(&core.resource);
        self.send_own(core, batch);
    }

    /// Sends a batch on that belongs to somebody else: its writer, its sequence and its resource stay.
    pub(crate) fn pass_on(&mut self, core: &Core, batch: Arc<Batch>) {
        self.seal(core);
        let batch = core.clean_shared(batch);
        self.send(core, batch);
    }

    fn add_news(&mut self, core: &Core) {
        let graphs = core.graphs.take_new();
        let dropped = core.lanes.dropped_records().total();
        if graphs.is_empty() && dropped == self.dropped_told {
            return;
        }
        let dropped_since = dropped - std::mem::replace(&mut self.dropped_told, dropped);
        let batch = self.rows(core).batch_mut();
        batch.graphs = graphs;
        batch.dropped = dropped_since;
    }
}
