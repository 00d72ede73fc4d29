//! The vocabulary of Flowglass: what a trace, a span, an event, a batch and a graph are.
//!
//! Every other crate speaks these types and none of its own across a crate boundary. This crate knows no I/O, no threads
//! and no async: it is plain data, its text forms, and the [`Sink`] trait that takes a [`Batch`].

mod attribute;
mod batch;
pub mod conventions;
mod duration;
mod event;
mod graph;
mod id;
pub mod nearest;
mod sink;
mod span;
mod status;
mod trace_context;

pub use attribute::{AttributeValue, Attributes};
pub use batch::{
    Arena, AttributeColumns, AttributeRef, Batch, BatchBuilder, EventColumns, EventRef, Scalar, SpanColumns, SpanRef, SpanRow,
    Sym,
};
pub use duration::parse_duration;
pub use event::{Event, EventKind, EventRecord, EventVerb, Failure, Interest, Site, SiteId, Subject};
pub use graph::{Graph, GraphInput, GraphNode, InputSource};
pub use id::{Fingerprint, ParseIdError, RunId, SpanId, TraceId, WriterId};
pub use sink::{Sink, SinkError, SinkErrorKind};
pub use span::{Resource, Span, SpanEvent, flags};
pub use status::{CacheStatus, SpanKind, SpanType, Status};
pub use trace_context::{TraceParent, TraceParentError};
