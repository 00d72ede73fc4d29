//! Which records are wanted, and copying them out of a batch.

use std::collections::HashSet;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Metric, TraceId, WriterId};

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

/// What rows are looked at for.
pub(crate) struct Wanted {
    traces: Option<HashSet<TraceId>>,
    start_unix_ns: i64,
    end_unix_ns: i64,
}

impl Wanted {
    pub(crate) fn new(selection: &Selection) -> Self {
        Self {
            traces: selection.traces.as_ref().map(|traces| traces.iter().copied().collect()),
            start_unix_ns: selection.start_unix_ns.unwrap_or(i64::MIN),
            end_unix_ns: selection.end_unix_ns.unwrap_or(i64::MAX),
        }
    }

    /// Says whether everything is wanted.
    pub(crate) const fn is_all(&self) -> bool {
        self.traces.is_none() && self.start_unix_ns == i64::MIN && self.end_unix_ns == i64::MAX
    }

    /// Says whether something of this trace, from this time, is wanted.
    pub(crate) fn has(&self, trace: TraceId, unix_ns: i64) -> bool {
        let timely = self.start_unix_ns <= unix_ns && (unix_ns < self.end_unix_ns || self.end_unix_ns == i64::MAX);
        timely && self.traces.as_ref().is_none_or(|traces| traces.contains(&trace))
    }

    /// Copies the wanted records of a batch; of its spans only those that `keep`, too.
    pub(crate) fn of(&self, batch: &Batch, keep: impl Fn(usize) -> bool) -> Batch {
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
