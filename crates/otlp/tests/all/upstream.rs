//! What went wrong in the exporters that this one comes after can't happen here.

use flowglass_model::{AttributeValue, BatchBuilder, Span, SpanEvent, SpanId, Status, TraceId};
use flowglass_otlp::{Signal, encode_traces, request_to_json};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use serde_json::{Value as Json, json};

fn failed() -> Span {
    Span {
        trace_id: TraceId::from_bytes([0xab; 16]),
        span_id: SpanId::from_u64(0x00f0_67aa_0ba9_02b7),
        parent_id: SpanId::from_u64(1),
        name: "node clean".into(),
        status: Status::Error,
        status_message: "ValueError: \"no\"\nTraceback <object at 0x7f>".into(),
        start_unix_ns: 1_790_000_000_123_456_789,
        duration_ns: 5,
        attributes: vec![
            ("map.index".into(), AttributeValue::Int(9_007_199_254_740_993)),
            ("cache.duration_ms".into(), AttributeValue::Float(0.5)),
            ("cached".into(), AttributeValue::Bool(false)),
            ("node.id".into(), "clean".into()),
        ],
        events: vec![SpanEvent { name: "exception".into(), unix_ns: 7, ..SpanEvent::default() }],
        ..Span::default()
    }
}

fn request() -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    builder.push(&failed());
    encode_traces(&builder.finish())
}

/// They sent span ids of 32 digits, times as numbers that JSON readers round, every value as text, and a status whose message was
/// an object.
#[test]
fn json_has_the_forms_that_otlp_gives_it() {
    let mut json = Vec::new();
    request_to_json(Signal::Traces, &request(), &mut json).unwrap();
    let json: Json = serde_json::from_slice(&json).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "ab".repeat(16));
    assert_eq!((&span["spanId"], &span["parentSpanId"]), (&json!("00f067aa0ba902b7"), &json!("0000000000000001")));
    assert_eq!(span["startTimeUnixNano"], "1790000000123456789");
    assert_eq!(span["endTimeUnixNano"], "1790000000123456794");
    assert_eq!(span["status"], json!({ "code": 2, "message": failed().status_message }));
    let value = |at: usize| span["attributes"][at]["value"].clone();
    let wanted = [
        json!({ "intValue": "9007199254740993" }),
        json!({ "doubleValue": 0.5 }),
        json!({ "boolValue": false }),
        json!({ "stringValue": "clean" }),
    ];
    assert_eq!([value(0), value(1), value(2), value(3)], wanted);
}

/// Theirs made text of every number.
#[test]
fn values_keep_their_types_in_protobuf() {
    let request = ExportTraceServiceRequest::decode(request().as_slice()).unwrap();
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    let values: Vec<_> = span.attributes.iter().map(|entry| entry.value.clone().unwrap().value.unwrap()).collect();
    let wanted = [
        Value::IntValue(9_007_199_254_740_993),
        Value::DoubleValue(0.5),
        Value::BoolValue(false),
        Value::StringValue("clean".into()),
    ];
    assert_eq!(values, wanted);
}

/// Theirs recorded each exception twice.
#[test]
fn an_exception_is_told_once() {
    let request = ExportTraceServiceRequest::decode(request().as_slice()).unwrap();
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.events.iter().filter(|event| event.name == "exception").count(), 1);
}
