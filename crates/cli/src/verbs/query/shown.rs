//! What a query found, for people.

use flowglass::model::{Attributes, MetricValue, Number, SpanId, TraceId};
use flowglass::store::{FoundEvent, FoundLog, FoundPoint, FoundSpan, Rows};
use flowglass::term::found::{Found, render};
use flowglass::term::{self, Options, quantity};

use crate::json::start_text;
use crate::verbs::list::{self, SHORT_ID};

/// Draws a table that fits.
pub(super) fn table(rows: &Rows, options: &Options) -> String {
    match rows {
        Rows::Runs(runs) => term::list::render(&runs.iter().map(list::entry).collect::<Vec<_>>(), options),
        Rows::Spans(spans) => render(&spans.iter().map(span).collect::<Vec<_>>(), "DURATION", options),
        Rows::Events(events) => render(&events.iter().map(event).collect::<Vec<_>>(), "", options),
        Rows::Metrics(points) => render(&points.iter().map(point).collect::<Vec<_>>(), "VALUE", options),
        Rows::Logs(logs) => render(&logs.iter().map(log).collect::<Vec<_>>(), "", options),
        _ => String::new(),
    }
}

fn short(trace: TraceId) -> String {
    if trace.is_zero() { String::new() } else { trace.to_string().chars().take(SHORT_ID).collect() }
}

fn span_text(span: SpanId) -> String {
    span.some().map(|span| span.to_string()).unwrap_or_default()
}

/// Attributes on one line: `rows=12 node.id=encode`.
pub(super) fn attributes(attributes: &Attributes) -> String {
    let text = |(key, value): &(String, flowglass::model::AttributeValue)| match value.as_str() {
        Some(text) => format!("{key}={text}"),
        None => format!("{key}={}", value.to_json()),
    };
    attributes.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// The value of a point on one line: a number, or what a distribution comes to.
pub(super) fn value(value: &MetricValue) -> String {
    let spread = |count: u64, mean: Option<f64>| match mean {
        Some(mean) => format!("{count} × {mean:.4}"),
        None => format!("{count} ×"),
    };
    match value {
        MetricValue::Missing => String::new(),
        MetricValue::Number(Number::Int(number)) => number.to_string(),
        MetricValue::Number(Number::Float(number)) => number.to_string(),
        MetricValue::Explicit(histogram) => spread(histogram.totals.count, histogram.totals.mean()),
        MetricValue::Exponential(histogram) => spread(histogram.totals.count, histogram.totals.mean()),
        MetricValue::Summary(summary) => spread(summary.totals.count, summary.totals.mean()),
    }
}

fn span(FoundSpan { span, .. }: &FoundSpan) -> Found {
    Found {
        status: Some(span.status),
        time: start_text(span.start_unix_ns, false),
        run: short(span.trace_id),
        name: span.name.clone(),
        amount: quantity::duration(span.duration_ns),
        message: span.status_message.clone(),
        attributes: attributes(&span.attributes),
        ..Found::default()
    }
}

fn event(found: &FoundEvent) -> Found {
    Found {
        time: start_text(found.event.unix_ns, false),
        run: short(found.trace_id),
        span: span_text(found.span_id),
        name: found.event.name.clone(),
        attributes: attributes(&found.event.attributes),
        ..Found::default()
    }
}

fn point(found: &FoundPoint) -> Found {
    let unit = if found.metric.unit.is_empty() { String::new() } else { format!(" {}", found.metric.unit) };
    Found {
        time: start_text(found.point.unix_ns, false),
        name: found.metric.name.clone(),
        amount: format!("{}{unit}", value(&found.point.value)),
        attributes: attributes(&found.point.attributes),
        ..Found::default()
    }
}

fn log(found: &FoundLog) -> Found {
    let log = &found.log;
    let body = log.body.as_str().map_or_else(|| log.body.to_json().to_string(), str::to_owned);
    Found {
        time: start_text(found.unix_ns(), false),
        run: short(log.trace_id),
        severity: if log.severity.as_str().is_empty() { log.severity_text.clone() } else { log.severity.as_str().to_owned() },
        name: log.event_name.clone(),
        message: if body == "null" { String::new() } else { body },
        attributes: attributes(&log.attributes),
        ..Found::default()
    }
}
