//! Single log records and links of a batch, borrowed from its columns.

use super::links::LinkRow;
use super::logs::LogRow;
use super::rows::{AttributeRef, owned};
use super::{Batch, Extra};
use crate::{AttributeValue, LogRecord, SpanLink};

/// One log record of a batch.
#[derive(Debug, Clone, Copy)]
pub struct LogRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
}

impl<'a> LogRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> LogRow {
        self.batch.logs.row(self.row)
    }

    /// Returns the severity in the words of its source.
    #[must_use]
    pub fn severity_text(&self) -> &'a str {
        self.batch.arena.text(self.batch.logs.severity_text[self.row])
    }

    /// Returns what kind of event it is; empty for a plain record.
    #[must_use]
    pub fn event_name(&self) -> &'a str {
        self.batch.arena.text(self.batch.logs.event_name[self.row])
    }

    /// Returns what was said.
    #[must_use]
    pub fn body(&self) -> AttributeValue {
        self.batch.value_of(self.batch.logs.body[self.row])
    }

    /// Iterates over the record's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.batch.logs.attributes, self.row)
    }

    /// Returns what few records have.
    #[must_use]
    pub fn extra(&self) -> Extra {
        self.batch.logs.extras.get(self.row)
    }

    /// Returns the record, owned.
    #[must_use]
    pub fn to_log(&self) -> LogRecord {
        let (row, extra) = (self.row(), self.extra());
        LogRecord {
            unix_ns: row.unix_ns,
            observed_unix_ns: row.observed_unix_ns,
            severity: row.severity,
            severity_text: self.severity_text().to_owned(),
            event_name: self.event_name().to_owned(),
            body: self.body(),
            trace_id: row.trace_id,
            span_id: row.span_id,
            flags: row.flags,
            attributes: owned(self.attributes()),
            dropped_attributes: extra.dropped_attributes,
            scope: self.batch.scope(extra.scope).cloned(),
        }
    }
}

/// One link of a span.
#[derive(Debug, Clone, Copy)]
pub struct LinkRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
}

impl<'a> LinkRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> LinkRow {
        self.batch.links.row(self.row)
    }

    /// Returns the state of the trace that is linked to.
    #[must_use]
    pub fn trace_state(&self) -> &'a str {
        self.batch.arena.text(self.extra().trace_state)
    }

    /// Iterates over the link's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.batch.links.attributes, self.row)
    }

    /// Returns what few links have.
    #[must_use]
    pub fn extra(&self) -> Extra {
        self.batch.links.extras.get(self.row)
    }

    /// Returns the link, owned.
    #[must_use]
    pub fn to_link(&self) -> SpanLink {
        let row = self.row();
        SpanLink {
            trace_id: row.linked_trace_id,
            span_id: row.linked_span_id,
            trace_state: self.trace_state().to_owned(),
            flags: row.flags,
            attributes: owned(self.attributes()),
            dropped_attributes: self.extra().dropped_attributes,
        }
    }
}
