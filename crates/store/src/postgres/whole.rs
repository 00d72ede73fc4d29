//! The whole of a trace: its spans with their events and links.

use std::collections::HashMap;

use flowglass_model::{RunId, Span, SpanId, SpanLink, keep_below};
use tokio_postgres::Row;

use super::asked::{self, Reading};
use super::condition::{Value, Values};
use super::failure::Failure;
use super::records::{self, EVENT_READ, SPAN_READ};
use super::rest;
use crate::query::certainty;

/// Returns the spans of a run with their events and links, sorted by start and span id.
pub(super) fn trace(reading: &Reading<'_>, run: RunId) -> Result<Vec<Span>, Failure> {
    let mut spans: HashMap<SpanId, Span> = HashMap::new();
    let open = asked::open(reading, Some(run.trace), false)?.into_iter().map(|found| found.span);
    for span in open.chain(ended(reading, run)?) {
        let known = spans.get(&span.span_id).map(|known| certainty(known.status));
        if known.is_none_or(|known| known <= certainty(span.status)) {
            spans.insert(span.span_id, span);
        }
    }
    add_events_and_links(reading, run, &mut spans)?;
    let mut spans: Vec<Span> = spans.into_values().collect();
    if let Some(root) = run.joined_at.some() {
        keep_below(root, &mut spans);
    }
    spans.sort_unstable_by_key(|span| (span.start_unix_ns, span.span_id));
    Ok(spans)
}

/// Returns the spans in the table, in the order in which they were written. The trace says in which partitions they are.
fn ended(reading: &Reading<'_>, run: RunId) -> Result<Vec<Span>, Failure> {
    let trace = Value::Text(run.trace.to_string());
    let mut values = Values::default();
    let sql = format!("SELECT first_unix_ns, last_unix_ns FROM trace WHERE trace_id = {}", values.add(trace.clone()));
    let rows = reading.rows(&sql, &values)?;
    let Some(times) = rows.first() else { return Ok(Vec::new()) };
    let mut values = Values::default();
    let trace = values.add(trace);
    let (first, last) = (values.add(Value::Int(times.try_get(0)?)), values.add(Value::Int(times.try_get(1)?)));
    let sql = format!(
        "SELECT {SPAN_READ} FROM span s WHERE s.trace_id = {trace} AND s.start_unix_ns BETWEEN {first} AND {last} ORDER BY s.written"
    );
    let read = |row: &Row| records::span(row).map(|(span, _)| span);
    reading.rows(&sql, &values)?.iter().map(read).collect()
}

fn add_events_and_links(reading: &Reading<'_>, run: RunId, spans: &mut HashMap<SpanId, Span>) -> Result<(), Failure> {
    let mut values = Values::default();
    let trace = values.text(run.trace.to_string());
    let events = format!("SELECT {EVENT_READ} FROM event s WHERE s.trace_id = {trace} ORDER BY s.unix_ns, s.written");
    for row in reading.rows(&events, &values)? {
        let ((_, span), event) = records::event(&row)?;
        if let Some(span) = spans.get_mut(&span) {
            span.events.push(event);
        }
    }
    let links = format!("SELECT trace_id, span_id, data FROM link WHERE trace_id = {trace} ORDER BY written");
    for row in reading.rows(&links, &values)? {
        let link: SpanLink = rest::get(row.try_get(2)?)?;
        // A link that was sent twice is there once.
        if let Some(span) = spans.get_mut(&records::owner(&row)?.1).filter(|span| !span.links.contains(&link)) {
            span.links.push(link);
        }
    }
    Ok(())
}
