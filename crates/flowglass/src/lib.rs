//! A pipeline engine you can see through.
//!
//! Write plain functions. Flowglass wires them into a graph by their names, runs them (nested, mapped, cached), and every
//! run carries its own trace: what ran, for how long, what came from the cache, where it failed and with what.
//!
//! ```
//! use flowglass::prelude::*;
//!
//! #[node(output = "cleaned")]
//! fn clean(text: String) -> String {
//!     text.trim().to_lowercase()
//! }
//!
//! #[node(output = "words")]
//! fn count(cleaned: &str) -> usize {
//!     cleaned.split_whitespace().count()
//! }
//!
//! # fn main() -> Result<(), flowglass::Error> {
//! let pipeline = Pipeline::builder("words").nodes(nodes![clean, count]).build()?;
//! let run = pipeline.run(inputs! { text: "  The quick brown fox " }).wait()?;
//! assert_eq!(run.get::<usize>("words")?, 4);
//! println!("{}", run.waterfall());
//! assert_eq!(run.waterfall().rows().len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! The functions stay functions: `clean("…".into())` can still be called and tested.
//!
//! # One thing and many
//! The same pipeline runs once for each element of a list; see [`Pipeline::map`]. A pipeline is a node of another; see
//! [`Pipeline::as_node`].
//!
//! # Keeping runs
//! With a [`telemetry::sqlite`] recorder every run is kept in one file, which the `flowglass` command reads:
//! `flowglass list`, `flowglass show`.

pub mod config;
pub mod guide;
#[cfg(feature = "tracing")]
mod layer;
pub mod logs;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
mod parcel;
pub mod progress;
pub mod telemetry;
pub mod testing;
mod view;
mod worker;

pub use flowglass_engine::{
    Aspect, Backend, Backoff, BoxError, Cache, CacheError, CacheStats, Call, Callback, CallbackContext, CallbackFailure,
    CallbackResult, CallbackTime, Callbacks, CancelToken, Capture, Chunk, Coded, DiskCache, Effective, Error, ErrorKind,
    EventFeed, EventFilter, Execution, Inputs, IntoCallbackResult, IntoNode, Invocation, ItemRun, KeyedBy, LocalBackend,
    Logging, MapBuilder, MapItems, MapMode, MapRun, MemoryCache, Metrics, MetricsSnapshot, Node, NodeContext, NodeDef,
    NodeError, NodeExt, NodeInputs, NodeMetrics, NodeSpec, OnError, OnWorkerLost, Output, Outputs, Param, Pipeline,
    PipelineBuilder, PipelineInfo, ProcessWorkers, Received, RemoteBackend, Replayed, Retry, Run, RunBuilder, Setting, Settled,
    State, Stateful, StreamBuilder, Subscription, Typed, cache, inputs, nodes, replay, type_of, typed, value,
};
#[doc(hidden)]
pub use flowglass_engine::{pipeline, private, type_of_probe};
pub use flowglass_macros::{code, node, node_fn, traced};
pub use flowglass_model::Severity;
pub use flowglass_record::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Context, ContextGuard, Counter, CurrentSpan, DetachedSpan,
    FlushError, Gauge, Histogram, InSpan, InSpanFuture, Recorder, RecorderBuilder, RecorderStats, Sampling, SinkFailure,
    SinkFailureKind, SinkStats, SpanGuard, SpanLimits, ToValue, UpDownCounter, Value, add_event, add_named_event, current, log,
    note_error, set_attribute, set_error, span,
};
#[cfg(feature = "tracing")]
pub use layer::{TracingLayer, tracing_layer};
pub use view::{GraphExt, SummaryView, TreeView, ViewExt, WaterfallView};
pub use worker::{Registered, over, processes, worker, worker_of};

/// How jobs reach workers in other processes: for who writes a transport to some cluster.
pub mod transport {
    pub use flowglass_engine::{
        Fate, Home, JobId, Limits, Message, OutgoingJob, OutputStream, TelemetryCodec, TelemetryEncoder, Transport, Upstream,
        Worker, WorkerLost, WorkerOutput,
    };
}

/// Spans, events, graphs and ids as plain data.
pub use flowglass_model as model;

/// The store that keeps runs in one file.
pub use flowglass_store as store;

/// The OpenTelemetry protocol, to and from batches.
pub use flowglass_otlp as otlp;

/// Receiving OTLP from programs in any language.
pub use flowglass_server as server;

/// Spans in, answers out: trees, waterfalls, statistics.
pub use flowglass_insight as insight;

/// Records as files that other programs read.
pub use flowglass_interchange as interchange;

/// Runs as text for a terminal.
pub use flowglass_term as term;

/// Runs as pictures.
pub use flowglass_picture as picture;

/// What most programs need.
pub mod prelude {
    pub use crate::config::Observed;
    pub use crate::progress::ProgressExt;
    pub use crate::value::CacheKey;
    pub use crate::{
        DiskCache, GraphExt, Inputs, MapRun, MemoryCache, NodeContext, NodeExt, Pipeline, Recorder, Retry, Run, State,
        Stateful, ViewExt, code, inputs, node, node_fn, nodes, span, telemetry,
    };
}

/// The README's program, which is compiled and run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The page about telemetry, whose programs are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/telemetry.md")]
struct TelemetryPage;
