//! The table `logs`: what programs said.

use std::sync::LazyLock;

use flowglass_model::{Batch, Scalar};

use super::events::with_pushless_attributes;
use super::records::{self, attribute_of, is_timely, resource, rows_where, scan};
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::column::{Column, Kind, Push};
use crate::virtual_tables::json;
use crate::virtual_tables::ordered::Order;
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::Shared;
use crate::virtual_tables::table::{Scan, Table};
use crate::{SpanFilter, StoreError};

type Field = Column<Batch>;

pub(in crate::virtual_tables) struct Logs;

impl Table for Logs {
    type Chunk = Batch;
    const NAME: &'static str = "logs";
    const MEANING: &'static str = "what programs said, with a severity, where it stands in a trace";

    fn columns() -> &'static [Column<Batch>] {
        static COLUMNS: LazyLock<Vec<Column<Batch>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn has_order(_: Order) -> bool {
        true
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Batch>, StoreError> {
        scan(shared, wanted, records::Kind { is_metric: false, pick, time })
    }

    fn attribute<'a>(chunk: &'a Batch, row: usize, name: &str) -> Cell<'a> {
        attribute_of(chunk, &chunk.logs.attributes, row, name)
    }
}

fn pick(batch: &Batch, filter: &SpanFilter) -> Vec<u32> {
    let logs = &batch.logs;
    rows_where(logs.unix_ns.len(), |row| {
        filter.trace_id.is_none_or(|trace| logs.trace_id[row] == trace)
            && filter.span_id.is_none_or(|span| logs.span_id[row] == span)
            && is_timely(filter, time(batch, row))
    })
}

/// Returns when a record was said, or else seen.
fn time(batch: &Batch, row: usize) -> i64 {
    let said = batch.logs.unix_ns[row];
    if said == 0 { batch.logs.observed_unix_ns[row] } else { said }
}

fn columns() -> Vec<Column<Batch>> {
    let columns = vec![
        Field::new("trace_id", Kind::Text, "The trace", |b, row| Cell::trace(b.logs.trace_id[row])).pushed(Push::Trace),
        Field::new("run_id", Kind::Text, "As `trace_id`: the run, unless it joined a trace", |b, row| {
            Cell::trace(b.logs.trace_id[row])
        })
        .pushed(Push::Trace)
        .alias(),
        Field::new("span_id", Kind::Text, "The span in which it was said", |b, row| Cell::span(b.logs.span_id[row]))
            .pushed(Push::Span),
        Field::new("time", Kind::Moment, "When it was said, in UTC", |b, row| Cell::moment(time(b, row))).pushed(Push::Moment),
        Field::new("severity", Kind::Text, "`TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`", |b, row| {
            Cell::some_text(b.logs.severity[row].as_str())
        }),
        Field::new("severity_number", Kind::Int, "OpenTelemetry's number, 1 to 24: `severity_number >= 13`", |b, row| {
            Cell::Int(b.logs.severity[row].0.into())
        }),
        Field::new("body", Kind::Any, "What was said; lists and maps as JSON", |b, row| match b.logs.body[row] {
            Scalar::Null => Cell::Null,
            body => Cell::scalar(b, body),
        }),
        Field::new("event_name", Kind::Text, "What kind of event it is; nothing for a plain record", |b, row| {
            Cell::some_text(b.arena.text(b.logs.event_name[row]))
        }),
        Field::new("attributes", Kind::Json, "Its attributes", |b, row| {
            Cell::Text(json::object(b, &b.logs.attributes, row).into())
        }),
        Field::new("resource", Kind::Json, "Who recorded it", |b, _| resource(b)),
        Field::new("scope", Kind::Text, "The library that recorded it", |b, row| {
            b.scope(b.logs.extras.get(row).scope).map_or(Cell::Null, |scope| Cell::text(&scope.name))
        }),
        Field::new("unix_ns", Kind::Int, "When it was said, in nanoseconds since 1970", |b, row| Cell::Int(time(b, row)))
            .pushed(Push::UnixNs),
    ];
    with_pushless_attributes(columns)
}
