//! What every client sends: two spans with all that spans can have, three metrics, a log record.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, LogRecord, MetricKind, MetricValue, Number, Resource, Severity, Span, SpanId, SpanKind, Status,
    Temporality,
};
use serde_json::Value;

/// Compares what arrived with what was sent; ids and times are what the client said.
pub(crate) fn check(batches: &[Arc<Batch>], sent: &Value) {
    assert!(!batches.is_empty());
    batches.iter().for_each(|batch| check_resource(&batch.resource));
    check_spans(batches, sent);
    check_metrics(batches);
    check_log(batches, sent);
}

fn check_resource(resource: &Resource) {
    let get = |key: &str| resource.attributes.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone());
    assert_eq!(get("service.name"), Some("shop".into()));
    assert_eq!(get("deployment.tier"), Some("test".into()));
    assert_eq!(get("replicas"), Some(AttributeValue::Int(3)));
}

fn check_spans(batches: &[Arc<Batch>], sent: &Value) {
    let spans: Vec<Span> = batches.iter().flat_map(|batch| whole_spans(batch)).collect();
    assert_eq!(spans.len(), 2);
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (checkout, charge) = (find("checkout"), find("charge"));
    check_identity(checkout, &sent["checkout"]);
    check_identity(charge, &sent["charge"]);
    assert_eq!((checkout.parent_id, charge.parent_id), (SpanId::NONE, checkout.span_id));
    assert_eq!((checkout.kind, charge.kind), (SpanKind::Server, SpanKind::Client));
    assert_eq!((checkout.status, charge.status, charge.status_message.as_str()), (Status::Ok, Status::Error, "declined"));
    let list = |values: &[AttributeValue]| AttributeValue::List(values.to_vec());
    let wanted: Vec<(String, AttributeValue)> = vec![
        ("text".into(), "é✓".into()),
        ("flag".into(), true.into()),
        ("count".into(), AttributeValue::Int(42)),
        ("ratio".into(), AttributeValue::Float(0.25)),
        ("words".into(), list(&["a".into(), "b".into()])),
        ("numbers".into(), list(&[AttributeValue::Int(1), AttributeValue::Int(2)])),
    ];
    assert_eq!(checkout.attributes, wanted);
    assert!(charge.attributes.is_empty() && charge.events.is_empty() && checkout.links.is_empty());
    let [event] = checkout.events.as_slice() else { panic!("one event: {:?}", checkout.events) };
    assert_eq!((event.name.as_str(), &event.attributes), ("added", &vec![("item".into(), "book".into())]));
    assert!((checkout.start_unix_ns..=checkout.end_unix_ns()).contains(&event.unix_ns));
    let [link] = charge.links.as_slice() else { panic!("one link: {:?}", charge.links) };
    assert_eq!((link.trace_id, link.span_id), (checkout.trace_id, checkout.span_id));
    assert_eq!(link.attributes, vec![("why".into(), "retry".into())]);
    for span in &spans {
        let scope = span.scope.as_ref().unwrap();
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("cart", "1.2"));
    }
}

/// A batch's spans with their events and links.
pub(crate) fn whole_spans(batch: &Batch) -> Vec<Span> {
    let mut spans: Vec<Span> = batch.spans().map(|span| span.to_span()).collect();
    for span in &mut spans {
        let owner = (span.trace_id, span.span_id);
        span.events = batch.events().filter(|event| event.owner() == owner).map(|event| event.to_event()).collect();
        let of_span = |row: &flowglass_model::LinkRow| (row.trace_id, row.span_id) == owner;
        span.links = batch.links().filter(|link| of_span(&link.row())).map(|link| link.to_link()).collect();
    }
    spans
}

fn check_identity(span: &Span, sent: &Value) {
    let number = |key: &str| sent[key].as_i64().or_else(|| sent[key].as_str()?.parse().ok()).unwrap();
    assert_eq!(span.trace_id.to_string(), sent["trace_id"]);
    assert_eq!(span.span_id.to_string(), sent["span_id"]);
    assert_eq!((span.start_unix_ns, span.end_unix_ns()), (number("start_unix_ns"), number("end_unix_ns")));
}

fn check_metrics(batches: &[Arc<Batch>]) {
    let mut found = Vec::new();
    for batch in batches {
        for point in batch.points() {
            let (metric, point) = (point.metric().unwrap().to_metric(), point.to_point());
            found.push((metric, point));
        }
    }
    let find = |name: &str| {
        let mut points = found.iter().filter(|(metric, _)| metric.name == name);
        let point = points.next().unwrap_or_else(|| panic!("no metric `{name}`"));
        assert!(points.next().is_none(), "{name}: once");
        point
    };
    let (orders, point) = find("orders");
    assert_eq!((orders.unit.as_str(), orders.description.as_str()), ("1", "How many"));
    assert_eq!((orders.temporality, orders.kind), (Temporality::Cumulative, MetricKind::Counter));
    assert_eq!(point.attributes, vec![("tier".into(), "gold".into())]);
    assert_eq!(number(&point.value), 5.0);
    let (active, point) = find("active");
    assert_eq!(active.kind, MetricKind::UpDownCounter);
    assert_eq!(number(&point.value), -1.0);
    let (latency, point) = find("latency");
    assert_eq!(latency.unit, "s");
    let MetricValue::Explicit(histogram) = &point.value else { panic!("a histogram: {:?}", point.value) };
    let totals = &histogram.totals;
    assert_eq!((totals.count, totals.sum, totals.min, totals.max), (2, Some(4.0), Some(1.5), Some(2.5)));
    assert_eq!((histogram.counts.iter().sum::<u64>(), histogram.counts.len()), (2, histogram.bounds.len() + 1));
}

fn number(value: &MetricValue) -> f64 {
    match value {
        MetricValue::Number(Number::Int(number)) => *number as f64,
        MetricValue::Number(Number::Float(number)) => *number,
        other => panic!("a number: {other:?}"),
    }
}

fn check_log(batches: &[Arc<Batch>], sent: &Value) {
    let logs: Vec<LogRecord> =
        batches.iter().flat_map(|batch| batch.logs().map(|log| log.to_log()).collect::<Vec<_>>()).collect();
    let [log] = logs.as_slice() else { panic!("one log record: {logs:?}") };
    assert_eq!((&log.body, log.severity, log.severity_text.as_str()), (&"low stock".into(), Severity(13), "WARN"));
    assert_eq!(log.unix_ns, 1_790_000_000_000_000_000);
    assert!(log.observed_unix_ns > 0);
    assert_eq!(log.trace_id.to_string(), sent["checkout"]["trace_id"]);
    assert_eq!(log.attributes, vec![("item".into(), "book".into())]);
    let scope = log.scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("cart", "1.2"));
}
