//! The table `runs`, as each run stands now.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::column::{Column, Kind, Push};
use crate::virtual_tables::ordered::Order;
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::Shared;
use crate::virtual_tables::table::{Rows, Scan, Table};
use crate::{RunRecord, StoreError};

/// How many runs are read at once.
const PAGE: usize = 1000;

type Field = Column<Vec<RunRecord>>;

pub(in crate::virtual_tables) struct Runs;

impl Table for Runs {
    type Chunk = Vec<RunRecord>;
    const NAME: &'static str = "runs";
    const MEANING: &'static str = "a row for each run of a pipeline";

    fn columns() -> &'static [Column<Vec<RunRecord>>] {
        static COLUMNS: LazyLock<Vec<Column<Vec<RunRecord>>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn has_order(order: Order) -> bool {
        order == Order::Newest
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Vec<RunRecord>>, StoreError> {
        let filter = wanted.filter;
        if let Some(trace) = filter.trace_id {
            let mut runs = shared.lock().snapshot.runs_of(trace)?;
            runs.sort_by_key(|run| std::cmp::Reverse(run.start_unix_ns));
            let mut found = Some(whole(runs));
            return Ok(Box::new(move || Ok(found.take())));
        }
        let (shared, mut last) = (shared.clone(), None);
        Ok(Box::new(move || {
            let runs = page(&shared, filter.min_start_unix_ns..filter.end_start_unix_ns, last.as_ref())?;
            last = runs.last().cloned();
            Ok(last.is_some().then(|| whole(runs)))
        }))
    }

    fn attribute<'a>(_: &'a Vec<RunRecord>, _: usize, _: &str) -> Cell<'a> {
        Cell::Null
    }
}

fn whole(runs: Vec<RunRecord>) -> Rows<Vec<RunRecord>> {
    let count = runs.len();
    Rows::all(Arc::new(runs), count)
}

fn page(shared: &Shared, starts_unix_ns: Range<i64>, behind: Option<&RunRecord>) -> Result<Vec<RunRecord>, StoreError> {
    let state = shared.lock();
    if state.is_over() { Err(state.too_long()) } else { state.snapshot.runs(starts_unix_ns, behind, PAGE) }
}

fn columns() -> Vec<Column<Vec<RunRecord>>> {
    vec![
        Field::new(
            "run_id",
            Kind::Text,
            "The run's id, which is its trace's; of a run that joined a trace, with its root's",
            |r, row| Cell::Text(r[row].id.to_string().into()),
        ),
        Field::new("trace_id", Kind::Text, "The trace: `JOIN spans USING (trace_id)`", |r, row| Cell::trace(r[row].id.trace))
            .pushed(Push::Trace),
        Field::new("root_span", Kind::Text, "The run's root span", |r, row| Cell::span(r[row].root)),
        Field::new("name", Kind::Text, "The pipeline", |r, row| Cell::text(&r[row].name)).pushed(Push::Name),
        Field::new("version", Kind::Text, "The version that the pipeline's author gave", |r, row| {
            Cell::some_text(&r[row].version)
        }),
        Field::new("status", Kind::Text, "`ok`, `error`, `running`, `cancelled`, `interrupted`", |r, row| {
            Cell::text(r[row].status.as_str())
        })
        .pushed(Push::Status),
        Field::new("start", Kind::Moment, "When it started, in UTC", |r, row| Cell::moment(r[row].start_unix_ns))
            .pushed(Push::Moment),
        Field::new("duration_ms", Kind::Real, "How long it took, in milliseconds", |r, row| {
            Cell::milliseconds(r[row].duration_ns)
        }),
        Field::new("span_count", Kind::Int, "How many of its spans have ended", |r, row| Cell::count(r[row].span_count)),
        Field::new("error_count", Kind::Int, "How many of those failed", |r, row| Cell::count(r[row].error_count)),
        Field::new("nodes", Kind::Int, "How many nodes it computed", |r, row| Cell::count(r[row].nodes)),
        Field::new("cache_hits", Kind::Int, "How many nodes came from the cache", |r, row| Cell::count(r[row].cache_hits)),
        Field::new("failed", Kind::Int, "How many nodes failed", |r, row| Cell::count(r[row].failed)),
        Field::new("saved_ms", Kind::Real, "What the cache saved, in milliseconds", |r, row| Cell::Real(r[row].saved_ms)),
        Field::new("error", Kind::Text, "Why it failed", |r, row| Cell::some_text(&r[row].error)),
        Field::new("fingerprint", Kind::Text, "The fingerprint of the pipeline's graph", |r, row| {
            r[row].fingerprint.map_or(Cell::Null, |fingerprint| Cell::Text(fingerprint.to_string().into()))
        }),
        Field::new("start_unix_ns", Kind::Int, "When it started, in nanoseconds since 1970", |r, row| {
            Cell::Int(r[row].start_unix_ns)
        })
        .pushed(Push::UnixNs),
        Field::new("duration_ns", Kind::Int, "How long it took, in nanoseconds", |r, row| Cell::count(r[row].duration_ns)),
    ]
}
