//! Answering queries: the server sends what a wide condition lets through, in the order of the answer, and we look at each thing
//! until the page is full.

mod counting;
mod order;
mod others;
mod reading;
mod spans;
mod way;
mod windows;

use std::collections::HashSet;
use std::sync::Arc;

use flowglass_model::TraceId;

use super::condition::{Traces, address};
use super::failure::Failure;
use crate::query::{Collector, Cursor, Expr, InTraces, Listed, Now, Query, Record, Select, TraceSets};
use crate::{Page, Rows};
pub(super) use reading::Reading;
pub(super) use spans::open;

/// Answers a query from what one transaction sees.
pub(super) fn page(reading: &Reading<'_>, query: &Query) -> Result<Page, Failure> {
    let wanted = Wanted::new(reading, &query.filter)?;
    let (rows, next) = match query.select {
        Select::Runs => {
            let (runs, next) = first(query, |asked| spans::runs(reading, &wanted, asked))?;
            (Rows::Runs(runs.into_iter().map(|found| found.run).collect()), next)
        }
        Select::Spans => {
            let (mut spans, next) = first(query, |asked| spans::spans(reading, &wanted, asked))?;
            spans.iter_mut().for_each(|found| found.span.events = Vec::new());
            (Rows::Spans(spans), next)
        }
        Select::Events => rows(first(query, |asked| others::events(reading, &wanted, asked))?, Rows::Events),
        Select::Metrics => rows(first(query, |asked| others::points(reading, &wanted, asked))?, Rows::Metrics),
        Select::Logs => rows(first(query, |asked| others::logs(reading, &wanted, asked))?, Rows::Logs),
    };
    Ok(Page { rows, next })
}

/// Returns how many things match, where the server can count them alone.
pub(super) fn count(reading: &Reading<'_>, query: &Query) -> Result<Option<u64>, Failure> {
    let wanted = Wanted::new(reading, &query.filter)?;
    reading.count(query.select, &wanted)
}

fn first<'q, T: Listed + Clone>(
    query: &'q Query,
    fill: impl FnOnce(&mut Asked<'q, T>) -> Result<(), Failure>,
) -> Result<(Vec<T>, Option<Cursor>), Failure> {
    let mut asked = Asked { query, collector: Collector::new(query) };
    fill(&mut asked)?;
    Ok(asked.collector.finish())
}

fn rows<T>((things, next): (Vec<T>, Option<Cursor>), kind: impl FnOnce(Vec<T>) -> Rows) -> (Rows, Option<Cursor>) {
    (kind(things), next)
}

/// A query, and what was found for it so far.
struct Asked<'q, T> {
    query: &'q Query,
    collector: Collector<'q, T>,
}

impl<T: Listed + Clone> Asked<'_, T> {
    /// Takes a thing if it matches; says whether things behind it, in the order of the query, may still be of interest.
    fn look(&mut self, thing: T, written: i64, wanted: &Wanted<'_>) -> bool {
        let key = self.query.sort.key(&thing);
        if self.collector.is_full_before(&key) {
            return false;
        }
        if wanted.matches(&thing) {
            self.collector.offer(thing, written);
        }
        true
    }
}

/// What must hold for a thing.
pub(super) struct Wanted<'a> {
    filter: &'a Expr,
    /// The traces that parts `has(…)` ask for: to match by, and to ask the server by.
    sets: TraceSets,
    traces: Traces,
    now: Now,
}

impl<'a> Wanted<'a> {
    fn new(reading: &Reading<'_>, filter: &'a Expr) -> Result<Self, Failure> {
        let mut traces = Traces::new();
        let sets = TraceSets::find(filter, |expr, sets| {
            let found = reading.traces_with(expr, sets, &traces)?;
            traces.insert(address(expr), found.iter().map(TraceId::to_string).collect());
            Ok::<HashSet<TraceId>, Failure>(found)
        })?;
        Ok(Self { filter, sets, traces, now: reading.now })
    }

    fn matches(&self, thing: &impl Record) -> bool {
        self.filter.matches(&InTraces { record: thing, traces: &self.sets }, self.now)
    }
}

/// Clones what many rows share.
fn shared<T>(thing: Option<&Arc<T>>) -> Result<Arc<T>, Failure> {
    thing.cloned().ok_or(Failure::Damaged("a row names a resource that isn't there"))
}
