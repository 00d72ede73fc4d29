//! The table `events`: what happened in spans, and what happened outside of them.

use std::sync::LazyLock;

use flowglass_model::Batch;

use super::records::{self, attribute_of, is_timely, resource, rows_where, scan};
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::column::{Column, Kind, Push, with_attributes};
use crate::virtual_tables::json;
use crate::virtual_tables::ordered::Order;
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::Shared;
use crate::virtual_tables::table::{Scan, Table};
use crate::{SpanFilter, StoreError};

type Field = Column<Batch>;

pub(in crate::virtual_tables) struct Events;

impl Table for Events {
    type Chunk = Batch;
    const NAME: &'static str = "events";
    const MEANING: &'static str = "what happened at one moment, most often in a span: exceptions, retries, events of your own";

    fn columns() -> &'static [Column<Batch>] {
        static COLUMNS: LazyLock<Vec<Column<Batch>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn has_order(_: Order) -> bool {
        true
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Batch>, StoreError> {
        let time = |batch: &Batch, row: usize| batch.events.unix_ns[row];
        scan(shared, wanted, records::Kind { is_metric: false, pick, time })
    }

    fn attribute<'a>(chunk: &'a Batch, row: usize, name: &str) -> Cell<'a> {
        attribute_of(chunk, &chunk.events.attributes, row, name)
    }
}

fn pick(batch: &Batch, filter: &SpanFilter) -> Vec<u32> {
    let events = &batch.events;
    rows_where(events.len(), |row| {
        filter.trace_id.is_none_or(|trace| events.trace_id[row] == trace)
            && filter.span_id.is_none_or(|span| events.span_id[row] == span)
            && is_timely(filter, events.unix_ns[row])
    })
}

fn columns() -> Vec<Column<Batch>> {
    let columns = vec![
        Field::new("trace_id", Kind::Text, "The trace", |b, row| Cell::trace(b.events.trace_id[row])).pushed(Push::Trace),
        Field::new("run_id", Kind::Text, "As `trace_id`: the run, unless it joined a trace", |b, row| {
            Cell::trace(b.events.trace_id[row])
        })
        .pushed(Push::Trace)
        .alias(),
        Field::new("span_id", Kind::Text, "The span in which it happened", |b, row| Cell::span(b.events.span_id[row]))
            .pushed(Push::Span),
        Field::new("name", Kind::Text, "What it is called: `exception`", |b, row| Cell::sym(b, b.events.name[row])),
        Field::new("time", Kind::Moment, "When it happened, in UTC", |b, row| Cell::moment(b.events.unix_ns[row]))
            .pushed(Push::Moment),
        Field::new("attributes", Kind::Json, "Its attributes: `attributes ->> 'exception.type'`", |b, row| {
            Cell::Text(json::object(b, &b.events.attributes, row).into())
        }),
        Field::new("resource", Kind::Json, "Who recorded it", |b, _| resource(b)),
        Field::new("unix_ns", Kind::Int, "When it happened, in nanoseconds since 1970", |b, row| {
            Cell::Int(b.events.unix_ns[row])
        })
        .pushed(Push::UnixNs),
    ];
    with_pushless_attributes(columns)
}

/// Attributes of what isn't a span are in no sketch.
pub(super) fn with_pushless_attributes(columns: Vec<Column<Batch>>) -> Vec<Column<Batch>> {
    let mut columns = with_attributes(columns);
    columns.iter_mut().filter(|column| column.is_attribute()).for_each(|column| column.push = None);
    columns
}
