//! The lines of spans, and of their events and links.

use flowglass_model::{Attributes, Span, SpanDrops, SpanEvent, SpanId, SpanKind, SpanLink, SpanType, Status, TraceId};
use serde::{Deserialize, Serialize};

use super::{Scope, is_default, scope_line, scope_of};
use crate::jsonl::value;

#[derive(Serialize, Deserialize)]
pub(in crate::jsonl) struct SpanLine {
    pub(in crate::jsonl) resource: u32,
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(default, skip_serializing_if = "is_default")]
    parent_id: SpanId,
    name: String,
    kind: SpanKind,
    span_type: SpanType,
    status: Status,
    #[serde(default, skip_serializing_if = "is_default")]
    message: String,
    start_unix_ns: i64,
    duration_ns: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_state: String,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped: SpanDrops,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
}

impl SpanLine {
    /// Takes a span without its events and links.
    pub(in crate::jsonl) fn new(resource: u32, span: Span) -> Self {
        Self {
            resource,
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            name: span.name,
            kind: span.kind,
            span_type: span.span_type,
            status: span.status,
            message: span.status_message,
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
            flags: span.flags,
            attributes: span.attributes,
            trace_state: span.trace_state,
            dropped: span.dropped,
            scope: scope_line(span.scope.as_ref()),
        }
    }

    pub(in crate::jsonl) fn into_span(self) -> Span {
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            name: self.name,
            kind: self.kind,
            span_type: self.span_type,
            status: self.status,
            status_message: self.message,
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.duration_ns,
            flags: self.flags,
            attributes: self.attributes,
            trace_state: self.trace_state,
            dropped: self.dropped,
            scope: scope_of(self.scope),
            events: Vec::new(),
            links: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::jsonl) struct EventLine {
    pub(in crate::jsonl) resource: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::jsonl) trace_id: TraceId,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(in crate::jsonl) span_id: SpanId,
    name: String,
    unix_ns: i64,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
}

impl EventLine {
    pub(in crate::jsonl) fn new(resource: u32, (trace_id, span_id): (TraceId, SpanId), event: SpanEvent) -> Self {
        let SpanEvent { name, unix_ns, attributes, dropped_attributes } = event;
        Self { resource, trace_id, span_id, name, unix_ns, attributes, dropped_attributes }
    }

    pub(in crate::jsonl) fn into_event(self) -> SpanEvent {
        let Self { name, unix_ns, attributes, dropped_attributes, .. } = self;
        SpanEvent { name, unix_ns, attributes, dropped_attributes }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::jsonl) struct LinkLine {
    pub(in crate::jsonl) resource: u32,
    pub(in crate::jsonl) trace_id: TraceId,
    pub(in crate::jsonl) span_id: SpanId,
    linked_trace_id: TraceId,
    linked_span_id: SpanId,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_state: String,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
}

impl LinkLine {
    pub(in crate::jsonl) fn new(resource: u32, (trace_id, span_id): (TraceId, SpanId), link: SpanLink) -> Self {
        Self {
            resource,
            trace_id,
            span_id,
            linked_trace_id: link.trace_id,
            linked_span_id: link.span_id,
            trace_state: link.trace_state,
            flags: link.flags,
            attributes: link.attributes,
            dropped_attributes: link.dropped_attributes,
        }
    }

    pub(in crate::jsonl) fn into_link(self) -> SpanLink {
        SpanLink {
            trace_id: self.linked_trace_id,
            span_id: self.linked_span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            attributes: self.attributes,
            dropped_attributes: self.dropped_attributes,
        }
    }
}
