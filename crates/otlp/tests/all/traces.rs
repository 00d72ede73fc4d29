//! Traces mean the same to us and to others, both ways.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, Resource, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId, WriterId,
    flags,
};
use flowglass_otlp::{TraceEncoder, decode_traces, encode_traces};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;

use crate::reference::{spans_of, told_by_batches, told_by_request};

proptest! {
    #[test]
    fn what_others_send_arrives(request in crate::any::traces()) {
        let decoded = decode_traces(&request.encode_to_vec()).unwrap();
        prop_assert_eq!(decoded.rejected.count(), 0);
        prop_assert_eq!(decoded.unknown_fields, 0);
        prop_assert_eq!(told_by_batches(&decoded.batches), told_by_request(&request));
    }

    #[test]
    fn any_order_of_fields_means_the_same(mut spans in proptest::collection::vec(crate::any::span(), 0..3)) {
        crate::any::number(spans.iter_mut());
        // Every message on the wire may be cut into fields and sent in another order; lists keep theirs.
        let parts: Vec<Vec<u8>> = spans.iter().map(|span| field(2, &reversed(&span.encode_to_vec()))).collect();
        let request = field(1, &field(2, &parts.concat()));
        let wanted = ExportTraceServiceRequest::decode(request.as_slice()).unwrap();
        prop_assert_eq!(told_by_batches(&decode_traces(&request).unwrap().batches), told_by_request(&wanted));
    }
}

/// Writes a length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut out).unwrap();
    out.extend_from_slice(content);
    out
}

/// Puts the fixed-size fields of a span behind the others: flags, times.
fn reversed(span: &[u8]) -> Vec<u8> {
    let whole = opentelemetry_proto::tonic::trace::v1::Span::decode(span).unwrap();
    let late = opentelemetry_proto::tonic::trace::v1::Span {
        trace_id: whole.trace_id.clone(),
        name: whole.name.clone(),
        start_time_unix_nano: whole.start_time_unix_nano,
        ..Default::default()
    };
    let early = opentelemetry_proto::tonic::trace::v1::Span {
        trace_id: Vec::new(),
        name: String::new(),
        start_time_unix_nano: 0,
        ..whole
    };
    [early.encode_to_vec(), late.encode_to_vec()].concat()
}

fn example() -> Span {
    Span {
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_u64(2),
        parent_id: SpanId::from_u64(1),
        name: "node clean".into(),
        kind: SpanKind::Client,
        span_type: SpanType::Node,
        status: Status::Error,
        status_message: "too dirty".into(),
        start_unix_ns: 1_700_000_000_000_000_000,
        duration_ns: 1234,
        flags: 0x301,
        attributes: vec![
            ("node.id".into(), "clean".into()),
            ("count".into(), (-3i64).into()),
            ("share".into(), 0.25.into()),
            ("blob".into(), AttributeValue::Bytes(vec![0, 255])),
            ("list".into(), AttributeValue::List(vec![true.into(), AttributeValue::Map(vec![("k".into(), "v".into())])])),
        ],
        events: vec![SpanEvent {
            name: "exception".into(),
            unix_ns: 1_700_000_000_000_000_100,
            attributes: vec![("exception.type".into(), "Dirt".into())],
            ..SpanEvent::default()
        }],
        ..Span::default()
    }
}

fn batch(spans: &[Span]) -> Batch {
    let resource = Resource { attributes: vec![("service.name".into(), "words".into())], ..Resource::default() };
    let mut builder = BatchBuilder::new(WriterId::from_bytes([9; 16]), 3, Arc::new(resource));
    spans.iter().for_each(|span| builder.push(span));
    builder.finish()
}

#[test]
fn every_type_and_status_of_ours_comes_back() {
    for &status in &[Status::Ok, Status::Error, Status::Cancelled, Status::Interrupted] {
        for &span_type in SpanType::ALL {
            for &kind in SpanKind::ALL {
                let span = Span { status, span_type, kind, ..example() };
                let decoded = decode_traces(&encode_traces(&batch(std::slice::from_ref(&span)))).unwrap();
                assert_eq!(spans_of(&decoded.batches[0]), [span]);
            }
        }
    }
}

