//! What a message means, said a second time, over the generated types.

use flowglass_model::{AttributeValue, Attributes, Batch, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span as WireSpan;

/// Spans with the resources they are of, in the order of a request.
pub(crate) type Told = Vec<(Attributes, Vec<Span>)>;

pub(crate) fn told_by_request(request: &ExportTraceServiceRequest) -> Told {
    let of_resource = request.resource_spans.iter().map(|of_resource| {
        let resource = of_resource.resource.as_ref().map(|resource| attributes(&resource.attributes)).unwrap_or_default();
        (resource, of_resource.scope_spans.iter().flat_map(|of_scope| &of_scope.spans).map(span).collect::<Vec<_>>())
    });
    of_resource.filter(|(_, spans)| !spans.is_empty()).collect()
}

pub(crate) fn told_by_batches(batches: &[Batch]) -> Told {
    batches.iter().map(|batch| (batch.resource.attributes.clone(), spans_of(batch))).collect()
}

/// The spans of a batch with their events; those of equal ids share their events.
pub(crate) fn spans_of(batch: &Batch) -> Vec<Span> {
    let with_events = |mut span: Span| {
        let own = batch.events().filter(|event| event.owner() == (span.trace_id, span.span_id));
        span.events = own.map(|event| event.to_event()).collect();
        span
    };
    batch.spans().map(|span| with_events(span.to_span())).collect()
}

pub(crate) fn attributes(entries: &[KeyValue]) -> Attributes {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.as_ref().map(value).unwrap_or_default())).collect()
}

fn value(value: &AnyValue) -> AttributeValue {
    match &value.value {
        Some(Value::StringValue(text)) => AttributeValue::Str(text.clone()),
        Some(Value::BoolValue(flag)) => AttributeValue::Bool(*flag),
        Some(Value::IntValue(number)) => AttributeValue::Int(*number),
        Some(Value::DoubleValue(number)) => AttributeValue::Float(*number),
        Some(Value::BytesValue(bytes)) => AttributeValue::Bytes(bytes.clone()),
        Some(Value::ArrayValue(list)) => AttributeValue::List(list.values.iter().map(self::value).collect()),
        Some(Value::KvlistValue(map)) => AttributeValue::Map(attributes(&map.values)),
        _ => AttributeValue::Null,
    }
}

fn span(wire: &WireSpan) -> Span {
    let status = wire.status.clone().unwrap_or_default();
    let mut attributes = attributes(&wire.attributes);
    if status.code == 1 {
        attributes.push(("otel.status_code".into(), "OK".into()));
    }
    Span {
        trace_id: TraceId::from_bytes(wire.trace_id.as_slice().try_into().unwrap()),
        span_id: span_id(&wire.span_id),
        parent_id: span_id(&wire.parent_span_id),
        name: wire.name.clone(),
        kind: [
            SpanKind::Internal,
            SpanKind::Internal,
            SpanKind::Server,
            SpanKind::Client,
            SpanKind::Producer,
            SpanKind::Consumer,
        ][wire.kind as usize],
        span_type: SpanType::Custom,
        status: if status.code == 2 { Status::Error } else { Status::Ok },
        status_message: status.message,
        start_unix_ns: wire.start_time_unix_nano as i64,
        duration_ns: wire.end_time_unix_nano - wire.start_time_unix_nano,
        flags: wire.flags,
        attributes,
        events: wire
            .events
            .iter()
            .map(|event| SpanEvent {
                name: event.name.clone(),
                unix_ns: event.time_unix_nano as i64,
                attributes: self::attributes(&event.attributes),
                ..SpanEvent::default()
            })
            .collect(),
        ..Span::default()
    }
}

fn span_id(bytes: &[u8]) -> SpanId {
    bytes.try_into().map_or(SpanId::NONE, |bytes| SpanId::from_u64(u64::from_be_bytes(bytes)))
}
