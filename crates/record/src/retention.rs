//! Traces that somebody wants to read back while the process lives: the batches that they are in, bounded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use flowglass_model::{Batch, Span, SpanEvent, SpanId, TraceId};

/// Keeps batches of retained traces.
#[derive(Debug)]
pub(crate) struct Retention {
    limit_bytes: usize,
    bytes: usize,
    traces: HashMap<TraceId, Retainee>,
    /// By the batch's address.
    batches: HashMap<usize, Kept>,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Retainee {
    handles: usize,
    bytes: usize,
    batches: VecDeque<Arc<Batch>>,
    dropped: u64,
}

#[derive(Debug)]
struct Kept {
    bytes: usize,
    traces: Vec<TraceId>,
}

impl Retention {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, bytes: 0, traces: HashMap::new(), batches: HashMap::new(), dropped: 0 }
    }

    /// Retains a trace once more.
    pub(crate) fn add(&mut self, trace: TraceId) {
        self.traces.entry(trace).or_default().handles += 1;
    }

    /// Retains a trace once less; the last time frees what is kept of it.
    pub(crate) fn remove(&mut self, trace: TraceId) {
        let Some(retainee) = self.traces.get_mut(&trace) else { return };
        retainee.handles -= 1;
        if retainee.handles == 0 {
            let retainee = self.traces.remove(&trace).unwrap_or_default();
            retainee.batches.iter().for_each(|batch| self.release(batch, trace));
        }
    }

    /// Says whether a trace is retained.
    pub(crate) fn wants(&self, trace: TraceId) -> bool {
        self.traces.contains_key(&trace)
    }

    /// Keeps a batch if a retained trace is in it.
    pub(crate) fn keep(&mut self, batch: &Arc<Batch>) {
        if self.traces.is_empty() {
            return;
        }
        let wanted: HashSet<TraceId> = traces_in(batch).filter(|trace| self.traces.contains_key(trace)).collect();
        if wanted.is_empty() {
            return;
        }
        let bytes = batch.size_bytes();
        for trace in &wanted {
            let retainee = self.traces.entry(*trace).or_default();
            retainee.bytes += bytes;
            retainee.batches.push_back(Arc::clone(batch));
        }
        self.bytes += bytes;
        self.batches.insert(address(batch), Kept { bytes, traces: wanted.into_iter().collect() });
        while self.bytes > self.limit_bytes && self.drop_oldest_of_biggest() {}
    }

    /// Returns the ended spans of a trace with their events, in order of their start; a parent stands before its children.
    pub(crate) fn spans(&self, trace: TraceId) -> Vec<Span> {
        let Some(retainee) = self.traces.get(&trace) else { return Vec::new() };
        let ended = retainee.batches.iter().flat_map(|batch| batch.spans());
        ended.filter(|span| span.row().trace_id == trace).map(|span| span.to_span()).collect()
    }

    /// Returns the events of a trace, by their spans.
    pub(crate) fn events(&self, trace: TraceId) -> HashMap<SpanId, Vec<SpanEvent>> {
        let mut of_spans: HashMap<SpanId, Vec<SpanEvent>> = HashMap::new();
        let Some(retainee) = self.traces.get(&trace) else { return of_spans };
        for event in retainee.batches.iter().flat_map(|batch| batch.events()) {
            if event.owner().0 == trace {
                of_spans.entry(event.owner().1).or_default().push(event.to_event());
            }
        }
        of_spans
    }

    /// Returns how many spans and events of a trace were let go.
    pub(crate) fn dropped_of(&self, trace: TraceId) -> u64 {
        self.traces.get(&trace).map_or(0, |retainee| retainee.dropped)
    }

    /// Returns how many spans and events of all traces were let go.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn release(&mut self, batch: &Arc<Batch>, trace: TraceId) {
        let Some(kept) = self.batches.get_mut(&address(batch)) else { return };
        kept.traces.retain(|other| *other != trace);
        if kept.traces.is_empty() {
            self.bytes -= kept.bytes;
            self.batches.remove(&address(batch));
        }
    }

    /// Lets go of the oldest batch of the trace that takes the most; says whether there was one.
    fn drop_oldest_of_biggest(&mut self) -> bool {
        let biggest = self.traces.values().max_by_key(|retainee| retainee.bytes);
        let Some(batch) = biggest.and_then(|retainee| retainee.batches.front().cloned()) else { return false };
        let Some(kept) = self.batches.remove(&address(&batch)) else { return false };
        self.bytes -= kept.bytes;
        for trace in &kept.traces {
            let Some(retainee) = self.traces.get_mut(trace) else { continue };
            let rows = traces_in(&batch).filter(|other| other == trace).count() as u64;
            retainee.batches.retain(|other| !Arc::ptr_eq(other, &batch));
            retainee.bytes -= kept.bytes;
            retainee.dropped += rows;
            self.dropped += rows;
        }
        true
    }
}

fn traces_in(batch: &Batch) -> impl Iterator<Item = TraceId> + '_ {
    batch.spans.trace_id.iter().chain(&batch.events.trace_id).copied()
}

fn address(batch: &Arc<Batch>) -> usize {
    Arc::as_ptr(batch) as usize
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, WriterId};

    use super::*;

    fn batch(traces: &[TraceId]) -> Arc<Batch> {
        let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::default());
        for &trace_id in traces {
            builder.push(&Span {
                trace_id,
                span_id: SpanId::random(),
                name: "x".into(),
                duration_ns: 1,
                flags: 1,
                events: vec![SpanEvent { name: "e".into(), ..SpanEvent::default() }],
                ..Span::default()
            });
        }
        Arc::new(builder.finish())
    }

    #[test]
    fn only_retained_traces_are_kept() {
        let (wanted, other) = (TraceId::random(), TraceId::random());
        let mut retention = Retention::new(1 << 20);
        retention.add(wanted);
        retention.keep(&batch(&[other]));
        retention.keep(&batch(&[other, wanted]));
        assert_eq!(retention.spans(wanted).len(), 1);
        assert_eq!(retention.events(wanted).len(), 1);
        assert!(retention.spans(other).is_empty());
        assert_eq!(retention.batches.len(), 1);
    }

    #[test]
    fn the_last_handle_frees_what_is_kept() {
        let (first, second) = (TraceId::random(), TraceId::random());
        let mut retention = Retention::new(1 << 20);
        [first, first, second].into_iter().for_each(|trace| retention.add(trace));
        retention.keep(&batch(&[first, second]));
        retention.remove(first);
        assert_eq!(retention.spans(first).len(), 1);
        retention.remove(first);
        assert_eq!((retention.spans(first).len(), retention.spans(second).len()), (0, 1));
        retention.remove(second);
        retention.remove(second);
        assert_eq!((retention.bytes, retention.batches.len()), (0, 0));
    }

    #[test]
    fn the_biggest_trace_loses_its_oldest_spans() {
        let (big, small) = (TraceId::random(), TraceId::random());
        let one = batch(&[big]).size_bytes();
        let mut retention = Retention::new(one * 3);
        [big, small].into_iter().for_each(|trace| retention.add(trace));
        retention.keep(&batch(&[small]));
        (0..5).for_each(|_| retention.keep(&batch(&[big])));
        assert_eq!((retention.spans(big).len(), retention.spans(small).len()), (2, 1));
        assert_eq!((retention.dropped_of(big), retention.dropped_of(small), retention.dropped()), (6, 0, 6));
    }
}
