//! Arbitrary OTLP messages.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) fn value() -> impl Strategy<Value = AnyValue> {
    use any_value::Value;
    let leaf = prop_oneof![
        text().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        (-1e300..1e300f64).prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(Value::BytesValue),
    ]
    .prop_map(|value| AnyValue { value: Some(value) })
    .boxed();
    let leaf = prop_oneof![9 => leaf, 1 => Just(AnyValue { value: None })];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((text(), inner), 0..3)
                .prop_map(|entries| Value::KvlistValue(KeyValueList { values: entries.into_iter().map(entry).collect() })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn entry((key, value): (String, AnyValue)) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.]{0,12}", "\\PC{0,90}"]
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), value()).prop_map(entry), 0..5)
}

/// A time that both sides can say.
pub(crate) fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..=i64::MAX as u64, 1_700_000_000_000_000_000..1_800_000_000_000_000_000u64]
}

fn id<const N: usize>() -> impl Strategy<Value = Vec<u8>> {
    any::<[u8; N]>().prop_map(|mut bytes| {
        bytes[0] |= 1;
        bytes.to_vec()
    })
}

fn event() -> impl Strategy<Value = Event> {
    (time(), text(), attributes()).prop_map(|(time_unix_nano, name, attributes)| Event {
        time_unix_nano,
        name,
        attributes,
        ..Event::default()
    })
}

fn status() -> impl Strategy<Value = Option<Status>> {
    proptest::option::of((text(), 0..3i32).prop_map(|(message, code)| Status { message, code }))
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    let ids = (id::<16>(), id::<8>(), prop_oneof![Just(Vec::new()), id::<8>()]);
    let shape = (text(), 0..6i32, time(), 0..1_000_000_000u64, any::<u32>());
    (ids, shape, attributes(), vec(event(), 0..3), status()).prop_map(|(ids, shape, attributes, events, status)| {
        let (trace_id, span_id, parent_span_id) = ids;
        let (name, kind, start, length, flags) = shape;
        Span {
            trace_id,
            span_id,
            parent_span_id,
            name,
            kind,
            start_time_unix_nano: start,
            end_time_unix_nano: start + length,
            flags,
            attributes,
            events,
            status,
            ..Span::default()
        }
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    attributes().prop_map(|attributes| Resource { attributes, ..Resource::default() })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    vec(span(), 0..4).prop_map(|spans| ScopeSpans {
        scope: Some(InstrumentationScope::default()),
        spans,
        ..ScopeSpans::default()
    })
}

pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let of_resource = (resource(), vec(scope_spans(), 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans {
        resource: Some(resource),
        scope_spans,
        ..ResourceSpans::default()
    });
    vec(of_resource, 0..3).prop_map(|mut resource_spans| {
        let all = resource_spans.iter_mut().flat_map(|of| &mut of.scope_spans).flat_map(|of| &mut of.spans);
        number(all);
        ExportTraceServiceRequest { resource_spans }
    })
}

/// Gives each span an id that no other has.
pub(crate) fn number<'a>(spans: impl Iterator<Item = &'a mut Span>) {
    spans.zip(1..).for_each(|(span, number)| span.span_id[7] = number);
}
