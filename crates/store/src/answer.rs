//! What a query is answered with: a page of things of one kind, and where the next page begins.

use std::sync::Arc;

use flowglass_model::{LogRecord, Metric, MetricPoint, Resource, Span, SpanEvent, SpanId, TraceId};

use crate::RunRecord;
use crate::query::Cursor;

/// One page of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The things, in the order that was asked for.
    pub rows: Rows,
    /// What to ask [`after`](crate::query::Query::after) for the next page; nothing if this one is the last.
    pub next: Option<Cursor>,
}

/// Things of one kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Rows {
    /// Runs.
    Runs(Vec<RunRecord>),
    /// Spans.
    Spans(Vec<FoundSpan>),
    /// Events.
    Events(Vec<FoundEvent>),
    /// Points of metrics.
    Metrics(Vec<FoundPoint>),
    /// Log records.
    Logs(Vec<FoundLog>),
}

impl Rows {
    /// Returns how many things there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Runs(rows) => rows.len(),
            Self::Spans(rows) => rows.len(),
            Self::Events(rows) => rows.len(),
            Self::Metrics(rows) => rows.len(),
            Self::Logs(rows) => rows.len(),
        }
    }

    /// Says whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A span that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundSpan {
    /// The span, without its events and links.
    pub span: Span,
    /// Who recorded it.
    pub resource: Arc<Resource>,
}

/// An event that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundEvent {
    /// The trace that it belongs to, or [`TraceId::NONE`].
    pub trace_id: TraceId,
    /// The span in which it happened, or [`SpanId::NONE`].
    pub span_id: SpanId,
    /// The event.
    pub event: SpanEvent,
    /// Who recorded it.
    pub resource: Arc<Resource>,
}

/// A point of a metric that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundPoint {
    /// What is measured.
    pub metric: Arc<Metric>,
    /// The point.
    pub point: MetricPoint,
    /// Who recorded it.
    pub resource: Arc<Resource>,
}

/// A log record that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundLog {
    /// The record.
    pub log: LogRecord,
    /// Who recorded it.
    pub resource: Arc<Resource>,
}

impl FoundLog {
    /// Returns when it was said, or else seen, in nanoseconds since 1970 UTC.
    #[must_use]
    pub const fn unix_ns(&self) -> i64 {
        if self.log.unix_ns == 0 { self.log.observed_unix_ns } else { self.log.unix_ns }
    }
}
