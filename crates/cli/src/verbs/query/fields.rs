//! What a query found, for programs: JSON, or lines of fields with tabs between them.

use flowglass::model::{Attributes, Resource, Span};
use flowglass::store::{FoundEvent, FoundLog, FoundPoint, Rows, RunRecord};
use serde_json::{Map, Value, json};

use super::shown;
use crate::json::{milliseconds, record, start_text};

/// An object a row.
pub(super) fn json(rows: &Rows) -> Vec<Value> {
    match rows {
        Rows::Runs(runs) => runs.iter().map(record).collect(),
        Rows::Spans(spans) => spans.iter().map(|found| span(&found.span, &found.resource)).collect(),
        Rows::Events(events) => events.iter().map(event).collect(),
        Rows::Metrics(points) => points.iter().map(point).collect(),
        Rows::Logs(logs) => logs.iter().map(log).collect(),
        _ => Vec::new(),
    }
}

fn object(attributes: &Attributes) -> Value {
    Value::Object(attributes.iter().map(|(key, value)| (key.clone(), value.to_json())).collect::<Map<_, _>>())
}

fn span(span: &Span, resource: &Resource) -> Value {
    json!({
        "run_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id.some(),
        "name": span.name,
        "span_type": span.span_type,
        "kind": span.kind,
        "status": span.status,
        "status_message": span.status_message,
        "start": start_text(span.start_unix_ns, true),
        "start_unix_ns": span.start_unix_ns,
        "duration_ms": milliseconds(span.duration_ns),
        "attributes": object(&span.attributes),
        "resource": object(&resource.attributes),
    })
}

fn event(found: &FoundEvent) -> Value {
    json!({
        "run_id": Some(found.trace_id).filter(|trace| !trace.is_zero()),
        "span_id": found.span_id.some(),
        "name": found.event.name,
        "time": start_text(found.event.unix_ns, true),
        "unix_ns": found.event.unix_ns,
        "attributes": object(&found.event.attributes),
        "resource": object(&found.resource.attributes),
    })
}

fn point(found: &FoundPoint) -> Value {
    json!({
        "name": found.metric.name,
        "unit": found.metric.unit,
        "kind": found.metric.kind,
        "time": start_text(found.point.unix_ns, true),
        "unix_ns": found.point.unix_ns,
        "value": found.point.value,
        "attributes": object(&found.point.attributes),
        "resource": object(&found.resource.attributes),
    })
}

fn log(found: &FoundLog) -> Value {
    let log = &found.log;
    json!({
        "run_id": Some(log.trace_id).filter(|trace| !trace.is_zero()),
        "span_id": log.span_id.some(),
        "time": start_text(found.unix_ns(), true),
        "unix_ns": found.unix_ns(),
        "severity": log.severity.as_str(),
        "event_name": log.event_name,
        "body": log.body.to_json(),
        "attributes": object(&log.attributes),
        "resource": object(&found.resource.attributes),
    })
}

/// A line of titles and a line a row; tabs and line breaks within a field become spaces.
pub(super) fn tsv(rows: &Rows) -> String {
    let (titles, lines): (&[&str], Vec<Vec<String>>) = match rows {
        Rows::Runs(runs) => {
            (&["run_id", "status", "start", "duration_ms", "name", "version", "error"], runs.iter().map(run_fields).collect())
        }
        Rows::Spans(spans) => (
            &["run_id", "span_id", "parent_id", "status", "start", "duration_ms", "name", "message", "attributes"],
            spans.iter().map(|found| span_fields(&found.span)).collect(),
        ),
        Rows::Events(events) => {
            (&["run_id", "span_id", "time", "name", "attributes"], events.iter().map(event_fields).collect())
        }
        Rows::Metrics(points) => (&["time", "name", "value", "unit", "attributes"], points.iter().map(point_fields).collect()),
        Rows::Logs(logs) => (
            &["run_id", "span_id", "time", "severity", "event_name", "body", "attributes"],
            logs.iter().map(log_fields).collect(),
        ),
        _ => (&[], Vec::new()),
    };
    let plain = |field: String| field.replace(['\t', '\n', '\r'], " ");
    let line = |fields: Vec<String>| fields.into_iter().map(plain).collect::<Vec<_>>().join("\t") + "\n";
    std::iter::once(titles.join("\t") + "\n").chain(lines.into_iter().map(line)).collect()
}

fn run_fields(run: &RunRecord) -> Vec<String> {
    let duration = milliseconds(run.duration_ns).to_string();
    let (name, version, error) = (run.name.clone(), run.version.clone(), run.error.clone());
    vec![run.id.to_string(), run.status.to_string(), start_text(run.start_unix_ns, true), duration, name, version, error]
}

fn span_fields(span: &Span) -> Vec<String> {
    vec![
        span.trace_id.to_string(),
        span.span_id.to_string(),
        span.parent_id.some().map(|parent| parent.to_string()).unwrap_or_default(),
        span.status.to_string(),
        start_text(span.start_unix_ns, true),
        milliseconds(span.duration_ns).to_string(),
        span.name.clone(),
        span.status_message.clone(),
        object(&span.attributes).to_string(),
    ]
}

fn event_fields(found: &FoundEvent) -> Vec<String> {
    vec![
        found.trace_id.to_string(),
        found.span_id.to_string(),
        start_text(found.event.unix_ns, true),
        found.event.name.clone(),
        object(&found.event.attributes).to_string(),
    ]
}

fn point_fields(found: &FoundPoint) -> Vec<String> {
    vec![
        start_text(found.point.unix_ns, true),
        found.metric.name.clone(),
        shown::value(&found.point.value),
        found.metric.unit.clone(),
        object(&found.point.attributes).to_string(),
    ]
}

fn log_fields(found: &FoundLog) -> Vec<String> {
    let log = &found.log;
    vec![
        log.trace_id.to_string(),
        log.span_id.to_string(),
        start_text(found.unix_ns(), true),
        log.severity.as_str().to_owned(),
        log.event_name.clone(),
        log.body.as_str().map_or_else(|| log.body.to_json().to_string(), str::to_owned),
        object(&log.attributes).to_string(),
    ]
}
