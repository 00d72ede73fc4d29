//! Records of the model as rows, and back: what columns can't hold exactly stands beside them, in `data`.

use flowglass_model::{
    InstrumentationScope, LogRecord, Metric, MetricPoint, MetricValue, Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanType,
    Status, TraceId,
};
use tokio_postgres::Row;

use super::copy::{Fields, Rows};
use super::failure::Failure;
use super::{json, rest};
use crate::RunRecord;

/// The columns of a span, in the order in which they are written and read.
pub(super) const SPAN: &str = "trace_id, span_id, parent_id, name, kind, type, status, message, run, start_unix_ns, \
                               duration_ns, attributes, resource, written, data, scope";
/// What reading takes of them.
pub(super) const SPAN_READ: &str = "s.trace_id, s.span_id, s.parent_id, s.name, s.kind, s.type, s.status, s.message, \
                                    s.start_unix_ns, s.duration_ns, s.resource, s.written, s.data, s.attributes::text";
pub(super) const EVENT: &str = "trace_id, span_id, name, unix_ns, attributes, resource, written, data";
pub(super) const EVENT_READ: &str = "s.trace_id, s.span_id, s.resource, s.data, s.name, s.unix_ns, s.attributes::text";
pub(super) const LINK: &str = "trace_id, span_id, written, data";
pub(super) const LOG: &str =
    "trace_id, span_id, name, severity, severity_text, body, unix_ns, attributes, resource, written, data, scope";
pub(super) const LOG_READ: &str = "s.trace_id, s.span_id, s.resource, s.data, s.name, s.severity, s.severity_text, s.body::text, \
                                   s.attributes::text";
pub(super) const POINT: &str = "name, unit, kind, description, value, unix_ns, attributes, resource, written, metric, data, \
                                temporality, start_unix_ns, count, sum, min, max, p50, p95, p99";

/// By whom and when a row was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) resource: i64,
    pub(super) written: i64,
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

/// Returns the name of the run that a span is the root of, if it is.
pub(super) fn run_name(span: &Span) -> Option<String> {
    span.is_run_root().then(|| RunRecord::of_root(span, 0, 0).name)
}

/// Adds a span, which is the root of the run with this name, if there is one.
pub(super) fn put_span(rows: &mut Rows, span: &Span, run: Option<&str>, origin: Origin) -> Result<(), Failure> {
    put_span_fields(rows.row(16), span, run, origin)
}

/// An open span has the columns of a span, and the sink that told of it.
pub(super) fn put_opened(rows: &mut Rows, span: &Span, origin: Origin, sink: i64) -> Result<(), Failure> {
    put_span_fields(rows.row(17), span, run_name(span).as_deref(), origin)?;
    rows.int(sink);
    Ok(())
}

fn put_span_fields(rows: &mut Rows, span: &Span, run: Option<&str>, origin: Origin) -> Result<(), Failure> {
    rows.text(&span.trace_id.to_string()).text(&span.span_id.to_string()).text(&span_text(span.parent_id));
    rows.text(&span.name).text(span.kind.as_str()).text(span.span_type.as_str()).text(span.status.as_str());
    rows.text(&span.status_message);
    match run {
        Some(run) => rows.text(run),
        None => rows.nothing(),
    };
    rows.int(span.start_unix_ns).int(stored(span.duration_ns)).json(&json::object(&span.attributes));
    rows.int(origin.resource).int(origin.written).bytes(&rest::of_span(span)?);
    put_scope(rows, span.scope.as_deref());
    Ok(())
}

fn put_scope(rows: &mut Rows, scope: Option<&InstrumentationScope>) {
    match scope {
        Some(scope) => rows.text(&scope.name),
        None => rows.nothing(),
    };
}

pub(super) fn put_event(rows: &mut Rows, owner: (TraceId, SpanId), event: &SpanEvent, origin: Origin) -> Result<(), Failure> {
    rows.row(8).text(&trace_text(owner.0)).text(&span_text(owner.1)).text(&event.name).int(event.unix_ns);
    rows.json(&json::object(&event.attributes)).int(origin.resource).int(origin.written).bytes(&rest::of_event(event)?);
    Ok(())
}

pub(super) fn put_link(rows: &mut Rows, owner: (TraceId, SpanId), link: &SpanLink, origin: Origin) -> Result<(), Failure> {
    rows.row(4).text(&trace_text(owner.0)).text(&span_text(owner.1)).int(origin.written).bytes(&rest::put_named(link)?);
    Ok(())
}

pub(super) fn put_log(rows: &mut Rows, log: &LogRecord, origin: Origin) -> Result<(), Failure> {
    let unix_ns = if log.unix_ns == 0 { log.observed_unix_ns } else { log.unix_ns };
    rows.row(12).text(&trace_text(log.trace_id)).text(&span_text(log.span_id)).text(&log.event_name);
    rows.small(i16::from(log.severity.0)).text(&log.severity_text).json(&json::value(&log.body)).int(unix_ns);
    rows.json(&json::object(&log.attributes)).int(origin.resource).int(origin.written).bytes(&rest::of_log(log)?);
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
    rows.bytes(stored_metric).bytes(&rest::of_point(point)?).text(metric.temporality.as_str());
    rows.int_if(Some(point.start_unix_ns).filter(|start| *start != 0));
    put_distribution(rows, &point.value);
    Ok(())
}

