//! Log records as columns.

use super::arena::Sym;
use super::columns::{AttributeColumns, Scalar};
use super::extras::Extras;
use crate::{Severity, SpanId, TraceId};

/// Log records as columns.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `LogRecord` with the same name")]
pub struct LogColumns {
    pub trace_id: Vec<TraceId>,
    pub span_id: Vec<SpanId>,
    pub unix_ns: Vec<i64>,
    pub observed_unix_ns: Vec<i64>,
    pub severity: Vec<Severity>,
    pub severity_text: Vec<Sym>,
    pub event_name: Vec<Sym>,
    pub body: Vec<Scalar>,
    pub flags: Vec<u32>,
    pub attributes: AttributeColumns,
    pub extras: Extras,
}

/// One log record on its way into [`LogColumns`]; texts are already in the arena.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is the field of `LogRecord` with the same name")]
pub struct LogRow {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub unix_ns: i64,
    pub observed_unix_ns: i64,
    pub severity: Severity,
    pub severity_text: Sym,
    pub event_name: Sym,
    pub body: Scalar,
    pub flags: u32,
}

impl LogColumns {
    /// Returns how many log records there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.unix_ns.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.unix_ns.is_empty()
    }

    /// Returns the values of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> LogRow {
        LogRow {
            trace_id: self.trace_id[row],
            span_id: self.span_id[row],
            unix_ns: self.unix_ns[row],
            observed_unix_ns: self.observed_unix_ns[row],
            severity: self.severity[row],
            severity_text: self.severity_text[row],
            event_name: self.event_name[row],
            body: self.body[row],
            flags: self.flags[row],
        }
    }

    pub(super) fn push(&mut self, row: LogRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.trace_id.push(row.trace_id);
        self.span_id.push(row.span_id);
        self.unix_ns.push(row.unix_ns);
        self.observed_unix_ns.push(row.observed_unix_ns);
        self.severity.push(row.severity);
        self.severity_text.push(row.severity_text);
        self.event_name.push(row.event_name);
        self.body.push(row.body);
        self.flags.push(row.flags);
        self.attributes.push_row(attributes);
    }
}
