//! Fills a batch, keeping each text once.

use std::sync::Arc;

use super::Batch;
use super::arena::Sym;
use super::columns::{Scalar, SpanRow};
use super::known::Known;
use super::links::LinkRow;
use super::logs::LogRow;
use super::metrics::{ExemplarRow, MetricRow, PointRow};
use crate::{AttributeValue, Resource, SpanId, TraceId, WriterId};

/// Fills a [`Batch`], keeping each text once.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    batch: Batch,
    known: Known,
}

impl BatchBuilder {
    /// Starts a batch of this writer.
    #[must_use]
    pub fn new(writer: WriterId, sequence: u64, resource: Arc<Resource>) -> Self {
        Self { batch: Batch { writer, sequence, resource, ..Batch::default() }, ..Self::default() }
    }

    /// Returns the batch as filled so far, for the columns that need no arena (`closed`, `graphs`, `dropped`) and for its counts.
    pub fn batch_mut(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Puts a text into the arena, once.
    pub fn intern(&mut self, text: &str) -> Sym {
        self.intern_bytes(text.as_bytes())
    }

    /// Puts bytes into the arena, once.
    pub fn intern_bytes(&mut self, bytes: &[u8]) -> Sym {
        if bytes.is_empty() {
            return Sym::EMPTY;
        }
        self.known.intern(bytes, &mut self.batch.arena)
    }

    /// Puts bytes into the arena without looking for an equal entry: for what is most likely unique.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Sym {
        if bytes.is_empty() { Sym::EMPTY } else { self.batch.arena.push(bytes) }
    }

    /// Returns the bytes of an entry of the arena.
    #[inline]
    #[must_use]
    pub fn bytes(&self, sym: Sym) -> &[u8] {
        self.batch.arena.bytes(sym)
    }

    /// Puts a value's texts into the arena.
    pub fn scalar(&mut self, value: &AttributeValue) -> Scalar {
        match value {
            AttributeValue::Null => Scalar::Null,
            AttributeValue::Str(text) => Scalar::Str(self.intern(text)),
            AttributeValue::Bool(flag) => Scalar::Bool(*flag),
            AttributeValue::Int(number) => Scalar::Int(*number),
            AttributeValue::Float(number) => Scalar::Float(*number),
            AttributeValue::Bytes(bytes) => Scalar::Bytes(self.push_bytes(bytes)),
            nested @ (AttributeValue::List(_) | AttributeValue::Map(_)) => {
                let json = serde_json::to_vec(nested).unwrap_or_default();
                Scalar::Nested(self.push_bytes(&json))
            }
        }
    }

    /// Makes room for so many spans more, where that many are known to come.
    pub fn reserve_spans(&mut self, spans: usize) {
        self.batch.spans.reserve(spans);
    }

    /// Adds a span that ended. Attributes that were [pushed](super::AttributeColumns::push) since the last one are its first.
    pub fn push_span(&mut self, row: SpanRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.spans.push(row, attributes);
    }

    /// As [`push_span`](Self::push_span), with attributes that lie behind each other, which is quicker.
    #[inline]
    pub fn push_span_with(&mut self, row: SpanRow, attributes: &[(Sym, Scalar)]) {
        self.batch.spans.push_bare(row);
        self.batch.spans.attributes.push_whole_row(attributes);
    }

    /// Adds a span that was seen running.
    pub fn push_opened(&mut self, row: SpanRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.opened.push(row, attributes);
    }

    /// Adds an event of a span, of a trace without a span ([`SpanId::NONE`]), or of neither ([`TraceId::NONE`]).
    pub fn push_event(
        &mut self,
        (trace_id, span_id): (TraceId, SpanId),
        name: Sym,
        unix_ns: i64,
        attributes: impl IntoIterator<Item = (Sym, Scalar)>,
    ) {
        self.batch.events.push_bare((trace_id, span_id), name, unix_ns);
        self.batch.events.attributes.push_row(attributes);
    }

    /// As [`push_event`](Self::push_event), with attributes that lie behind each other, which is quicker.
    #[inline]
    pub fn push_event_with(&mut self, owner: (TraceId, SpanId), name: Sym, unix_ns: i64, attributes: &[(Sym, Scalar)]) {
        self.batch.events.push_bare(owner, name, unix_ns);
        self.batch.events.attributes.push_whole_row(attributes);
    }

    /// Adds a link of a span.
    pub fn push_link(&mut self, row: LinkRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.links.push(row, attributes);
    }

    /// Adds a log record.
    pub fn push_log(&mut self, row: LogRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.logs.push(row, attributes);
    }

    /// Adds a metric, once for all its points; returns its row.
    pub fn push_metric(&mut self, row: MetricRow, metadata: impl IntoIterator<Item = (Sym, Scalar)>) -> u32 {
        let at = self.batch.metrics.len();
        self.batch.metrics.push(row, metadata);
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Adds an exemplar of the point that comes next.
    pub fn push_exemplar(&mut self, row: ExemplarRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.points.exemplars.push(row, attributes);
    }

    /// Adds a point of a metric.
    pub fn push_point(&mut self, row: PointRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.points.push(row, attributes);
    }

    /// Returns the filled batch.
    #[must_use]
    pub fn finish(self) -> Batch {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::Arena;
    use super::*;

    #[test]
    fn equal_texts_are_kept_once() {
        let mut builder = BatchBuilder::default();
        let first = builder.intern("name");
        assert_eq!(builder.intern("name"), first);
        assert_eq!(builder.intern(""), Sym::EMPTY);
        assert_eq!(builder.finish().arena.len(), 2);
    }

    #[test]
    fn a_foreign_name_reads_as_empty() {
        assert_eq!(Arena::default().text(Sym(99)), "");
    }
}
