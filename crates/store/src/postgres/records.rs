//! Records of the model as rows, and back: what has a column is looked for, what is exact stands in `data`.

use std::sync::Arc;

use flowglass_model::{
    Attributes, InstrumentationScope, LogRecord, Metric, MetricPoint, MetricValue, Span, SpanDrops, SpanEvent, SpanId,
    SpanKind, SpanLink, SpanType, Status, TraceId,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::copy::Rows;
use super::failure::Failure;
use super::json;
use crate::RunRecord;

/// The columns of a span, in the order in which they are written and read.
pub(super) const SPAN: &str = "trace_id, span_id, parent_id, name, kind, type, status, message, run, start_unix_ns, \
                               duration_ns, attributes, resource, written, data, scope";
/// What reading takes of them.
pub(super) const SPAN_READ: &str = "s.trace_id, s.span_id, s.parent_id, s.name, s.kind, s.type, s.status, s.message, \
                                    s.start_unix_ns, s.duration_ns, s.resource, s.written, s.data";
pub(super) const EVENT: &str = "trace_id, span_id, name, unix_ns, attributes, resource, written, data";
pub(super) const LINK: &str = "trace_id, span_id, written, data";
pub(super) const LOG: &str =
    "trace_id, span_id, name, severity, severity_text, body, unix_ns, attributes, resource, written, data, scope";
pub(super) const POINT: &str = "name, unit, kind, description, value, unix_ns, attributes, resource, written, metric, data, \
                                temporality, start_unix_ns, count, sum, min, max, p50, p95, p99";

/// By whom and when a row was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) resource: i64,
    pub(super) written: i64,
}

/// What a span has besides its columns.
#[derive(Serialize, Deserialize)]
struct SpanRest {
    flags: u32,
    attributes: Attributes,
    trace_state: String,
    dropped: [u32; 3],
    scope: Option<Arc<InstrumentationScope>>,
    /// The name, the message and the duration, where columns can't hold them.
    exact: Option<(String, String, u64)>,
}

/// Returns the id's digits, or nothing where there is none.
pub(super) fn trace_text(trace: TraceId) -> String {
    if trace.is_zero() { String::new() } else { trace.to_string() }
}

fn span_text(span: SpanId) -> String {
    span.some().map(|span| span.to_string()).unwrap_or_default()
}

/// Returns a number as a column holds it.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn put_span(rows: &mut Rows, span: &Span, origin: Origin) -> Result<(), Failure> {
    put_span_fields(rows.row(16), span, origin)
}

/// An open span has the columns of a span, and the sink that told of it.
pub(super) fn put_opened(rows: &mut Rows, span: &Span, origin: Origin, sink: i64) -> Result<(), Failure> {
    put_span_fields(rows.row(17), span, origin)?;
    rows.int(sink);
    Ok(())
}

fn put_span_fields(rows: &mut Rows, span: &Span, origin: Origin) -> Result<(), Failure> {
    let run = span.is_run_root().then(|| RunRecord::of_root(span, 0, 0).name);
    rows.text(&span.trace_id.to_string()).text(&span.span_id.to_string()).text(&span_text(span.parent_id));
    rows.text(&span.name).text(span.kind.as_str()).text(span.span_type.as_str()).text(span.status.as_str());
    rows.text(&span.status_message);
    match run {
        Some(run) => rows.text(&run),
        None => rows.nothing(),
    };
    rows.int(span.start_unix_ns).int(stored(span.duration_ns)).json(&json::object(&span.attributes));
    rows.int(origin.resource).int(origin.written).bytes(&rest_of(span)?);
    put_scope(rows, span.scope.as_deref());
    Ok(())
}

fn put_scope(rows: &mut Rows, scope: Option<&InstrumentationScope>) {
    match scope {
        Some(scope) => rows.text(&scope.name),
        None => rows.nothing(),
    };
}

fn rest_of(span: &Span) -> Result<Vec<u8>, Failure> {
    let is_whole =
        json::is_exact(&span.name) && json::is_exact(&span.status_message) && i64::try_from(span.duration_ns).is_ok();
    encode(&SpanRest {
        flags: span.flags,
        attributes: span.attributes.clone(),
        trace_state: span.trace_state.clone(),
        dropped: [span.dropped.attributes, span.dropped.events, span.dropped.links],
        scope: span.scope.clone(),
        exact: (!is_whole).then(|| (span.name.clone(), span.status_message.clone(), span.duration_ns)),
    })
}

pub(super) fn put_event(rows: &mut Rows, owner: (TraceId, SpanId), event: &SpanEvent, origin: Origin) -> Result<(), Failure> {
    rows.row(8).text(&trace_text(owner.0)).text(&span_text(owner.1)).text(&event.name).int(event.unix_ns);
    rows.json(&json::object(&event.attributes)).int(origin.resource).int(origin.written).bytes(&encode(event)?);
    Ok(())
}

