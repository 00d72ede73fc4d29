//! The only currency between crates: records as columns over one arena of texts.
//!
//! A [`Batch`] is made once, on the recorder's collector thread (or by a decoder), and shared by every sink as
//! `Arc<Batch>`. Columns of one table have equal lengths; row `i` is the `i`-th entry of each.

mod arena;
mod builder;
mod columns;
mod counts;
mod extras;
mod known;
mod links;
mod lists;
mod log_rows;
mod logs;
mod metric_rows;
mod metrics;
mod owned;
mod rows;
mod symbols;

use std::sync::Arc;

pub use arena::{Arena, Sym};
pub use builder::BatchBuilder;
pub use columns::{AttributeColumns, EventColumns, Scalar, SpanColumns, SpanRow};
pub use counts::RecordCounts;
pub use extras::{Extra, ExtraRun, Extras};
pub use links::{LinkColumns, LinkRow};
pub use lists::ListColumn;
pub use log_rows::{LinkRef, LogRef};
pub use logs::{LogColumns, LogRow};
pub use metric_rows::{ExemplarRef, MetricRef, PointRef};
pub use metrics::{
    ExemplarColumns, ExemplarRow, ExplicitColumns, ExponentialColumns, MetricColumns, MetricRow, PointColumns, PointRow,
    PointValue, SummaryColumns,
};
pub use rows::{AttributeRef, EventRef, SpanRef};

use crate::{AttributeValue, Graph, InstrumentationScope, Resource, SpanId, TraceId, WriterId};

/// Records of one writer, as columns, between two flushes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Who recorded.
    pub writer: WriterId,
    /// The writer's batches in order, from 1.
    pub sequence: u64,
    /// Attributes of everything in the batch.
    pub resource: Arc<Resource>,
    /// Texts and bytes of every column.
    pub arena: Arena,
    /// Spans that ended.
    pub spans: SpanColumns,
    /// Events, of spans or without one.
    pub events: EventColumns,
    /// Links of spans.
    pub links: LinkColumns,
    /// Log records.
    pub logs: LogColumns,
    /// What the points measure.
    pub metrics: MetricColumns,
    /// Points of metrics.
    pub points: PointColumns,
    /// What recorded rows whose [`Extra`] names it.
    pub scopes: Vec<Arc<InstrumentationScope>>,
    /// Spans seen running that no earlier batch told of; `duration_ns` is how long they had been seen running.
    pub opened: SpanColumns,
    /// Spans that an earlier batch told of in `opened` and that this one has in `spans`.
    pub closed: Vec<(TraceId, SpanId)>,
    /// Graphs that runs in this batch name by their fingerprint, each told of once by a writer.
    pub graphs: Vec<Arc<Graph>>,
    /// Records that were lost since the last batch because buffers were full.
    pub dropped: u64,
}

impl Batch {
    /// Iterates over the spans that ended.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        (0..self.spans.len()).map(|row| SpanRef { batch: self, columns: &self.spans, row })
    }

    /// Iterates over the spans that were first seen running.
    pub fn opened(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        (0..self.opened.len()).map(|row| SpanRef { batch: self, columns: &self.opened, row })
    }

    /// Iterates over the events.
    pub fn events(&self) -> impl ExactSizeIterator<Item = EventRef<'_>> {
        (0..self.events.len()).map(|row| EventRef { batch: self, row })
    }

    /// Iterates over the links of spans.
    pub fn links(&self) -> impl ExactSizeIterator<Item = LinkRef<'_>> {
        (0..self.links.len()).map(|row| LinkRef { batch: self, row })
    }

    /// Iterates over the log records.
    pub fn logs(&self) -> impl ExactSizeIterator<Item = LogRef<'_>> {
        (0..self.logs.len()).map(|row| LogRef { batch: self, row })
    }

    /// Iterates over what the points measure.
    pub fn metrics(&self) -> impl ExactSizeIterator<Item = MetricRef<'_>> {
        (0..self.metrics.len()).map(|row| MetricRef { batch: self, row })
    }

    /// Iterates over the points of metrics.
    pub fn points(&self) -> impl ExactSizeIterator<Item = PointRef<'_>> {
        (0..self.points.len()).map(|row| PointRef { batch: self, row })
    }

    /// Returns a scope by the number that an [`Extra`] has of it; nothing for 0.
    #[must_use]
    pub fn scope(&self, number: u32) -> Option<&Arc<InstrumentationScope>> {
        self.scopes.get((number as usize).checked_sub(1)?)
    }

    /// Returns how many records there are.
    #[must_use]
    pub fn counts(&self) -> RecordCounts {
        RecordCounts {
            spans: self.spans.len() as u64,
            events: self.events.len() as u64,
            logs: self.logs.len() as u64,
            points: self.points.len() as u64,
        }
    }

    /// Says whether the batch carries nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts().total() == 0
            && self.links.is_empty()
            && self.opened.is_empty()
            && self.closed.is_empty()
            && self.graphs.is_empty()
            && self.dropped == 0
    }

    /// Returns about how much memory the batch takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let attributes = |columns: &AttributeColumns| columns.keys.len() * 20;
        let spans = |columns: &SpanColumns| columns.len() * 80 + attributes(&columns.attributes);
        let events = self.events.len() * 48 + attributes(&self.events.attributes);
        let links = self.links.len() * 56 + attributes(&self.links.attributes);
        let logs = self.logs.len() * 76 + attributes(&self.logs.attributes);
        let texts = self.arena.size_bytes() + self.arena.len() * 4;
        texts + spans(&self.spans) + spans(&self.opened) + events + links + logs + self.points.size_bytes()
    }

    /// Keeps only those spans in `opened` for which `is_kept`: a reader may know better than their sender which have ended.
    pub fn retain_opened(&mut self, mut is_kept: impl FnMut(TraceId, SpanId) -> bool) {
        let mut kept = SpanColumns::default();
        for span in self.opened() {
            let row = span.row();
            if is_kept(row.trace_id, row.span_id) {
                kept.extras.set(kept.len(), self.opened.extras.get(span.row));
                kept.push(row, self.opened.attributes.row(span.row));
            }
        }
        self.opened = kept;
    }

    fn attributes_of<'a>(
        &'a self,
        columns: &'a AttributeColumns,
        row: usize,
    ) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        columns.row(row).map(move |(key, value)| AttributeRef { batch: self, key, value })
    }

    fn value_of(&self, scalar: Scalar) -> AttributeValue {
        rows::to_value(&self.arena, scalar)
    }
}
