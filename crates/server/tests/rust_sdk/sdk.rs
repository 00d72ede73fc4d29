//! What every client sends, said by OpenTelemetry's SDK for Rust.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Link, Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_otlp::{LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value as Json, json};

/// One exporter a signal.
pub(crate) struct Exporters {
    spans: SpanExporter,
    metrics: MetricExporter,
    logs: LogExporter,
}

/// Makes exporters that send by gRPC.
pub(crate) fn grpc(endpoint: &str) -> Exporters {
    Exporters {
        spans: SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().unwrap(),
        metrics: MetricExporter::builder().with_tonic().with_endpoint(endpoint).build().unwrap(),
        logs: LogExporter::builder().with_tonic().with_endpoint(endpoint).build().unwrap(),
    }
}

/// Makes exporters that send by HTTP, each to its signal's path.
pub(crate) fn http(endpoint: &str, protocol: Protocol) -> Exporters {
    let path = |signal: &str| format!("{endpoint}/v1/{signal}");
    Exporters {
        spans: SpanExporter::builder().with_http().with_protocol(protocol).with_endpoint(path("traces")).build().unwrap(),
        metrics: MetricExporter::builder().with_http().with_protocol(protocol).with_endpoint(path("metrics")).build().unwrap(),
        logs: LogExporter::builder().with_http().with_protocol(protocol).with_endpoint(path("logs")).build().unwrap(),
    }
}

/// Sends the story, and says which ids and times its spans have.
pub(crate) fn send(exporters: Exporters) -> Json {
    let tracers = SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporters.spans).build();
    let meters = SdkMeterProvider::builder().with_resource(resource()).with_periodic_exporter(exporters.metrics).build();
    let loggers = SdkLoggerProvider::builder().with_resource(resource()).with_batch_exporter(exporters.logs).build();
    let (checkout, sent) = send_spans(&tracers);
    count(&meters);
    log(&loggers, &checkout);
    tracers.shutdown().unwrap();
    meters.shutdown().unwrap();
    loggers.shutdown().unwrap();
    sent
}

fn resource() -> Resource {
    let attributes = [KeyValue::new("deployment.tier", "test"), KeyValue::new("replicas", 3)];
    Resource::builder_empty().with_service_name("shop").with_attributes(attributes).build()
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("cart").with_version("1.2").build()
}

fn time(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_790_000_000_000 + ms)
}

fn send_spans(tracers: &SdkTracerProvider) -> (SpanContext, Json) {
    let tracer = tracers.tracer_with_scope(scope());
    let words: Vec<StringValue> = vec!["a".into(), "b".into()];
    let checkout = SpanBuilder::from_name("checkout").with_kind(SpanKind::Server).with_start_time(time(0)).with_attributes([
        KeyValue::new("text", "é✓"),
        KeyValue::new("flag", true),
        KeyValue::new("count", 42),
        KeyValue::new("ratio", 0.25),
        KeyValue::new("words", Value::Array(Array::String(words))),
        KeyValue::new("numbers", Value::Array(Array::I64(vec![1, 2]))),
    ]);
    let mut checkout = checkout.start_with_context(&tracer, &Context::new());
    checkout.add_event_with_timestamp("added", time(1), vec![KeyValue::new("item", "book")]);
    let context = checkout.span_context().clone();
    let around = Context::new().with_remote_span_context(context.clone());
    let link = Link::new(context.clone(), vec![KeyValue::new("why", "retry")], 0);
    let charge = SpanBuilder::from_name("charge").with_kind(SpanKind::Client).with_start_time(time(2)).with_links(vec![link]);
    let mut charge = tracer.build_with_context(charge, &around);
    charge.set_status(Status::error("declined"));
    let charged = charge.span_context().clone();
    charge.end_with_timestamp(time(3));
    checkout.end_with_timestamp(time(4));
    let sent = json!({ "checkout": identity(&context, 0, 4), "charge": identity(&charged, 2, 3) });
    (context, sent)
}

fn identity(context: &SpanContext, start_ms: u64, end_ms: u64) -> Json {
    let unix_ns = |ms| u64::try_from(time(ms).duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    json!({
        "trace_id": context.trace_id().to_string(),
        "span_id": context.span_id().to_string(),
        "start_unix_ns": unix_ns(start_ms),
        "end_unix_ns": unix_ns(end_ms),
    })
}

fn count(meters: &SdkMeterProvider) {
    let meter = meters.meter_with_scope(scope());
    meter.u64_counter("orders").with_unit("1").with_description("How many").build().add(5, &[KeyValue::new("tier", "gold")]);
    meter.i64_up_down_counter("active").build().add(-1, &[]);
    let latency = meter.f64_histogram("latency").with_unit("s").build();
    latency.record(1.5, &[]);
    latency.record(2.5, &[]);
}

fn log(loggers: &SdkLoggerProvider, within: &SpanContext) {
    let logger = loggers.logger_with_scope(scope());
    let mut record = logger.create_log_record();
    record.set_timestamp(time(0));
    record.set_severity_number(Severity::Warn);
    record.set_severity_text("WARN");
    record.set_body(AnyValue::String("low stock".into()));
    record.add_attribute("item", "book");
    record.set_trace_context(within.trace_id(), within.span_id(), Some(within.trace_flags()));
    logger.emit(record);
}
