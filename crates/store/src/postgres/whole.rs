//! The whole of a trace: its spans with their events and links.

use std::collections::HashMap;

use flowglass_model::{RunId, Span, SpanId, SpanLink, keep_below};

use super::asked::{self, Reading};
use super::condition::{Value, Values};
use super::failure::Failure;
use super::partitions::NS_PER_DAY;
use super::records::{self, EVENT_READ, SPAN_READ};
use super::rest;
use crate::query::certainty;

/// Returns the spans of a run with their events and links, sorted by start and span id.
pub(super) fn trace(reading: &Reading<'_>, run: RunId) -> Result<Vec<Span>, Failure> {
    let mut found = Found::default();
    for open in asked::open(reading, Some(run.trace), false)? {
        found.add(open.span, i64::MIN);
    }
    let place = place(reading, run)?;
    if let Some(place) = &place {
        found.expect(place.spans.min(MOST_EXPECTED));
        add_ended(reading, run, place, &mut found)?;
    }
    add_events(reading, run, place.as_ref(), &mut found)?;
    add_links(reading, run, &mut found)?;
    let mut spans = found.spans;
    if let Some(root) = run.joined_at.some() {
        keep_below(root, &mut spans);
    }
    spans.sort_unstable_by_key(|span| (span.start_unix_ns, span.span_id));
    Ok(spans)
}

/// Room for so many spans is made at once, however many a trace says that it has.
const MOST_EXPECTED: usize = 1 << 20;

/// The spans of a trace, each once: what is known for certain stays, then what was written last.
#[derive(Default)]
struct Found {
    spans: Vec<Span>,
    /// Where each is, and how certain it is and when it was written.
    places: HashMap<SpanId, (usize, (u8, i64))>,
}

impl Found {
    /// Makes room for so many spans.
    fn expect(&mut self, spans: usize) {
        self.spans.reserve(spans);
        self.places.reserve(spans);
    }

    fn add(&mut self, span: Span, written: i64) {
        let rank = (certainty(span.status), written);
        match self.places.get_mut(&span.span_id) {
            None => {
                self.places.insert(span.span_id, (self.spans.len(), rank));
                self.spans.push(span);
            }
            Some((at, known)) if *known <= rank => {
                *known = rank;
                self.spans[*at] = span;
            }
            Some(_) => {}
        }
    }

    fn get_mut(&mut self, span: SpanId) -> Option<&mut Span> {
        self.places.get(&span).map(|(at, _)| &mut self.spans[*at])
    }
}

/// Where a trace lies in time, and how much there is of it.
struct Place {
    first_unix_ns: i64,
    last_unix_ns: i64,
    /// Whether its events lie there, too.
    covers_events: bool,
    spans: usize,
}

fn place(reading: &Reading<'_>, run: RunId) -> Result<Option<Place>, Failure> {
    let mut values = Values::default();
    let trace = values.text(run.trace.to_string());
    let sql = format!("SELECT first_unix_ns, last_unix_ns, covers_events, spans FROM trace WHERE trace_id = {trace}");
    let rows = reading.known(&sql, &values)?;
    let Some(row) = rows.first() else { return Ok(None) };
    let spans = usize::try_from(row.try_get::<_, i64>(3)?).unwrap_or(0);
    let (first_unix_ns, last_unix_ns) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Some(Place { first_unix_ns, last_unix_ns, covers_events: row.try_get(2)?, spans }))
}

/// From so many spans on, they are copied.
const MANY: usize = 2_000;

/// Adds the spans in the table, in whatever order they come.
fn add_ended(reading: &Reading<'_>, run: RunId, place: &Place, found: &mut Found) -> Result<(), Failure> {
    if place.spans >= MANY {
        return copy_ended(reading, run, place, found);
    }
    let mut values = Values::default();
    let trace = values.text(run.trace.to_string());
    let (first, last) = (values.add(Value::Int(place.first_unix_ns)), values.add(Value::Int(place.last_unix_ns)));
    let sql =
        format!("SELECT {SPAN_READ} FROM span s WHERE s.trace_id = {trace} AND s.start_unix_ns BETWEEN {first} AND {last}");
    reading.each(&sql, &values, |row| {
        let (span, origin) = records::span(&row)?;
        found.add(span, origin.written);
        Ok(())
    })
}

/// Values can't stand beside what is copied: an id is nothing but digits.
fn copy_ended(reading: &Reading<'_>, run: RunId, place: &Place, found: &mut Found) -> Result<(), Failure> {
    let (trace, Place { first_unix_ns, last_unix_ns, .. }) = (run.trace, place);
    let sql = format!(
        "SELECT {SPAN_READ} FROM span s WHERE s.trace_id = '{trace}' AND s.start_unix_ns BETWEEN '{first_unix_ns}' AND '{last_unix_ns}'"
    );
    reading.copy(&sql, |mut fields| {
        let (span, origin) = records::copied_span(&mut fields)?;
        found.add(span, origin.written);
        Ok(())
    })
}

fn add_events(reading: &Reading<'_>, run: RunId, place: Option<&Place>, found: &mut Found) -> Result<(), Failure> {
    let mut values = Values::default();
    let trace = values.text(run.trace.to_string());
    let of_days = place.filter(|place| place.covers_events).map(|place| {
        let first = values.add(Value::Int(place.first_unix_ns.saturating_sub(NS_PER_DAY)));
        let last = values.add(Value::Int(place.last_unix_ns.saturating_add(NS_PER_DAY)));
        format!(" AND s.unix_ns BETWEEN {first} AND {last}")
    });
    let of_days = of_days.unwrap_or_default();
    let sql = format!("SELECT {EVENT_READ} FROM event s WHERE s.trace_id = {trace}{of_days} ORDER BY s.unix_ns, s.written");
    reading.each(&sql, &values, |row| {
        let ((_, span), event) = records::event(&row)?;
        if let Some(span) = found.get_mut(span) {
            span.events.push(event);
        }
        Ok(())
    })
}

fn add_links(reading: &Reading<'_>, run: RunId, found: &mut Found) -> Result<(), Failure> {
    let mut values = Values::default();
    let trace = values.text(run.trace.to_string());
    let sql = format!("SELECT trace_id, span_id, data FROM link WHERE trace_id = {trace} ORDER BY written");
    reading.each(&sql, &values, |row| {
        let link: SpanLink = rest::get(row.try_get(2)?)?;
        // A link that was sent twice is there once.
        if let Some(span) = found.get_mut(records::owner(&row)?.1).filter(|span| !span.links.contains(&link)) {
            span.links.push(link);
        }
        Ok(())
    })
}
