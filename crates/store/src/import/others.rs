//! Records that have no ids: events, log records and points of metrics, which are known by all that they say.

use flowglass_model::{Batch, LogRecord, Metric, MetricPoint, Resource, SpanEvent, SpanId, TraceId};
use serde::Serialize;

use crate::hash::hash;
use crate::{FoundEvent, FoundLog, FoundPoint, Rows};

/// A record that has no id.
pub(super) enum Other<'a> {
    Event((TraceId, SpanId), SpanEvent),
    Log(LogRecord),
    Point(usize, &'a Metric, MetricPoint),
}

/// Tells of each record without an id: its time, the hash of all that it says, and the record.
pub(super) fn each(batch: &Batch, mut tell: impl FnMut(i64, u64, Other<'_>)) {
    let resource = digest(&*batch.resource);
    for event in batch.events() {
        let (owner, event) = (event.owner(), event.to_event());
        tell(event.unix_ns, of_event(resource, owner, &event), Other::Event(owner, event));
    }
    for log in batch.logs() {
        let log = log.to_log();
        tell(moment(log.unix_ns, log.observed_unix_ns), of_log(resource, &log), Other::Log(log));
    }
    let metrics: Vec<Metric> = batch.metrics().map(|metric| metric.to_metric()).collect();
    for point in batch.points() {
        let (at, point) = (point.row().metric as usize, point.to_point());
        let Some(metric) = metrics.get(at) else { continue };
        tell(point.unix_ns, of_point(resource, metric, &point), Other::Point(at, metric, point));
    }
}

/// Tells the hash of each record without an id among the rows of an answer.
pub(super) fn of_rows(rows: &Rows, tell: &mut dyn FnMut(u64)) {
    let of = |resource: &Resource| digest(resource);
    match rows {
        Rows::Events(found) => found.iter().for_each(|FoundEvent { trace_id, span_id, event, resource }| {
            tell(of_event(of(resource), (*trace_id, *span_id), event));
        }),
        Rows::Logs(found) => found.iter().for_each(|FoundLog { log, resource }| tell(of_log(of(resource), log))),
        Rows::Metrics(found) => found.iter().for_each(|FoundPoint { metric, point, resource }| {
            tell(of_point(of(resource), metric, point));
        }),
        Rows::Runs(_) | Rows::Spans(_) => {}
    }
}

/// When a log record was said, or else seen.
pub(super) const fn moment(unix_ns: i64, observed_unix_ns: i64) -> i64 {
    if unix_ns == 0 { observed_unix_ns } else { unix_ns }
}

fn of_event(resource: u64, owner: (TraceId, SpanId), event: &SpanEvent) -> u64 {
    digest(&(resource, "event", owner, event))
}

fn of_log(resource: u64, log: &LogRecord) -> u64 {
    digest(&(resource, "log", log))
}

fn of_point(resource: u64, metric: &Metric, point: &MetricPoint) -> u64 {
    digest(&(resource, "point", metric, point))
}

/// Returns the hash of all that a record says. Records always have a form in MessagePack.
pub(super) fn digest(record: &impl Serialize) -> u64 {
    hash(&rmp_serde::to_vec(record).unwrap_or_default())
}
