//! Side by side with OpenTelemetry's own library: parents from its contexts, contexts for it, spans in its providers.

mod mirror;

use flowglass_engine::{MapBuilder, RunBuilder};
use flowglass_model::{self as model, Baggage, Propagation, SpanId, TraceId, TraceParent};
use flowglass_record::RecorderBuilder;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};

pub use mirror::{Mirror, mirror};

/// Returns what OpenTelemetry's current context gives as a parent; nothing where there is no valid span in it.
#[must_use]
pub fn parent() -> Option<TraceParent> {
    let context = Context::current();
    let span = context.span();
    let parent = span.span_context();
    parent.is_valid().then(|| TraceParent {
        trace_id: TraceId::from_bytes(parent.trace_id().to_bytes()),
        parent_id: SpanId::from_u64(u64::from_be_bytes(parent.span_id().to_bytes())),
        sampled: parent.is_sampled(),
    })
}

/// Returns what whoever is called from OpenTelemetry's current context is given: its span as the parent, its trace state, its baggage.
/// Nothing where there is no valid span in it.
#[must_use]
pub fn propagation() -> Option<Propagation> {
    let context = Context::current();
    let parent = Some(parent()?);
    let state = model::TraceState::parse([context.span().span_context().trace_state().header().as_str()]);
    let mut baggage = Baggage::default();
    for (key, (value, _)) in context.baggage() {
        baggage.set(key.as_str(), value.as_str());
    }
    Some(Propagation { parent, state, baggage })
}

/// Returns OpenTelemetry's current context with the current span of Flowglass as its span, so that what other libraries record by
/// OpenTelemetry hangs on the node that called them: `let _inside = flowglass::opentelemetry::context().attach();`.
#[must_use]
pub fn context() -> Context {
    let here = Context::current();
    match flowglass_record::current() {
        Some(current) => here.with_remote_span_context(span_context(current.traceparent())),
        None => here,
    }
}

/// Lets runs join the trace of OpenTelemetry's current context: one run, or all that a recorder records.
pub trait JoinsOpenTelemetry: Sized {
    /// Hangs a run, or a map, on the span that is current in OpenTelemetry where this is called. Where there is none, nothing changes.
    ///
    /// Said to a recorder that is being set up, it holds for each of its runs, where it starts: unless a span of Flowglass is current
    /// there, or the run says itself what it hangs on. Such a run takes OpenTelemetry's ids, verdict, trace state and baggage.
    ///
    /// ```
    /// use flowglass::opentelemetry::JoinsOpenTelemetry as _;
    ///
    /// let recorder = flowglass::Recorder::builder().in_opentelemetry().build();
    /// ```
    #[must_use]
    fn in_opentelemetry(self) -> Self;
}

impl JoinsOpenTelemetry for RecorderBuilder {
    fn in_opentelemetry(self) -> Self {
        self.ambient(propagation)
    }
}

impl JoinsOpenTelemetry for RunBuilder {
    fn in_opentelemetry(self) -> Self {
        if let Some(parent) = parent() { self.parent(parent) } else { self }
    }
}

impl JoinsOpenTelemetry for MapBuilder {
    fn in_opentelemetry(self) -> Self {
        if let Some(parent) = parent() { self.parent(parent) } else { self }
    }
}

fn span_context(parent: TraceParent) -> SpanContext {
    SpanContext::new(
        opentelemetry::TraceId::from_bytes(parent.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(parent.parent_id.to_u64().to_be_bytes()),
        if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
        true,
        TraceState::default(),
    )
}