/// What a distribution says in all, as its columns have it: nothing of a single number.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Distribution {
    pub(super) count: Option<i64>,
    /// Its sum, its least and its largest value, and the percentiles 50, 95 and 99.
    pub(super) numbers: [Option<f64>; 6],
}

impl Distribution {
    pub(super) fn of(value: &MetricValue) -> Self {
        let Some(totals) = value.totals() else { return Self::default() };
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| value.quantile(share));
        Self { count: Some(stored(totals.count)), numbers: [totals.sum, totals.min, totals.max, p50, p95, p99] }
    }
}

fn put_distribution(rows: &mut Rows, value: &MetricValue) {
    let Distribution { count, numbers } = Distribution::of(value);
    rows.int_if(count);
    for number in numbers {
        rows.float(number);
    }
}

/// The columns of [`SPAN_READ`].
pub(super) struct SpanColumns<'a> {
    ids: [&'a str; 3],
    name: &'a str,
    kind: &'a str,
    span_type: &'a str,
    status: &'a str,
    message: &'a str,
    start_unix_ns: i64,
    duration_ns: i64,
    origin: Origin,
    data: &'a [u8],
    attributes: &'a str,
}

impl<'a> SpanColumns<'a> {
    fn of_row(row: &'a Row) -> Result<Self, Failure> {
        Ok(Self {
            ids: [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?],
            name: row.try_get(3)?,
            kind: row.try_get(4)?,
            span_type: row.try_get(5)?,
            status: row.try_get(6)?,
            message: row.try_get(7)?,
            start_unix_ns: row.try_get(8)?,
            duration_ns: row.try_get(9)?,
            origin: Origin { resource: row.try_get(10)?, written: row.try_get(11)? },
            data: row.try_get(12)?,
            attributes: row.try_get(13)?,
        })
    }

    /// Reads the columns of a row that was copied.
    fn of_copied(fields: &mut Fields<'a>) -> Result<Self, Failure> {
        Ok(Self {
            ids: [fields.text()?, fields.text()?, fields.text()?],
            name: fields.text()?,
            kind: fields.text()?,
            span_type: fields.text()?,
            status: fields.text()?,
            message: fields.text()?,
            start_unix_ns: fields.int()?,
            duration_ns: fields.int()?,
            origin: Origin { resource: fields.int()?, written: fields.int()? },
            data: fields.bytes()?,
            attributes: fields.text()?,
        })
    }

    fn span(self) -> Result<(Span, Origin), Failure> {
        let [trace, span, parent] = self.ids;
        let mut span = Span {
            trace_id: parsed(trace)?,
            span_id: parsed(span)?,
            parent_id: some_span(parent)?,
            name: self.name.to_owned(),
            kind: word(self.kind, SpanKind::from_word)?,
            span_type: word(self.span_type, SpanType::from_word)?,
            status: word(self.status, Status::from_word)?,
            status_message: self.message.to_owned(),
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.duration_ns.max(0).cast_unsigned(),
            ..Span::default()
        };
        rest::complete_span(&mut span, self.data, self.attributes)?;
        Ok((span, self.origin))
    }
}

/// Reads a span from the columns of [`SPAN_READ`]; returns its resource, and when it was written.
pub(super) fn span(row: &Row) -> Result<(Span, Origin), Failure> {
    SpanColumns::of_row(row)?.span()
}

/// As [`span`], of a row that was copied.
pub(super) fn copied_span(fields: &mut Fields<'_>) -> Result<(Span, Origin), Failure> {
    SpanColumns::of_copied(fields)?.span()
}

/// Reads an event from the columns of [`EVENT_READ`], with its owner.
pub(super) fn event(row: &Row) -> Result<((TraceId, SpanId), SpanEvent), Failure> {
    Ok((owner(row)?, rest::event(row.try_get(3)?, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?)?))
}

/// Reads a log record from the columns of [`LOG_READ`].
pub(super) fn log(row: &Row) -> Result<LogRecord, Failure> {
    let columns = rest::LogColumns {
        name: row.try_get(4)?,
        severity: row.try_get(5)?,
        severity_text: row.try_get(6)?,
        body: row.try_get(7)?,
        attributes: row.try_get(8)?,
    };
    let (trace_id, span_id) = owner(row)?;
    Ok(LogRecord { trace_id, span_id, ..rest::log(row.try_get(3)?, &columns)? })
}

/// Reads the owner of an event, a log record or a link from the first two columns.
pub(super) fn owner(row: &Row) -> Result<(TraceId, SpanId), Failure> {
    let trace: &str = row.try_get(0)?;
    let trace = if trace.is_empty() { TraceId::NONE } else { parsed(trace)? };
    Ok((trace, some_span(row.try_get(1)?)?))
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
