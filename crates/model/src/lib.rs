//! The vocabulary of Flowglass: what a trace, a span, an event, a metric, a log record, a batch and a graph are.
//!
//! Every other crate speaks these types and none of its own across a crate boundary. This crate knows no I/O, no threads
//! and no async: it is plain data, its text forms, and the [`Sink`] trait that takes a [`Batch`].

mod attribute;
mod baggage;
mod batch;
pub mod conventions;
mod delivery;
mod duration;
mod event;
mod failure_report;
mod graph;
mod id;
mod log;
mod metric;
pub mod nearest;
mod propagation;
mod redaction;
mod rollup;
mod sink;
mod span;
mod status;
mod subtree;
mod threshold;
mod trace_context;
mod trace_state;

pub use attribute::{AttributeValue, Attributes};
pub use baggage::{Baggage, BaggageEntry};
pub use batch::{
    Arena, AttributeColumns, AttributeRef, Batch, BatchBuilder, EventColumns, EventRef, ExemplarColumns, ExemplarRef,
    ExemplarRow, ExplicitColumns, ExponentialColumns, Extra, ExtraRun, Extras, LinkColumns, LinkRef, LinkRow, ListColumn,
    LogColumns, LogRef, LogRow, MetricColumns, MetricRef, MetricRow, PointColumns, PointRef, PointRow, PointValue,
    RecordCounts, Scalar, SpanColumns, SpanRef, SpanRow, SummaryColumns, Sym,
};
pub use delivery::{Fullness, Timing};
pub use duration::parse_duration;
pub use event::{
    Event, EventKind, EventRecord, EventValue, EventValues, EventVerb, Failure, Interest, LazyValue, Site, SiteId, Subject,
    Unavailable,
};
pub use failure_report::{AttemptReport, FailureReport, LevelReport, ReportPart};
pub use graph::{
    Emphasis, Graph, GraphDrawing, GraphInput, GraphLabel, GraphNode, GraphSettings, InputSource, LabelOrigin, Pen,
};
pub use id::{Fingerprint, ParseIdError, RunId, SpanId, TraceId, WriterId};
pub use log::{LogRecord, Severity};
pub use metric::{
    Buckets, DifferentBounds, Exemplar, ExplicitHistogram, ExponentialHistogram, Metric, MetricPoint, MetricValue, Number,
    Summary, Totals,
};
pub use propagation::Propagation;
pub use redaction::{Cleaned, Kept, REDACTED, Redaction};
pub use rollup::Rollup;
pub use sink::{Sink, SinkError, SinkErrorKind};
pub use span::{InstrumentationScope, Resource, Span, SpanDrops, SpanEvent, SpanLink, flags};
pub use status::{CacheStatus, MetricKind, SpanKind, SpanType, Status, Temporality};
pub use subtree::keep_below;
pub use threshold::{Randomness, Threshold};
pub use trace_context::{TraceParent, TraceParentError};
pub use trace_state::TraceState;
