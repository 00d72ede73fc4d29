//! The Recorder: spans from the hot path to sinks.
//!
//! # How a span travels
//! 1. Code that runs on the hot path (the engine, or a user's [`span`]) writes one whole record into a buffer of its own
//!    thread: raw ticks, ids, typed values, texts copied. No lock, no allocation, no formatting.
//! 2. A collector thread reads the buffers, resolves names and times, and fills a [`Batch`](flowglass_model::Batch).
//! 3. Each [`Sink`](flowglass_model::Sink) gets the batch on a thread of its own, through a bounded queue.
//!
//! Whatever is bounded counts what it drops: after a flush, each sink has `recorded == delivered + dropped`.
//!
//! # Spans that are still open
//! A [`Scope`] knows which of its spans are open. The collector looks there first and into the buffers afterwards, and a
//! span leaves its scope before its end is recorded: so a span is told as open or as ended, never as both.
//!
//! ```
//! use flowglass_record::{Recorder, span};
//!
//! let recorder = Recorder::in_memory();
//! let retained = {
//!     let root = recorder.root_span("import");
//!     let retained = recorder.retain(flowglass_record::current().unwrap().trace_id());
//!     span("parse").attr("rows", 3).event("header skipped", &[]);
//!     retained
//! };
//! let names: Vec<String> = retained.spans().into_iter().map(|span| span.name).collect();
//! assert_eq!(names, ["import", "parse"]);
//! ```

mod active;
mod batcher;
mod beginning;
mod builder;
mod by_id;
mod chance;
mod chunk;
mod collector;
mod context;
mod core;
mod cycles;
mod detached;
mod fate;
mod flush;
mod guard;
mod held;
mod here;
mod id_hash;
mod in_span;
mod lane;
mod lanes;
mod limits;
mod metrics;
mod missed;
mod open;
mod open_spans;
mod outlet;
mod parts;
mod pen;
mod process;
mod raw;
mod recorder;
mod registry;
mod retention;
mod rows;
mod sampling;
mod scope;
mod scope_shared;
mod scopes;
mod static_text;
mod stats;
mod sync;
mod tick;
mod value;
mod wake;
mod warnings;

pub use active::{Activation, CurrentSpan, current};
pub use beginning::Beginning;
pub use builder::RecorderBuilder;
pub use context::{Context, ContextGuard};
pub use detached::{DetachedSpan, Entered, open_span};
pub use flush::{FlushError, SinkFailure, SinkFailureKind};
pub use guard::{SpanGuard, span};
pub use here::{add_event, add_named_event, log, note_error, set_attribute, set_error};
pub use in_span::{InSpan, InSpanFuture};
pub use limits::SpanLimits;
pub use metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram, Measures, SpanMeter, SpanMetric,
    UpDownCounter,
};
pub use open::{Frame, NO_INDEX};
pub use process::ProcessUsage;
pub use recorder::{Recorder, Retained};
pub use sampling::{Sampling, Verdict};
pub use scope::{Scope, ScopeSpec, SpanEnd, SpanTemplate};
pub use stats::{RecorderStats, SinkStats};
pub use tick::Tick;
pub use value::{ToValue, Value};
