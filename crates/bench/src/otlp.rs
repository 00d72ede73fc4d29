//! `flowglass-bench otlp [--json]`: what a span costs to write as OTLP and to read back, beside the messages that others generate.

use std::hint::black_box;
use std::sync::Arc;

use flowglass::otlp::{Signal, decode_traces, encode_traces, request_to_json};
use flowglass_model::{AttributeValue, Batch, BatchBuilder, Resource, Span, SpanId, SpanType, TraceId, WriterId, conventions};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::figures::Figures;
use crate::sampling::{Cost, measure};

/// Spans in a batch: as many as a recorder puts into one.
const SPANS: usize = 512;

/// Measures all, of one batch whose spans have ten attributes each.
pub(crate) fn run() -> Result<Figures, String> {
    let mut figures = Figures::default();
    let batch = batch();
    let request = encode_traces(&batch);
    let theirs = ExportTraceServiceRequest::decode(request.as_slice()).map_err(|error| error.to_string())?;
    add(&mut figures, "encode_ns", measure(SPANS, || drop(black_box(encode_traces(black_box(&batch)))), || {}));
    add(&mut figures, "prost_encode_ns", measure(SPANS, || drop(black_box(black_box(&theirs).encode_to_vec())), || {}));
    add(&mut figures, "decode_ns", measure(SPANS, || drop(black_box(decode_traces(black_box(&request)))), || {}));
    let decode = || drop(black_box(ExportTraceServiceRequest::decode(black_box(request.as_slice()))));
    add(&mut figures, "prost_decode_ns", measure(SPANS, decode, || {}));
    let mut json = Vec::new();
    let to_json = || {
        json.clear();
        let _ = black_box(request_to_json(Signal::Traces, black_box(&request), &mut json));
    };
    add(&mut figures, "json_encode_ns", measure(SPANS, to_json, || {}));
    figures.add("bytes_per_span", bytes_per_span(&request));
    Ok(figures)
}

/// Adds what a span costs, in time of the processor.
fn add(figures: &mut Figures, name: &str, cost: Cost) {
    figures.add(name, cost.cpu_ns);
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn bytes_per_span(request: &[u8]) -> f64 {
    request.len() as f64 / SPANS as f64
}

fn batch() -> Batch {
    let resource = Resource { attributes: vec![("service.name".into(), "words".into())], ..Resource::default() };
    let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::new(resource));
    (0..SPANS as i64).for_each(|at| builder.push(&span(at)));
    builder.finish()
}

fn span(at: i64) -> Span {
    let node = format!("step_{}", at % 20);
    Span {
        trace_id: TraceId::random(),
        span_id: SpanId::random(),
        parent_id: SpanId::random(),
        name: format!("node {node}"),
        span_type: SpanType::Node,
        start_unix_ns: 1_790_000_000_000_000_000 + at,
        duration_ns: 1_000_000,
        flags: 1,
        attributes: vec![
            (conventions::NODE_ID.into(), node.into()),
            (conventions::PIPELINE_NAME.into(), "pipeline_07".into()),
            (conventions::CACHE_STATUS.into(), "hit".into()),
            (conventions::CACHE_SIGNATURE.into(), AttributeValue::Bytes((0..16).map(|_| fastrand::u8(..)).collect())),
            (conventions::CACHE_DURATION_MS.into(), 0.125.into()),
            (conventions::BACKEND_NAME.into(), "threads".into()),
            (conventions::RETRY_ATTEMPT.into(), 1i64.into()),
            ("input.size_bytes".into(), (at * 97).into()),
            ("output.size_bytes".into(), (at * 13).into()),
            (conventions::MAP_INDEX.into(), at.into()),
        ],
        ..Span::default()
    }
}
