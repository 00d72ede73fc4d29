//! The table `rollups`: counts and durations of spans per minute, hour or day, which outlive the spans.

use std::sync::{Arc, LazyLock};

use crate::StoreError;
use crate::statistics::RollupRow;
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::column::{Column, Kind, Push};
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::Shared;
use crate::virtual_tables::table::{Rows, Scan, Table};

/// The periods that are shown where none is asked for, in seconds: each span then counts once.
const DEFAULT_PERIOD_S: i64 = 60;
/// The lengths of periods that there are, in seconds.
const PERIODS_S: [i64; 3] = [60, 3_600, 86_400];

type Field = Column<Vec<RollupRow>>;

pub(in crate::virtual_tables) struct Rollups;

impl Table for Rollups {
    type Chunk = Vec<RollupRow>;
    const NAME: &'static str = "rollups";
    const MEANING: &'static str =
        "counts and durations of spans a minute (or `WHERE period_s = 3600` or `86400`); they outlive the spans";

    fn columns() -> &'static [Column<Vec<RollupRow>>] {
        static COLUMNS: LazyLock<Vec<Column<Vec<RollupRow>>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Vec<RollupRow>>, StoreError> {
        let period_s = wanted.period_s.unwrap_or(DEFAULT_PERIOD_S);
        let mut rows = Vec::new();
        if PERIODS_S.contains(&period_s) {
            rows = shared.lock().snapshot.rollups(period_s)?;
        }
        let count = rows.len();
        let mut found = Some(Rows::all(Arc::new(rows), count));
        Ok(Box::new(move || Ok(found.take())))
    }

    fn attribute<'a>(_: &'a Vec<RollupRow>, _: usize, _: &str) -> Cell<'a> {
        Cell::Null
    }
}

fn columns() -> Vec<Column<Vec<RollupRow>>> {
    vec![
        Field::new("period_s", Kind::Int, "The length of the period, in seconds: 60, 3600 or 86400", |r, row| {
            Cell::Int(r[row].period_s)
        })
        .pushed(Push::Period),
        Field::new("start", Kind::Moment, "When the period starts, in UTC", |r, row| {
            Cell::moment(r[row].start_unix_s.saturating_mul(1_000_000_000))
        }),
        Field::new("pipeline", Kind::Text, "The pipeline", |r, row| Cell::text(&r[row].pipeline)),
        Field::new("name", Kind::Text, "The spans' name", |r, row| Cell::text(&r[row].statistics.name)),
        Field::new("node", Kind::Text, "The node", |r, row| Cell::some_text(&r[row].node)),
        Field::new("count", Kind::Int, "How many ended that started in the period", |r, row| {
            Cell::count(r[row].statistics.count)
        }),
        Field::new("errors", Kind::Int, "How many of them failed", |r, row| Cell::count(r[row].statistics.errors)),
        Field::new("cached", Kind::Int, "How many of them came from the cache", |r, row| Cell::count(r[row].statistics.cached)),
        Field::new("total_ms", Kind::Real, "How long they took together, in milliseconds", |r, row| {
            Cell::milliseconds(r[row].statistics.total_ns)
        }),
        Field::new("max_ms", Kind::Real, "How long the longest took, in milliseconds", |r, row| {
            Cell::milliseconds(r[row].statistics.max_ns)
        }),
        Field::new("p50_ms", Kind::Real, "Half of them took less, in milliseconds, within 1 %", |r, row| {
            Cell::Real(r[row].statistics.p50_ns / 1e6)
        }),
        Field::new("p95_ms", Kind::Real, "95 % of them took less, in milliseconds, within 1 %", |r, row| {
            Cell::Real(r[row].statistics.p95_ns / 1e6)
        }),
        Field::new("p99_ms", Kind::Real, "99 % of them took less, in milliseconds, within 1 %", |r, row| {
            Cell::Real(r[row].statistics.p99_ns / 1e6)
        }),
    ]
}
