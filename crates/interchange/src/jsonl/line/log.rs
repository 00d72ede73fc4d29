//! The line of a log record.

use flowglass_model::{AttributeValue, Attributes, LogRecord, Severity, SpanId, TraceId};
use serde::{Deserialize, Serialize};

use super::{Scope, is_default, scope_line, scope_of};
use crate::jsonl::value;

#[derive(Serialize, Deserialize)]
pub(in crate::jsonl) struct LogLine {
    pub(in crate::jsonl) resource: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_id: TraceId,
    #[serde(default, skip_serializing_if = "is_default")]
    span_id: SpanId,
    unix_ns: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    observed_unix_ns: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    severity: Severity,
    #[serde(default, skip_serializing_if = "is_default")]
    severity_text: String,
    #[serde(default, skip_serializing_if = "is_default")]
    event_name: String,
    #[serde(default, with = "value::plain", skip_serializing_if = "is_default")]
    body: AttributeValue,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
}

impl LogLine {
    pub(in crate::jsonl) fn new(resource: u32, log: LogRecord) -> Self {
        Self {
            resource,
            trace_id: log.trace_id,
            span_id: log.span_id,
            unix_ns: log.unix_ns,
            observed_unix_ns: log.observed_unix_ns,
            severity: log.severity,
            severity_text: log.severity_text,
            event_name: log.event_name,
            body: log.body,
            flags: log.flags,
            attributes: log.attributes,
            dropped_attributes: log.dropped_attributes,
            scope: scope_line(log.scope.as_ref()),
        }
    }

    pub(in crate::jsonl) fn into_log(self) -> LogRecord {
        LogRecord {
            unix_ns: self.unix_ns,
            observed_unix_ns: self.observed_unix_ns,
            severity: self.severity,
            severity_text: self.severity_text,
            event_name: self.event_name,
            body: self.body,
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            attributes: self.attributes,
            dropped_attributes: self.dropped_attributes,
            scope: scope_of(self.scope),
        }
    }
}
