//! Single rows of a batch, borrowed from its columns.

use super::arena::{Arena, Sym};
use super::columns::{Scalar, SpanColumns, SpanRow};
use super::{Batch, Extra};
use crate::{AttributeValue, Attributes, Span, SpanDrops, SpanEvent, SpanId, TraceId};

/// An attribute of a row: key and value, borrowed from the batch.
#[derive(Debug, Clone, Copy)]
pub struct AttributeRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) key: Sym,
    /// The value, its texts in the batch's arena.
    pub value: Scalar,
}

impl<'a> AttributeRef<'a> {
    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.batch.arena.text(self.key)
    }

    /// Returns the text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match self.value {
            Scalar::Str(sym) => Some(self.batch.arena.text(sym)),
            _ => None,
        }
    }

    /// Returns the value, owned.
    #[must_use]
    pub fn to_value(&self) -> AttributeValue {
        to_value(&self.batch.arena, self.value)
    }
}

pub(super) fn to_value(arena: &Arena, value: Scalar) -> AttributeValue {
    match value {
        Scalar::Null => AttributeValue::Null,
        Scalar::Str(sym) => AttributeValue::Str(arena.text(sym).to_owned()),
        Scalar::Bool(flag) => AttributeValue::Bool(flag),
        Scalar::Int(number) => AttributeValue::Int(number),
        Scalar::Float(number) => AttributeValue::Float(number),
        Scalar::Bytes(sym) => AttributeValue::Bytes(arena.bytes(sym).to_vec()),
        Scalar::Nested(sym) => {
            serde_json::from_slice(arena.bytes(sym)).unwrap_or_else(|_| AttributeValue::Str(arena.text(sym).to_owned()))
        }
    }
}

pub(super) fn owned<'a>(attributes: impl Iterator<Item = AttributeRef<'a>>) -> Attributes {
    attributes.map(|attribute| (attribute.key().to_owned(), attribute.to_value())).collect()
}

/// One span of a batch.
#[derive(Debug, Clone, Copy)]
pub struct SpanRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) columns: &'a SpanColumns,
    pub(super) row: usize,
}

impl<'a> SpanRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> SpanRow {
        let (columns, row) = (self.columns, self.row);
        SpanRow {
            trace_id: columns.trace_id[row],
            span_id: columns.span_id[row],
            parent_id: columns.parent_id[row],
            name: columns.name[row],
            kind: columns.kind[row],
            span_type: columns.span_type[row],
            status: columns.status[row],
            status_message: columns.status_message[row],
            start_unix_ns: columns.start_unix_ns[row],
            duration_ns: columns.duration_ns[row],
            flags: columns.flags[row],
        }
    }

    /// Returns the span's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.batch.arena.text(self.columns.name[self.row])
    }

    /// Returns why the span failed, or the empty text.
    #[must_use]
    pub fn status_message(&self) -> &'a str {
        self.batch.arena.text(self.columns.status_message[self.row])
    }

    /// Iterates over the span's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.columns.attributes, self.row)
    }

    /// Returns the value of an attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<AttributeRef<'a>> {
        self.attributes().find(|attribute| attribute.key() == key)
    }

    /// Returns what few spans have.
    #[must_use]
    pub fn extra(&self) -> Extra {
        self.columns.extras.get(self.row)
    }

    /// Returns the W3C trace state; mostly empty.
    #[must_use]
    pub fn trace_state(&self) -> &'a str {
        self.batch.arena.text(self.extra().trace_state)
    }

    /// Returns the span, owned, without its events and links (they are in tables of their own).
    #[must_use]
    pub fn to_span(&self) -> Span {
        let (row, extra) = (self.row(), self.extra());
        Span {
            trace_id: row.trace_id,
            span_id: row.span_id,
            parent_id: row.parent_id,
            name: self.name().to_owned(),
            kind: row.kind,
            span_type: row.span_type,
            status: row.status,
            status_message: self.status_message().to_owned(),
            start_unix_ns: row.start_unix_ns,
            duration_ns: row.duration_ns,
            flags: row.flags,
            attributes: owned(self.attributes()),
            events: Vec::new(),
            links: Vec::new(),
            trace_state: self.trace_state().to_owned(),
            dropped: SpanDrops {
                attributes: extra.dropped_attributes,
                events: extra.dropped_events,
                links: extra.dropped_links,
            },
            scope: self.batch.scope(extra.scope).cloned(),
        }
    }
}

/// One event of a batch.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
}

impl<'a> EventRef<'a> {
    /// Returns the trace and the span that the event belongs to; [`TraceId::NONE`] and [`SpanId::NONE`] where there is none.
    #[must_use]
    pub fn owner(&self) -> (TraceId, SpanId) {
        (self.batch.events.trace_id[self.row], self.batch.events.span_id[self.row])
    }

    /// Returns the event's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.batch.arena.text(self.batch.events.name[self.row])
    }

    /// Iterates over the event's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.batch.events.attributes, self.row)
    }

    /// Returns when it happened, in nanoseconds since 1970 UTC.
    #[must_use]
    pub fn unix_ns(&self) -> i64 {
        self.batch.events.unix_ns[self.row]
    }

    /// Returns what few events have.
    #[must_use]
    pub fn extra(&self) -> Extra {
        self.batch.events.extras.get(self.row)
    }

    /// Returns the event, owned.
    #[must_use]
    pub fn to_event(&self) -> SpanEvent {
        SpanEvent {
            name: self.name().to_owned(),
            unix_ns: self.batch.events.unix_ns[self.row],
            attributes: owned(self.attributes()),
            dropped_attributes: self.extra().dropped_attributes,
        }
    }
}
