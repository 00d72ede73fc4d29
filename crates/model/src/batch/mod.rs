//! The only currency between crates: records as columns over one arena of texts.
//!
//! A [`Batch`] is made once, on the recorder's collector thread (or by a decoder), and shared by every sink as
//! `Arc<Batch>`. Columns of one table have equal lengths; row `i` is the `i`-th entry of each.

mod arena;
mod builder;
mod columns;
mod rows;

use std::sync::Arc;

pub use arena::{Arena, Sym};
pub use builder::BatchBuilder;
pub use columns::{AttributeColumns, EventColumns, Scalar, SpanColumns, SpanRow};
pub use rows::{AttributeRef, EventRef, SpanRef};

use crate::{Graph, Resource, SpanId, TraceId, WriterId};

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
    /// Events of spans.
    pub events: EventColumns,
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
        (0..self.spans.len()).map(|row| SpanRef { arena: &self.arena, columns: &self.spans, row })
    }

    /// Iterates over the spans that were first seen running.
    pub fn opened(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        (0..self.opened.len()).map(|row| SpanRef { arena: &self.arena, columns: &self.opened, row })
    }

    /// Iterates over the events.
    pub fn events(&self) -> impl ExactSizeIterator<Item = EventRef<'_>> {
        (0..self.events.len()).map(|row| EventRef { batch: self, row })
    }

    /// Says whether the batch carries nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
            && self.events.is_empty()
            && self.opened.is_empty()
            && self.closed.is_empty()
            && self.graphs.is_empty()
            && self.dropped == 0
    }

    /// Returns about how much memory the batch takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let rows = |columns: &SpanColumns| columns.len() * 80 + columns.attributes.keys.len() * 20;
        self.arena.size_bytes() + self.arena.len() * 4 + rows(&self.spans) + rows(&self.opened) + self.events.len() * 48
    }
}
