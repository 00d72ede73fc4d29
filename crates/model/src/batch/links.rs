//! Links of spans as columns.

use super::arena::Sym;
use super::columns::{AttributeColumns, Scalar};
use super::extras::Extras;
use crate::{SpanId, TraceId};

/// Links of spans as columns. As an event's, a link's span may be in another batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkColumns {
    /// The trace of the span that has the link.
    pub trace_id: Vec<TraceId>,
    /// The span that has the link.
    pub span_id: Vec<SpanId>,
    /// The trace of the span that is linked to.
    pub linked_trace_id: Vec<TraceId>,
    /// The span that is linked to.
    pub linked_span_id: Vec<SpanId>,
    /// Bits of [`flags`](crate::flags).
    pub flags: Vec<u32>,
    /// Keys and values.
    pub attributes: AttributeColumns,
    /// Trace states and counts of what was left out.
    pub extras: Extras,
}

/// One link on its way into [`LinkColumns`].
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is the column with the same name")]
pub struct LinkRow {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub linked_trace_id: TraceId,
    pub linked_span_id: SpanId,
    pub flags: u32,
}

impl LinkColumns {
    /// Returns how many links there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.span_id.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.span_id.is_empty()
    }

    /// Returns the values of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> LinkRow {
        LinkRow {
            trace_id: self.trace_id[row],
            span_id: self.span_id[row],
            linked_trace_id: self.linked_trace_id[row],
            linked_span_id: self.linked_span_id[row],
            flags: self.flags[row],
        }
    }

    pub(super) fn push(&mut self, row: LinkRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.trace_id.push(row.trace_id);
        self.span_id.push(row.span_id);
        self.linked_trace_id.push(row.linked_trace_id);
        self.linked_span_id.push(row.linked_span_id);
        self.flags.push(row.flags);
        self.attributes.push_row(attributes);
    }
}