pub(super) fn put_link(rows: &mut Rows, owner: (TraceId, SpanId), link: &SpanLink, origin: Origin) -> Result<(), Failure> {
    rows.row(4).text(&trace_text(owner.0)).text(&span_text(owner.1)).int(origin.written).bytes(&encode(link)?);
    Ok(())
}

pub(super) fn put_log(rows: &mut Rows, log: &LogRecord, origin: Origin) -> Result<(), Failure> {
    let unix_ns = if log.unix_ns == 0 { log.observed_unix_ns } else { log.unix_ns };
    rows.row(12).text(&trace_text(log.trace_id)).text(&span_text(log.span_id)).text(&log.event_name);
    rows.small(i16::from(log.severity.0)).text(&log.severity_text).json(&json::value(&log.body)).int(unix_ns);
    rows.json(&json::object(&log.attributes)).int(origin.resource).int(origin.written).bytes(&encode(log)?);
    put_scope(rows, log.scope.as_deref());
    Ok(())
}

pub(super) fn put_point(
    rows: &mut Rows,
    metric: &Metric,
    stored_metric: &[u8],
    point: &MetricPoint,
    origin: Origin,
) -> Result<(), Failure> {
    let value = match point.value {
        MetricValue::Number(number) => Some(number.as_f64()),
        _ => None,
    };
    rows.row(20).text(&metric.name).text(&metric.unit).text(metric.kind.as_str()).text(&metric.description);
    rows.float(value).int(point.unix_ns).json(&json::object(&point.attributes)).int(origin.resource).int(origin.written);
    rows.bytes(stored_metric).bytes(&encode(point)?).text(metric.temporality.as_str());
    rows.int_if(Some(point.start_unix_ns).filter(|start| *start != 0));
    put_distribution(rows, &point.value);
    Ok(())
}

/// Puts what a distribution says in all, and its percentiles: nothing of a single number.
fn put_distribution(rows: &mut Rows, value: &MetricValue) {
    let totals = value.totals();
    rows.int_if(totals.map(|totals| stored(totals.count)));
    for number in [totals.and_then(|of| of.sum), totals.and_then(|of| of.min), totals.and_then(|of| of.max)] {
        rows.float(number);
    }
    for share in [0.5, 0.95, 0.99] {
        rows.float(value.quantile(share));
    }
}

/// Reads a span from the columns of [`SPAN_READ`]; returns its resource, and when it was written.
pub(super) fn span(row: &Row) -> Result<(Span, Origin), Failure> {
    let rest: SpanRest = decode(row.try_get(12)?)?;
    let mut span = Span {
        trace_id: parsed(row.try_get(0)?)?,
        span_id: parsed(row.try_get(1)?)?,
        parent_id: some_span(row.try_get(2)?)?,
        name: row.try_get(3)?,
        kind: word(row.try_get(4)?, SpanKind::from_word)?,
        span_type: word(row.try_get(5)?, SpanType::from_word)?,
        status: word(row.try_get(6)?, Status::from_word)?,
        status_message: row.try_get(7)?,
        start_unix_ns: row.try_get(8)?,
        duration_ns: row.try_get::<_, i64>(9)?.max(0).cast_unsigned(),
        flags: rest.flags,
        attributes: rest.attributes,
        trace_state: rest.trace_state,
        dropped: SpanDrops { attributes: rest.dropped[0], events: rest.dropped[1], links: rest.dropped[2] },
        scope: rest.scope,
        ..Span::default()
    };
    if let Some((name, message, duration_ns)) = rest.exact {
        (span.name, span.status_message, span.duration_ns) = (name, message, duration_ns);
    }
    Ok((span, Origin { resource: row.try_get(10)?, written: row.try_get(11)? }))
}

/// Reads the owner of an event or a link.
pub(super) fn owner(row: &Row) -> Result<(TraceId, SpanId), Failure> {
    owner_at(row, 0)
}

/// Reads the owner of an event or a link from these columns.
pub(super) fn owner_at(row: &Row, first: usize) -> Result<(TraceId, SpanId), Failure> {
    let trace: &str = row.try_get(first)?;
    let trace = if trace.is_empty() { TraceId::NONE } else { parsed(trace)? };
    Ok((trace, some_span(row.try_get(first + 1)?)?))
}

fn some_span(digits: &str) -> Result<SpanId, Failure> {
    if digits.is_empty() { Ok(SpanId::NONE) } else { parsed(digits) }
}

pub(super) fn parsed<T: std::str::FromStr>(digits: &str) -> Result<T, Failure> {
    digits.parse().map_err(|_| Failure::Damaged("an id isn't one"))
}

fn word<T>(word: &str, from: fn(&str) -> Option<T>) -> Result<T, Failure> {
    from(word).ok_or(Failure::Damaged("a word is unknown"))
}

pub(super) fn encode(record: &impl Serialize) -> Result<Vec<u8>, Failure> {
    rmp_serde::to_vec_named(record).map_err(|_| Failure::Damaged("a record can't be encoded"))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    rmp_serde::from_slice(bytes).map_err(|_| Failure::Damaged("a record can't be read"))
}