#[test]
fn a_run_inside_of_another_span_stays_one_without_a_bit_of_ours() {
    let depth = |depth: i64| vec![("pipeline.depth".to_owned(), depth.into())];
    let pipeline = Span { span_type: SpanType::Pipeline, flags: flags::SAMPLED, attributes: depth(1), ..example() };
    let flags = flags::SAMPLED | flags::IS_RUN_ROOT;
    let run = Span { span_id: SpanId::from_u64(3), flags, attributes: depth(0), ..pipeline.clone() };
    let remote = flags::SAMPLED | flags::HAS_IS_REMOTE | flags::IS_REMOTE;
    let remote = Span { span_id: SpanId::from_u64(4), flags: remote, attributes: depth(0), ..pipeline.clone() };
    let open = Span { span_id: SpanId::from_u64(5), status: Status::Running, events: Vec::new(), ..run.clone() };
    let open = Span { status_message: String::new(), ..open };
    let spans = [pipeline, run, remote];
    let sent = encode_traces(&batch(&[&spans[..], std::slice::from_ref(&open)].concat()));
    let request = ExportTraceServiceRequest::decode(sent.as_slice()).unwrap();
    assert!(request.resource_spans[0].scope_spans[0].spans.iter().all(|span| span.flags < 0x400), "{request:?}");
    let decoded = decode_traces(&sent).unwrap();
    assert_eq!(spans_of(&decoded.batches[0]), spans);
    assert_eq!(decoded.batches[0].opened().map(|span| span.to_span()).collect::<Vec<_>>(), [open]);
}

#[test]
fn statuses_are_what_others_expect() {
    let code = |status| {
        let sent = encode_traces(&batch(&[Span { status, ..example() }]));
        let request = ExportTraceServiceRequest::decode(sent.as_slice()).unwrap();
        request.resource_spans[0].scope_spans[0].spans[0].status.clone().unwrap_or_default().code
    };
    assert_eq!([Status::Ok, Status::Error, Status::Cancelled, Status::Interrupted].map(code), [0, 2, 0, 2]);
}

#[test]
fn the_writer_is_the_instance_of_the_service() {
    let decoded = decode_traces(&encode_traces(&batch(&[example()]))).unwrap();
    assert_eq!(decoded.batches[0].writer, WriterId::from_bytes([9; 16]));
    let attributes = &decoded.batches[0].resource.attributes;
    assert_eq!(attributes[0], ("service.name".into(), "words".into()));
    assert_eq!(attributes[1].0, "service.instance.id");
}

#[test]
fn spans_that_run_travel_as_pending_spans() {
    let running = Span { status: Status::Running, status_message: String::new(), ..example() };
    let root = Span { parent_id: SpanId::NONE, span_id: SpanId::from_u64(5), events: Vec::new(), ..running.clone() };
    let sent = batch(&[running.clone(), root.clone()]);
    let decoded = decode_traces(&encode_traces(&sent)).unwrap();
    let batch = &decoded.batches[0];
    assert_eq!(batch.spans().len(), 0);
    let mut opened: Vec<Span> = batch.opened().map(|span| span.to_span()).collect();
    opened[0].events = batch.events().map(|event| event.to_event()).collect();
    assert_eq!(opened, [running, root]);
    let mut out = Vec::new();
    assert_eq!(TraceEncoder::new().encode(&sent, &mut out), 0, "others than Logfire and Flowglass don't get them");
    assert!(out.is_empty());
}

#[test]
fn an_event_waits_for_the_end_of_its_span() {
    let span = example();
    let mut early = BatchBuilder::default();
    let name = early.intern("early");
    early.push_event((span.trace_id, span.span_id), name, 5, []);
    let (mut encoder, mut out) = (TraceEncoder::new(), Vec::new());
    assert_eq!(encoder.encode(&early.finish(), &mut out), 0);
    assert!(out.is_empty());
    assert_eq!(encoder.encode(&batch(&[span]), &mut out), 1);
    let decoded = decode_traces(&out).unwrap();
    let names: Vec<String> = decoded.batches[0].events().map(|event| event.name().to_owned()).collect();
    assert_eq!(names, ["early", "exception"]);
    assert_eq!(encoder.lost_events(), 0);
}

#[test]
fn times_before_1970_and_after_the_end_become_the_nearest() {
    let odd = Span { start_unix_ns: -5, duration_ns: u64::MAX, events: Vec::new(), ..example() };
    let decoded = decode_traces(&encode_traces(&batch(&[odd]))).unwrap();
    let back = decoded.batches[0].spans().next().unwrap().row();
    assert_eq!((back.start_unix_ns, back.duration_ns), (0, u64::MAX));
}
