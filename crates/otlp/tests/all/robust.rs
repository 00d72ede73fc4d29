//! Whatever arrives: no panic, no unbounded memory, and one bad span doesn't take the others with it.

use std::collections::HashSet;

use flowglass_otlp::{Flaw, Limits, Signal, decode, decode_traces};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;

use crate::reference::{told_by_batches, told_by_request};

fn span(name: &str) -> Span {
    Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: name.into(), ..Span::default() }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Says whether a request has what we take apart: ids that are ids, of one span each, times that are times.
fn is_sound(request: &ExportTraceServiceRequest) -> bool {
    let mut spans = request.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans);
    let mut ids = HashSet::new();
    let zero = |id: &[u8]| id.iter().all(|byte| *byte == 0);
    spans.all(|span| {
        ids.insert((&span.trace_id, &span.span_id))
            && span.trace_id.len() == 16
            && !zero(&span.trace_id)
            && span.span_id.len() == 8
            && !zero(&span.span_id)
            && [0, 8].contains(&span.parent_span_id.len())
            && (0..6).contains(&span.kind)
            && (0..3).contains(&span.status.as_ref().map_or(0, |status| status.code))
            && span.start_time_unix_nano <= i64::MAX as u64
            && span.start_time_unix_nano <= span.end_time_unix_nano
            && span.links.iter().all(|link| link.trace_id.len() == 16 && link.span_id.len() == 8)
            && span.events.iter().all(|event| event.time_unix_nano <= i64::MAX as u64)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_traces(&bytes);
    }

    #[test]
    fn damaged_requests_mean_what_they_mean_to_others(
        request in crate::any::traces(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        whether in any::<bool>(),
    ) {
        let mut bytes = request.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        damage.iter().for_each(|(at, byte)| { let at = at.index(bytes.len()); bytes[at] = *byte; });
        if whether {
            bytes.truncate(cut.index(bytes.len()));
        }
        let ours = decode_traces(&bytes);
        if let Ok(theirs) = ExportTraceServiceRequest::decode(bytes.as_slice()) && is_sound(&theirs) {
            let ours = ours.expect("what others accept is accepted");
            prop_assert_eq!(ours.rejected.count(), 0, "{}", ours.rejected.message());
            prop_assert_eq!(told_by_batches(&ours.batches), told_by_request(&theirs));
        }
    }
}

#[test]
fn one_bad_span_does_not_drop_its_batch() {
    let bad_id = Span { trace_id: vec![1; 15], ..span("short id") };
    let no_id = Span { span_id: vec![0; 8], ..span("no id") };
    let late = Span { start_time_unix_nano: u64::MAX, ..span("late") };
    let parent = Span { parent_span_id: vec![1; 3], ..span("parent") };
    let bytes = request(vec![span("a"), bad_id, no_id, late, parent, span("b")]);
    let decoded = decode_traces(&bytes).unwrap();
    let names: Vec<&str> = decoded.batches[0].spans().map(|span| span.name()).collect();
    assert_eq!(names, ["a", "b"]);
    let rejected: Vec<_> = decoded.rejected.named().collect();
    let wanted = [
        ("span \"short id\"", Flaw::TraceId),
        ("span \"no id\"", Flaw::SpanId),
        ("span \"late\"", Flaw::Time),
        ("span \"parent\"", Flaw::ParentId),
    ];
    assert_eq!(rejected, wanted);
    assert!(decoded.rejected.message().starts_with("span \"short id\": a trace id must have 16 bytes"));
}

#[test]
fn a_text_that_is_not_utf8_costs_its_span_only() {
    let mut bytes = request(vec![span("aaaaaa"), span("b")]);
    let at = bytes.windows(6).position(|window| window == b"aaaaaa").unwrap();
    bytes[at] = 0xff;
    let decoded = decode_traces(&bytes).unwrap();
    assert_eq!(decoded.batches[0].spans().len(), 1);
    assert_eq!(decoded.rejected.named().collect::<Vec<_>>(), [("a span without a name", Flaw::Utf8)]);
}

#[test]
fn values_that_lie_too_deep_cost_their_span_only() {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) };
    for _ in 0..40 {
        value = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    let attributes = vec![KeyValue { key: "deep".into(), value: Some(value), ..KeyValue::default() }];
    let decoded = decode_traces(&request(vec![Span { attributes, ..span("deep") }, span("b")])).unwrap();
    assert_eq!(decoded.batches[0].spans().len(), 1);
    assert_eq!(decoded.rejected.named().next(), Some(("span \"deep\"", Flaw::Depth)));
}

#[test]
fn only_the_first_rejected_are_named() {
    let bad = Span { span_id: Vec::new(), ..span("x") };
    let decoded = decode_traces(&request(vec![bad; 100])).unwrap();
    assert_eq!((decoded.rejected.count(), decoded.rejected.named().len()), (100, 16));
    assert!(decoded.rejected.message().ends_with("and 84 more"));
    assert!(decoded.batches.is_empty());
}

#[test]
fn requests_beyond_the_limits_are_refused_not_allocated() {
    let many = request(vec![span("x"); 500]);
    let few = Limits { rows: 500, ..Limits::default() };
    let decoded = decode(Signal::Traces, &many, few).unwrap();
    assert_eq!(decoded.batches[0].spans().len() as u64 + decoded.rejected.count(), 500);
    assert_eq!(decoded.rejected.named().next().unwrap().1, Flaw::Rows);
    let small = Limits { bytes: 10, ..Limits::default() };
    assert_eq!(decode(Signal::Traces, &many, small).unwrap_err().flaw(), Flaw::Bytes);
    let hollow = [0x0a, 0x00].repeat(100_000);
    assert!(decode_traces(&hollow).unwrap().batches.is_empty());
}

#[test]
fn broken_outer_layers_refuse_the_whole() {
    let whole = request(vec![span("a")]);
    let error = decode_traces(&whole[..whole.len() - 1]).unwrap_err();
    assert_eq!(error.to_string(), "this isn't an OTLP request: it ends in the middle");
}

#[test]
fn fields_of_the_future_are_counted() {
    let mut bytes = request(vec![span("a")]);
    bytes.extend_from_slice(&[0xa2, 0x06, 1, 7, 0x98, 0x06, 5]);
    assert_eq!(decode_traces(&bytes).unwrap().unknown_fields, 2);
}
