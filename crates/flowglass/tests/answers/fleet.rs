//! A fleet of runs of which everything is known: two versions of a report over two hours, some of which fail, and an import beside them.

use std::sync::Arc;

use flowglass::model::{
    AttributeValue, Attributes, Batch, BatchBuilder, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource,
    Severity, Span, SpanEvent, SpanId, SpanType, Status, Temporality, TraceId, WriterId,
};

/// 14 November 2023, 22:00:00 UTC, in nanoseconds.
pub(crate) const START_UNIX_NS: i64 = 1_699_999_200_000_000_000;
const NS_PER_MINUTE: i64 = 60_000_000_000;
const NS_PER_MS: i64 = 1_000_000;
/// Runs of `report`: one every five minutes.
pub(crate) const REPORTS: u8 = 24;
/// Runs of `ingest`: one every hour.
pub(crate) const INGESTS: u8 = 2;

/// Returns the trace of a run of `report`.
pub(crate) fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number + 1; 16])
}

/// Every fifth report fails: four of its own accord, and one of two others.
pub(crate) const fn fails(number: u8) -> bool {
    number % 5 == 4
}

/// The second half is of another version.
const fn version(number: u8) -> &'static str {
    if number < REPORTS / 2 { "1.3" } else { "1.4" }
}

/// Returns what a writer of each version recorded, and one that imports, a batch for each run.
pub(crate) fn batches() -> Vec<Arc<Batch>> {
    let reports = (0..REPORTS).map(|number| {
        let of_version = number % (REPORTS / 2);
        let mut builder = writer(number / (REPORTS / 2), u64::from(of_version) + 1, version(number));
        report(number).iter().for_each(|span| builder.push(span));
        beside(&mut builder, number);
        Arc::new(builder.finish())
    });
    let ingests = (0..INGESTS).map(|number| {
        let mut builder = writer(2, u64::from(number) + 1, "7");
        let start_unix_ns = START_UNIX_NS + i64::from(number) * 60 * NS_PER_MINUTE;
        let root = pipeline("ingest", TraceId::from_bytes([0xf0 + number; 16]), start_unix_ns, 90, Status::Ok);
        builder.push(&root);
        Arc::new(builder.finish())
    });
    reports.chain(ingests).collect()
}

fn writer(number: u8, sequence: u64, version: &str) -> BatchBuilder {
    let attributes = vec![entry("service.name", "reports"), entry("service.version", version)];
    let resource = Resource { attributes, ..Resource::default() };
    BatchBuilder::new(WriterId::from_bytes([number + 1; 16]), sequence, Arc::new(resource))
}

fn entry(key: &str, value: impl Into<AttributeValue>) -> (String, AttributeValue) {
    (key.to_owned(), value.into())
}

fn pipeline(name: &str, trace_id: TraceId, start_unix_ns: i64, ms: i64, status: Status) -> Span {
    Span {
        trace_id,
        span_id: SpanId::from_u64(1),
        name: format!("pipeline {name}"),
        span_type: SpanType::Pipeline,
        status,
        start_unix_ns,
        duration_ns: (ms * NS_PER_MS).unsigned_abs(),
        attributes: vec![entry("pipeline.name", name)],
        ..Span::default()
    }
}

/// A run: `fetch`, `encode` with a call of a model in it, and `publish`, which failed runs don't get to.
fn report(number: u8) -> Vec<Span> {
    let start_unix_ns = START_UNIX_NS + i64::from(number) * 5 * NS_PER_MINUTE;
    let encode_ms = 200 + 100 * i64::from(number % 7) + if number < REPORTS / 2 { 0 } else { 300 };
    let status = if fails(number) { Status::Error } else { Status::Ok };
    let mut root = pipeline("report", trace(number), start_unix_ns, encode_ms + 150, status);
    root.attributes.push(entry("pipeline.version", version(number)));
    root.attributes.push(entry("input.region", if fails(number) || number == 0 { "us" } else { "eu" }));
    root.status_message = message(number).to_owned();
    let node = |id: u64, name: &str, at_ms: i64, ms: i64, more: Attributes| Span {
        span_id: SpanId::from_u64(id),
        parent_id: root.span_id,
        name: format!("node {name}"),
        span_type: SpanType::Node,
        status: Status::Ok,
        start_unix_ns: start_unix_ns + at_ms * NS_PER_MS,
        duration_ns: (ms * NS_PER_MS).unsigned_abs(),
        attributes: [vec![entry("pipeline.name", "report"), entry("node.id", name)], more].concat(),
        status_message: String::new(),
        ..root.clone()
    };
    let fetch = node(2, "fetch", 0, 50, vec![entry("cache.status", if number.is_multiple_of(3) { "hit" } else { "miss" })]);
    let mut encode = node(3, "encode", 50, encode_ms, Vec::new());
    (encode.status, encode.status_message) = (status, message(number).to_owned());
    if number % 6 != 5 {
        let name = "validated".to_owned();
        encode.events.push(SpanEvent { name, unix_ns: encode.start_unix_ns + NS_PER_MS, ..SpanEvent::default() });
    }
    let model = if number.is_multiple_of(2) { "large" } else { "small" };
    let of_model = vec![
        entry("gen_ai.request.model", model),
        entry("gen_ai.usage.input_tokens", 100i64),
        entry("gen_ai.usage.output_tokens", i64::from(number)),
        entry("gen_ai.usage.cost", if model == "large" { 0.75 } else { 0.25 }),
    ];
    let call = node(4, "call", 60, encode_ms - 20, of_model);
    let call = Span { parent_id: encode.span_id, span_type: SpanType::Llm, name: format!("llm {model}"), ..call };
    let mut spans = vec![fetch, call, encode];
    if !fails(number) {
        spans.push(node(5, "publish", encode_ms + 60, 80, Vec::new()));
    }
    spans.push(root);
    spans
}

const fn message(number: u8) -> &'static str {
    match number {
        4 => "IoError: the disk is full",
        _ if fails(number) => "Timeout: the model did not answer",
        _ => "",
    }
}

/// What belongs to no span: an approval, a log record, and how busy the machine was.
fn beside(builder: &mut BatchBuilder, number: u8) {
    let unix_ns = START_UNIX_NS + i64::from(number) * 5 * NS_PER_MINUTE + NS_PER_MS;
    if number % 4 != 3 {
        let approved = SpanEvent { name: "approved".to_owned(), unix_ns, ..SpanEvent::default() };
        builder.push_owned_event((trace(number), SpanId::NONE), &approved);
    }
    let body = format!("report {number} begins").as_str().into();
    let log = LogRecord { unix_ns, trace_id: trace(number), body, severity: Severity(9), ..LogRecord::default() };
    builder.push_owned_log(&log);
    let metric = Metric::new("process.cpu.utilization", MetricKind::Gauge, Temporality::Delta);
    let row = builder.push_owned_metric(&metric);
    let value = MetricValue::Number(Number::Float(if fails(number) { 0.75 } else { 0.25 }));
    let point = MetricPoint { unix_ns, value, start_unix_ns: 0, attributes: Vec::new(), exemplars: Vec::new() };
    builder.push_owned_point(row, &point);
}
