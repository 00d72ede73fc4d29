//! The table `metrics`: a row for each point of each metric.

use std::sync::LazyLock;

use flowglass_model::{Batch, MetricValue, PointValue, Totals};

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

pub(in crate::virtual_tables) struct Metrics;

impl Table for Metrics {
    type Chunk = Batch;
    const NAME: &'static str = "metrics";
    const MEANING: &'static str = "points of metrics: what was counted or measured for one set of attributes, up to one time";

    fn columns() -> &'static [Column<Batch>] {
        static COLUMNS: LazyLock<Vec<Column<Batch>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn has_order(_: Order) -> bool {
        true
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Batch>, StoreError> {
        let time = |batch: &Batch, row: usize| batch.points.unix_ns[row];
        scan(shared, wanted, records::Kind { is_metric: true, pick, time })
    }

    fn attribute<'a>(chunk: &'a Batch, row: usize, name: &str) -> Cell<'a> {
        attribute_of(chunk, &chunk.points.attributes, row, name)
    }
}

fn pick(batch: &Batch, filter: &SpanFilter) -> Vec<u32> {
    let name_of = |row: usize| batch.metrics.name.get(batch.points.metric[row] as usize);
    rows_where(batch.points.unix_ns.len(), |row| {
        is_timely(filter, batch.points.unix_ns[row])
            && filter.name.as_ref().is_none_or(|name| name_of(row).is_some_and(|found| batch.arena.text(*found) == *name))
    })
}

/// Returns a text of the metric that a point is of.
fn of_metric<'a>(batch: &'a Batch, row: usize, read: impl Fn(&'a Batch, usize) -> Cell<'a>) -> Cell<'a> {
    let metric = batch.points.metric[row] as usize;
    if metric < batch.metrics.name.len() { read(batch, metric) } else { Cell::Null }
}

fn value(batch: &Batch, row: usize) -> Option<MetricValue> {
    batch.points().nth(row).map(|point| point.to_value())
}

/// Returns what a distribution says in all; nothing of a single number.
fn totals(batch: &Batch, row: usize) -> Option<Totals> {
    value(batch, row)?.totals()
}

fn quantile(batch: &Batch, row: usize, share: f64) -> Cell<'static> {
    Cell::real(value(batch, row).and_then(|value| value.quantile(share)))
}

fn number(batch: &Batch, row: usize) -> Cell<'static> {
    match batch.points.value[row] {
        PointValue::Int(number) => Cell::Int(number),
        PointValue::Float(number) => Cell::Real(number),
        _ => Cell::Null,
    }
}

fn columns() -> Vec<Column<Batch>> {
    let columns = vec![
        Field::new("name", Kind::Text, "What is measured: `node.duration`", |b, row| {
            of_metric(b, row, |b, metric| Cell::sym(b, b.metrics.name[metric]))
        })
        .pushed(Push::Name),
        Field::new("time", Kind::Moment, "Until when it counts, or when it was measured, in UTC", |b, row| {
            Cell::moment(b.points.unix_ns[row])
        })
        .pushed(Push::Moment),
        Field::new("value", Kind::Any, "The number; nothing for a distribution", number),
        Field::new("count", Kind::Int, "Of a distribution: how many values", |b, row| {
            totals(b, row).map_or(Cell::Null, |totals| Cell::count(totals.count))
        }),
        Field::new("sum", Kind::Real, "Of a distribution: their sum", |b, row| {
            Cell::real(totals(b, row).and_then(|totals| totals.sum))
        }),
        Field::new("min", Kind::Real, "Of a distribution: the smallest", |b, row| {
            Cell::real(totals(b, row).and_then(|totals| totals.min))
        }),
        Field::new("max", Kind::Real, "Of a distribution: the largest", |b, row| {
            Cell::real(totals(b, row).and_then(|totals| totals.max))
        }),
        Field::new("p50", Kind::Real, "Of a distribution: half of the values are smaller", |b, row| quantile(b, row, 0.5)),
        Field::new("p95", Kind::Real, "Of a distribution: 95 % of the values are smaller", |b, row| quantile(b, row, 0.95)),
        Field::new("p99", Kind::Real, "Of a distribution: 99 % of the values are smaller", |b, row| quantile(b, row, 0.99)),
        Field::new("unit", Kind::Text, "The unit: `s`, `By`, `{item}`, `1`", |b, row| {
            of_metric(b, row, |b, metric| Cell::some_text(b.arena.text(b.metrics.unit[metric])))
        }),
        Field::new(
            "kind",
            Kind::Text,
            "`counter`, `updowncounter`, `gauge`, `exponential`, `explicit`, `summary`",
            |b, row| of_metric(b, row, |b, metric| Cell::text(b.metrics.kind[metric].as_str())),
        ),
        Field::new(
            "temporality",
            Kind::Text,
            "Since when it counts: `delta` (the point before), `cumulative`, `unspecified`",
            |b, row| of_metric(b, row, |b, metric| Cell::text(b.metrics.temporality[metric].as_str())),
        ),
        Field::new("description", Kind::Text, "What it says, in a sentence", |b, row| {
            of_metric(b, row, |b, metric| Cell::some_text(b.arena.text(b.metrics.description[metric])))
        }),
        Field::new("attributes", Kind::Json, "What it is measured for: `attributes ->> 'node.id'`", |b, row| {
            Cell::Text(json::object(b, &b.points.attributes, row).into())
        }),
        Field::new("resource", Kind::Json, "Who measured it", |b, _| resource(b)),
        Field::new("unix_ns", Kind::Int, "As `time`, in nanoseconds since 1970", |b, row| Cell::Int(b.points.unix_ns[row]))
            .pushed(Push::UnixNs),
        Field::new("start_unix_ns", Kind::Int, "Since when it counts, in nanoseconds since 1970", |b, row| {
            match b.points.start_unix_ns[row] {
                0 => Cell::Null,
                start => Cell::Int(start),
            }
        }),
    ];
    with_pushless_attributes(columns)
}
