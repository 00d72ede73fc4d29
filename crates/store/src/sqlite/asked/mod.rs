//! Answering queries from the file: sketches say which blocks may hold what is asked for, and only those are opened.

mod count;
mod needs;
mod others;
mod resources;
mod roots;
mod spans;

use std::collections::HashSet;

use flowglass_model::TraceId;
use rusqlite::Connection;

use super::blocks::Blocks;
use super::failure::Failure;
use super::liveness::Liveness;
use crate::query::{Collector, Cursor, Expr, InTraces, Listed, Now, Query, Record, Select, TraceSets};
use crate::{Page, Rows};
use resources::Resources;

pub(super) use count::count;

/// Answers a query from what one read transaction sees.
pub(super) fn page(connection: &Connection, liveness: &mut Liveness<'_>, query: &Query, now: Now) -> Result<Page, Failure> {
    let mut reading = Reading::new(connection, liveness, now);
    let traces = TraceSets::find(&query.filter, |expr, traces| reading.traces_with(expr, traces))?;
    let wanted = Wanted { filter: &query.filter, traces: &traces, now };
    let (rows, next) = match query.select {
        Select::Runs => {
            let (runs, next) = first(query, |collector| roots::find(&mut reading, &wanted, collector))?;
            (Rows::Runs(runs.into_iter().map(|found| found.run).collect()), next)
        }
        Select::Spans => {
            let (mut spans, next) = first(query, |collector| spans::find(&mut reading, &wanted, collector))?;
            spans.iter_mut().for_each(|found| found.span.events = Vec::new());
            (Rows::Spans(spans), next)
        }
        Select::Events => rows(first(query, |collector| others::events(&mut reading, &wanted, collector))?, Rows::Events),
        Select::Metrics => rows(first(query, |collector| others::points(&mut reading, &wanted, collector))?, Rows::Metrics),
        Select::Logs => rows(first(query, |collector| others::logs(&mut reading, &wanted, collector))?, Rows::Logs),
    };
    Ok(Page { rows, next })
}

fn first<'q, T: Listed + Clone>(
    query: &'q Query,
    fill: impl FnOnce(&mut Collector<'q, T>) -> Result<(), Failure>,
) -> Result<(Vec<T>, Option<Cursor>), Failure> {
    let mut collector = Collector::new(query);
    fill(&mut collector)?;
    Ok(collector.finish())
}

fn rows<T>((things, next): (Vec<T>, Option<Cursor>), kind: impl FnOnce(Vec<T>) -> Rows) -> (Rows, Option<Cursor>) {
    (kind(things), next)
}

/// What is read with, for one question.
struct Reading<'a, 'l> {
    connection: &'a Connection,
    liveness: &'a mut Liveness<'l>,
    blocks: Blocks<'a>,
    resources: Resources,
    now: Now,
}

impl<'a, 'l> Reading<'a, 'l> {
    fn new(connection: &'a Connection, liveness: &'a mut Liveness<'l>, now: Now) -> Self {
        Self { connection, liveness, blocks: Blocks::new(connection), resources: Resources::default(), now }
    }

    /// Says whether the resource of some writer has an attribute.
    fn is_of_resources(&self, key: &str) -> Result<bool, Failure> {
        // As it stands in JSON; where it stands as a value, no more than time is lost.
        let written = serde_json::to_string(key).unwrap_or_default();
        let sql = "SELECT EXISTS (SELECT 1 FROM writer WHERE instr(resource, ?1) > 0)";
        Ok(self.connection.prepare_cached(sql)?.query_row([written], |row| row.get(0))?)
    }

    fn traces_with(&mut self, expr: &Expr, traces: &TraceSets) -> Result<HashSet<TraceId>, Failure> {
        let wanted = Wanted { filter: expr, traces, now: self.now };
        let mut found = HashSet::new();
        spans::each(self, &wanted, &mut |span, _| {
            found.insert(span.span.trace_id);
            i64::MIN
        })?;
        Ok(found)
    }
}

/// What must hold for a thing.
struct Wanted<'a> {
    filter: &'a Expr,
    traces: &'a TraceSets,
    now: Now,
}

impl Wanted<'_> {
    fn matches(&self, thing: &impl Record) -> bool {
        self.filter.matches(&InTraces { record: thing, traces: self.traces }, self.now)
    }
}
