//! What a sink had no room for and must know all the same, because no later batch tells it again.
//!
//! Spans and events that a sink had no room for are lost to it, and counted. But a span that it holds for open must end
//! there, one that is open must be known, and so must the graphs. It never takes more memory than there are such spans.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Graph, Span, SpanId, TraceId};

type SpanKey = (TraceId, SpanId);

/// What one sink has missed.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    graphs: Vec<Arc<Graph>>,
    /// Spans that are open, and that the sink doesn't know of.
    opened: HashMap<SpanKey, Span>,
    /// Spans that have ended, and that the sink holds for open.
    closed: Vec<SpanKey>,
}

impl Missed {
    pub(crate) fn is_empty(&self) -> bool {
        self.graphs.is_empty() && self.opened.is_empty() && self.closed.is_empty()
    }

    /// Remembers what a batch would have told.
    pub(crate) fn add(&mut self, batch: &Batch) {
        self.graphs.extend(batch.graphs.iter().cloned());
        self.opened.extend(batch.opened().map(|span| ((span.row().trace_id, span.row().span_id), span.to_span())));
        for span in &batch.closed {
            if self.opened.remove(span).is_none() {
                self.closed.push(*span);
            }
        }
    }

    /// Forgets the spans that have ended in a batch that the sink took.
    pub(crate) fn settle(&mut self, batch: &Batch) {
        if !self.opened.is_empty() {
            batch.closed.iter().for_each(|span| drop(self.opened.remove(span)));
        }
    }

    /// Returns a batch that tells everything.
    pub(crate) fn to_batch(&self, mut builder: BatchBuilder) -> Batch {
        self.opened.values().for_each(|span| builder.push(span));
        let batch = builder.batch_mut();
        batch.graphs.clone_from(&self.graphs);
        batch.closed.clone_from(&self.closed);
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::Status;

    use super::*;

    fn span(id: u64) -> Span {
        Span {
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_u64(id),
            status: Status::Running,
            ..Span::default()
        }
    }

    fn key(id: u64) -> SpanKey {
        (span(id).trace_id, span(id).span_id)
    }

    fn batch(opened: &[u64], closed: &[u64]) -> Batch {
        let mut builder = BatchBuilder::default();
        opened.iter().for_each(|id| builder.push(&span(*id)));
        builder.batch_mut().closed.extend(closed.iter().map(|id| key(*id)));
        builder.finish()
    }

    fn told(missed: &Missed) -> (Vec<u64>, Vec<SpanKey>) {
        let batch = missed.to_batch(BatchBuilder::default());
        let mut opened: Vec<u64> = batch.opened().map(|span| span.row().span_id.to_u64()).collect();
        opened.sort_unstable();
        (opened, batch.closed)
    }

    #[test]
    fn what_is_open_is_told_and_what_has_ended_unknown_is_not() {
        let mut missed = Missed::default();
        missed.add(&batch(&[1, 2, 3], &[9]));
        missed.add(&batch(&[4], &[2]));
        missed.settle(&batch(&[], &[3]));
        assert_eq!(told(&missed), (vec![1, 4], vec![key(9)]));
    }

    #[test]
    fn it_does_not_grow_with_what_is_lost() {
        let mut missed = Missed::default();
        (0..1000).for_each(|id| missed.add(&batch(&[id], &[])));
        (0..1000).for_each(|id| missed.add(&batch(&[], &[id])));
        assert!(missed.is_empty());
    }
}
