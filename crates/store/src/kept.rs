//! What stays when a store forgets, and copying it out of a batch.

use std::collections::HashSet;

use flowglass_model::{Batch, BatchBuilder, LogRef, TraceId};

use crate::block::rest;

/// Says what stays.
pub(crate) struct Kept {
    /// The traces that go.
    pub(crate) forgotten: HashSet<TraceId>,
    /// The traces that stay however old they are.
    pub(crate) kept: HashSet<TraceId>,
    /// All else goes if it is from before this.
    pub(crate) before_unix_ns: Option<i64>,
}

impl Kept {
    /// Forgets nothing.
    pub(crate) fn all() -> Self {
        Self { forgotten: HashSet::new(), kept: HashSet::new(), before_unix_ns: None }
    }

    /// Says whether something of this trace, from this time, stays.
    pub(crate) fn keeps(&self, trace: TraceId, unix_ns: i64) -> bool {
        let too_old = self.before_unix_ns.is_some_and(|before| unix_ns < before);
        !self.forgotten.contains(&trace) && (!too_old || self.kept.contains(&trace))
    }

    /// A log record without a time of its own goes by when it was seen.
    fn keeps_log(&self, log: LogRef<'_>) -> bool {
        let row = log.row();
        self.keeps(row.trace_id, if row.unix_ns == 0 { row.observed_unix_ns } else { row.unix_ns })
    }

    /// Says whether all of a batch stays.
    pub(crate) fn keeps_all(&self, batch: &Batch) -> bool {
        let spans = batch.spans.trace_id.iter().zip(&batch.spans.start_unix_ns);
        let events = batch.events.trace_id.iter().zip(&batch.events.unix_ns);
        spans.chain(events).all(|(trace, at)| self.keeps(*trace, *at))
            && batch.logs().all(|log| self.keeps_log(log))
            && batch.links.trace_id.iter().all(|trace| !self.forgotten.contains(trace))
            && batch.points.unix_ns.iter().all(|at| self.keeps(TraceId::NONE, *at))
    }

    /// Adds what stays of a batch to another that is made, but for what has not ended.
    pub(crate) fn copy(&self, batch: &Batch, mut builder: BatchBuilder) -> Batch {
        let spans = batch.spans().filter(|span| self.keeps(span.row().trace_id, span.row().start_unix_ns));
        spans.for_each(|span| builder.push(&span.to_span()));
        for event in batch.events().filter(|event| self.keeps(event.owner().0, event.unix_ns())) {
            builder.push_owned_event(event.owner(), &event.to_event());
        }
        for link in batch.links().filter(|link| !self.forgotten.contains(&link.row().trace_id)) {
            builder.push_owned_link((link.row().trace_id, link.row().span_id), &link.to_link());
        }
        let logs = batch.logs().filter(|log| self.keeps_log(*log));
        logs.for_each(|log| builder.push_owned_log(&log.to_log()));
        let mut metrics = rest::metrics(batch);
        metrics.iter_mut().for_each(|(_, points)| points.retain(|point| self.keeps(TraceId::NONE, point.unix_ns)));
        metrics.retain(|(_, points)| !points.is_empty());
        rest::push_metrics(&mut builder, &metrics);
        builder.finish()
    }
}
