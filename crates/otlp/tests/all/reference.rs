//! What a message means, said a second time, over the generated types.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Attributes, Batch, InstrumentationScope, LinkRef, Span, SpanDrops, SpanEvent, SpanId, SpanKind, SpanLink,
    SpanType, Status, TraceId,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span as WireSpan};

/// Spans with the resources they are of, in the order of a request.
pub(crate) type Told = Vec<(Attributes, Vec<Span>)>;

pub(crate) fn told_by_request(request: &ExportTraceServiceRequest) -> Told {
    let of_resource = request.resource_spans.iter().map(|of_resource| {
        let resource = of_resource.resource.as_ref().map(|resource| attributes(&resource.attributes)).unwrap_or_default();
        (resource, of_resource.scope_spans.iter().flat_map(spans_of_scope).collect::<Vec<_>>())
    });
    of_resource.filter(|(_, spans)| !spans.is_empty()).collect()
}

fn spans_of_scope(of_scope: &ScopeSpans) -> Vec<Span> {
    let scope = of_scope.scope.clone().unwrap_or_default();
    let scope = Arc::new(InstrumentationScope {
        name: scope.name,
        version: scope.version,
        attributes: attributes(&scope.attributes),
        dropped_attributes: scope.dropped_attributes_count,
        schema_url: of_scope.schema_url.clone(),
    });
    of_scope.spans.iter().map(|wire| Span { scope: Some(Arc::clone(&scope)), ..span(wire) }).collect()
}

pub(crate) fn told_by_batches(batches: &[Batch]) -> Told {
    batches.iter().map(|batch| (batch.resource.attributes.clone(), spans_of(batch))).collect()
}

/// The spans of a batch with their events; those of equal ids share their events.
pub(crate) fn spans_of(batch: &Batch) -> Vec<Span> {
    let with_events = |mut span: Span| {
        let own = batch.events().filter(|event| event.owner() == (span.trace_id, span.span_id));
        span.events = own.map(|event| event.to_event()).collect();
        let of_span = |link: &LinkRef<'_>| (link.row().trace_id, link.row().span_id) == (span.trace_id, span.span_id);
        span.links = batch.links().filter(of_span).map(|link| link.to_link()).collect();
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
                dropped_attributes: event.dropped_attributes_count,
            })
            .collect(),
        links: wire
            .links
            .iter()
            .map(|link| SpanLink {
                trace_id: TraceId::from_bytes(link.trace_id.as_slice().try_into().unwrap()),
                span_id: span_id(&link.span_id),
                trace_state: link.trace_state.clone(),
                flags: link.flags,
                attributes: self::attributes(&link.attributes),
                dropped_attributes: link.dropped_attributes_count,
            })
            .collect(),
        trace_state: wire.trace_state.clone(),
        dropped: SpanDrops {
            attributes: wire.dropped_attributes_count,
            events: wire.dropped_events_count,
            links: wire.dropped_links_count,
        },
        scope: None,
    }
}

fn span_id(bytes: &[u8]) -> SpanId {
    bytes.try_into().map_or(SpanId::NONE, |bytes| SpanId::from_u64(u64::from_be_bytes(bytes)))
}
