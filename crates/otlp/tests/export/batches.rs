//! Batches to send, and exporters that don't wait long.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{
    Batch, BatchBuilder, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, Span, SpanEvent, SpanId,
    Temporality, TraceId, WriterId,
};
use flowglass_otlp::{Backoff, Exporter, ExporterBuilder};

/// Spans with these names.
pub(crate) fn spans(names: &[&str]) -> Arc<Batch> {
    let mut builder = builder();
    names.iter().for_each(|name| builder.push(&span(name)));
    Arc::new(builder.finish())
}

/// A span, a metric, a log record, and an event without a span.
pub(crate) fn of_all_signals() -> Arc<Batch> {
    let mut builder = builder();
    builder.push(&span("node clean"));
    let metric = builder.push_owned_metric(&Metric::new("node.executions", MetricKind::Counter, Temporality::Cumulative));
    let value = MetricValue::Number(Number::Int(7));
    let point = MetricPoint { start_unix_ns: 1, unix_ns: 2, value, attributes: Vec::new(), exemplars: Vec::new() };
    builder.push_owned_point(metric, &point);
    builder.push_owned_log(&LogRecord { body: "hello".into(), ..LogRecord::default() });
    let free = SpanEvent { name: "deployed".into(), unix_ns: 3, ..SpanEvent::default() };
    builder.push_owned_event((TraceId::NONE, SpanId::NONE), &free);
    Arc::new(builder.finish())
}

/// An exporter that tries again at once.
pub(crate) fn exporter(address: &str) -> ExporterBuilder {
    let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(2) };
    Exporter::builder(address).backoff(backoff)
}

fn builder() -> BatchBuilder {
    let resource = Resource { attributes: vec![("service.name".into(), "words".into())], ..Resource::default() };
    BatchBuilder::new(WriterId::from_bytes([9; 16]), 1, Arc::new(resource))
}

fn span(name: &str) -> Span {
    let (trace_id, span_id) = (TraceId::from_bytes([7; 16]), SpanId::random());
    Span { trace_id, span_id, name: name.into(), start_unix_ns: 1_700_000_000_000_000_000, duration_ns: 5, ..Span::default() }
}
