//! Spans, events and attributes as columns.

use super::arena::Sym;
use super::extras::Extras;
use crate::{SpanId, SpanKind, SpanType, Status, TraceId};

/// An attribute's value in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Scalar {
    /// Nothing.
    Null,
    /// Text in the arena.
    Str(Sym),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Raw bytes in the arena.
    Bytes(Sym),
    /// A list or a map: the JSON form of an [`AttributeValue`](crate::AttributeValue), in the arena.
    Nested(Sym),
}

/// Attributes of the rows of one table: row `i` owns `ends[i - 1]..ends[i]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttributeColumns {
    /// Where the attributes of each row end.
    pub ends: Vec<u32>,
    /// The keys.
    pub keys: Vec<Sym>,
    /// The values.
    pub values: Vec<Scalar>,
}

impl AttributeColumns {
    /// Adds an attribute of the row that comes next.
    #[inline]
    pub fn push(&mut self, key: Sym, value: Scalar) {
        self.keys.push(key);
        self.values.push(value);
    }

    /// Makes room for so many attributes more.
    pub fn reserve(&mut self, attributes: usize) {
        self.keys.reserve(attributes);
        self.values.reserve(attributes);
    }

    /// Returns the attributes that were pushed for the row that comes next.
    pub fn pending(&self) -> impl Iterator<Item = (Sym, Scalar)> + '_ {
        let start = self.row_end();
        self.keys[start..].iter().copied().zip(self.values[start..].iter().copied())
    }

    /// Takes back the attributes that were pushed for the row that comes next.
    pub fn take_pending(&mut self) -> Vec<(Sym, Scalar)> {
        let start = self.row_end();
        self.keys.drain(start..).zip(self.values.drain(start..)).collect()
    }

    /// Returns where the attributes of the last row end.
    fn row_end(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize).min(self.keys.len())
    }

    pub(super) fn push_row(&mut self, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        for (key, value) in attributes {
            self.keys.push(key);
            self.values.push(value);
        }
        self.ends.push(u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
    }

    /// As [`push_row`](Self::push_row), of attributes that lie behind each other: each column is made room in once.
    #[inline]
    pub(super) fn push_whole_row(&mut self, attributes: &[(Sym, Scalar)]) {
        self.keys.extend(attributes.iter().map(|(key, _)| *key));
        self.values.extend(attributes.iter().map(|(_, value)| *value));
        self.ends.push(u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
    }

    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = (Sym, Scalar)> + '_ {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let range = start..self.ends[row] as usize;
        self.keys[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }
}

/// Spans as columns.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `Span` with the same name")]
pub struct SpanColumns {
    pub trace_id: Vec<TraceId>,
    pub span_id: Vec<SpanId>,
    pub parent_id: Vec<SpanId>,
    pub name: Vec<Sym>,
    pub kind: Vec<SpanKind>,
    pub span_type: Vec<SpanType>,
    pub status: Vec<Status>,
    pub status_message: Vec<Sym>,
    pub start_unix_ns: Vec<i64>,
    pub duration_ns: Vec<u64>,
    pub flags: Vec<u32>,
    pub attributes: AttributeColumns,
    pub extras: Extras,
}

impl SpanColumns {
    /// Returns how many spans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.span_id.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.span_id.is_empty()
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.trace_id.reserve(rows);
        self.span_id.reserve(rows);
        self.parent_id.reserve(rows);
        self.name.reserve(rows);
        self.kind.reserve(rows);
        self.span_type.reserve(rows);
        self.status.reserve(rows);
        self.status_message.reserve(rows);
        self.start_unix_ns.reserve(rows);
        self.duration_ns.reserve(rows);
        self.flags.reserve(rows);
        self.attributes.ends.reserve(rows);
    }

    pub(super) fn push(&mut self, row: SpanRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.push_bare(row);
        self.attributes.push_row(attributes);
    }

    /// Adds a row, but for its attributes.
    #[inline]
    pub(super) fn push_bare(&mut self, row: SpanRow) {
        self.trace_id.push(row.trace_id);
        self.span_id.push(row.span_id);
        self.parent_id.push(row.parent_id);
        self.name.push(row.name);
        self.kind.push(row.kind);
        self.span_type.push(row.span_type);
        self.status.push(row.status);
        self.status_message.push(row.status_message);
        self.start_unix_ns.push(row.start_unix_ns);
        self.duration_ns.push(row.duration_ns);
        self.flags.push(row.flags);
    }
}

/// One span on its way into [`SpanColumns`]; texts are already in the arena.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is the field of `Span` with the same name")]
pub struct SpanRow {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_id: SpanId,
    pub name: Sym,
    pub kind: SpanKind,
    pub span_type: SpanType,
    pub status: Status,
    pub status_message: Sym,
    pub start_unix_ns: i64,
    pub duration_ns: u64,
    pub flags: u32,
}

/// Events as columns. An event's span may be in this batch, in another, or still open; an event may also have a trace and
/// no span ([`SpanId::NONE`]), or neither ([`TraceId::NONE`]).
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `SpanEvent` with the same name, and the span it belongs to")]
pub struct EventColumns {
    pub trace_id: Vec<TraceId>,
    pub span_id: Vec<SpanId>,
    pub name: Vec<Sym>,
    pub unix_ns: Vec<i64>,
    pub attributes: AttributeColumns,
    pub extras: Extras,
}

impl EventColumns {
    /// Returns how many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.span_id.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.span_id.is_empty()
    }

    /// Adds a row, but for its attributes.
    #[inline]
    pub(super) fn push_bare(&mut self, (trace_id, span_id): (TraceId, SpanId), name: Sym, unix_ns: i64) {
        self.trace_id.push(trace_id);
        self.span_id.push(span_id);
        self.name.push(name);
        self.unix_ns.push(unix_ns);
    }
}
