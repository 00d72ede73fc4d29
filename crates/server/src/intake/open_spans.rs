//! Spans whose start was told before their end: the store hears which of them an end belongs to.

use std::collections::HashSet;

use flowglass_model::{Batch, SpanId, TraceId};

/// Spans that a batch told of as running, and no later one as ended.
#[derive(Debug)]
pub(super) struct OpenSpans {
    open: HashSet<(TraceId, SpanId)>,
    most: usize,
}

impl OpenSpans {
    /// Remembers up to so many; of spans beyond only the end is told.
    pub(super) fn new(most: usize) -> Self {
        Self { open: HashSet::new(), most }
    }

    /// Notes which spans the batch opens, and tells it which it closes. A span that it tells of twice has ended.
    pub(super) fn settle(&mut self, batch: &mut Batch) {
        if batch.opened.is_empty() && self.open.is_empty() {
            return;
        }
        let ended = || batch.spans.trace_id.iter().copied().zip(batch.spans.span_id.iter().copied());
        let closed: Vec<_> = ended().filter(|key| self.open.remove(key)).collect();
        if !batch.opened.is_empty() {
            let ended: HashSet<_> = ended().collect();
            let (open, most) = (&mut self.open, self.most);
            batch.retain_opened(|trace, span| {
                let key = (trace, span);
                !ended.contains(&key) && (open.contains(&key) || (open.len() < most && open.insert(key)))
            });
        }
        batch.closed.extend(closed);
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, Span, Status};

    use super::*;

    fn batch(opened: &[u64], ended: &[u64]) -> Batch {
        let mut builder = BatchBuilder::default();
        let span = |id: &u64, status| Span {
            trace_id: TraceId::from_bytes([7; 16]),
            span_id: SpanId::from_u64(*id),
            name: format!("span {id}"),
            status,
            attributes: vec![("id".into(), id.cast_signed().into())],
            ..Span::default()
        };
        for id in opened {
            let mut other = BatchBuilder::default();
            other.push(&span(id, Status::Running));
            let row = other.finish();
            let row = row.opened().next().unwrap().row();
            let (key, name) = (builder.intern("id"), builder.intern(&format!("span {id}")));
            let value = flowglass_model::Scalar::Int(id.cast_signed());
            builder.push_opened(flowglass_model::SpanRow { name, ..row }, [(key, value)]);
        }
        ended.iter().for_each(|id| builder.push(&span(id, Status::Ok)));
        builder.finish()
    }

    fn settled(open: &mut OpenSpans, mut batch: Batch) -> (Vec<u64>, Vec<u64>) {
        open.settle(&mut batch);
        for span in batch.opened() {
            let attribute = span.attributes().next().unwrap().to_value();
            assert_eq!(attribute.as_int(), Some(span.row().span_id.to_u64().cast_signed()), "what is kept keeps its parts");
        }
        let opened = batch.opened().map(|span| span.row().span_id.to_u64()).collect();
        (opened, batch.closed.iter().map(|(_, span)| span.to_u64()).collect())
    }

    #[test]
    fn an_end_closes_what_was_opened() {
        let mut open = OpenSpans::new(3);
        assert_eq!(settled(&mut open, batch(&[1, 2], &[2, 9])), (vec![1], vec![]), "2 was over at once");
        assert_eq!(settled(&mut open, batch(&[3], &[1])), (vec![3], vec![1]));
        assert_eq!(settled(&mut open, batch(&[3, 4, 5, 6], &[])), (vec![3, 4, 5], vec![]), "there is room for three");
        assert_eq!(settled(&mut open, batch(&[], &[6, 5, 4, 3])), (vec![], vec![5, 4, 3]));
        assert!(open.open.is_empty());
    }
}
