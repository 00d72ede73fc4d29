//! Answering queries from memory: every thing is looked at, so that what a query means stands here plainly.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use flowglass_model::{SpanEvent, SpanId, TraceId};

use super::held::Held;
use super::runs;
use crate::query::{Collector, Cursor, Expr, InTraces, Listed, Now, Query, Select, TraceSets};
use crate::{FoundEvent, FoundLog, FoundPoint, FoundSpan, Page, Rows};

/// Answers a query.
pub(super) fn page(held: &Held, query: &Query, now: Now) -> Page {
    let Ok(traces) = TraceSets::find(&query.filter, |expr, traces| Ok::<_, Infallible>(traces_with(held, expr, traces, now)));
    let asked = Asked { query, traces: &traces, now };
    let (rows, next) = match query.select {
        Select::Runs => {
            let (found, next) = asked.first(runs::all(held));
            (Rows::Runs(found.into_iter().map(|found| found.run).collect()), next)
        }
        Select::Spans => {
            let (mut found, next) = asked.first(with_events(held, &query.filter));
            found.iter_mut().for_each(|found| found.span.events = Vec::new());
            (Rows::Spans(found), next)
        }
        Select::Events => asked.rows(events(held), Rows::Events),
        Select::Metrics => asked.rows(points(held), Rows::Metrics),
        Select::Logs => asked.rows(logs(held), Rows::Logs),
    };
    Page { rows, next }
}

fn traces_with(held: &Held, expr: &Expr, traces: &TraceSets, now: Now) -> HashSet<TraceId> {
    let matching = with_events(held, expr).filter(|found| expr.matches(&InTraces { record: found, traces }, now));
    matching.map(|found| found.span.trace_id).collect()
}

/// A query, and all that it takes to tell whether a thing matches.
struct Asked<'a> {
    query: &'a Query,
    traces: &'a TraceSets,
    now: Now,
}

impl Asked<'_> {
    fn first<T: Listed + Clone>(&self, things: impl Iterator<Item = T>) -> (Vec<T>, Option<Cursor>) {
        let mut collector = Collector::new(self.query);
        let matches = |thing: &T| self.query.filter.matches(&InTraces { record: thing, traces: self.traces }, self.now);
        things.filter(matches).zip(0..).for_each(|(thing, written)| collector.offer(thing, written));
        collector.finish()
    }

    fn rows<T: Listed + Clone>(
        &self,
        things: impl Iterator<Item = T>,
        kind: impl FnOnce(Vec<T>) -> Rows,
    ) -> (Rows, Option<Cursor>) {
        let (things, next) = self.first(things);
        (kind(things), next)
    }
}

/// Returns all spans; with their events, if the expression looks at them.
fn with_events(held: &Held, expr: &Expr) -> impl Iterator<Item = FoundSpan> {
    let mut events: HashMap<(TraceId, SpanId), Vec<SpanEvent>> = HashMap::new();
    if expr.needs_events() {
        for event in held.batches.iter().flat_map(|batch| batch.events()) {
            events.entry(event.owner()).or_default().push(event.to_event());
        }
    }
    held.spans().map(move |mut found| {
        found.span.events = events.get(&(found.span.trace_id, found.span.span_id)).cloned().unwrap_or_default();
        found
    })
}

fn events(held: &Held) -> impl Iterator<Item = FoundEvent> {
    held.batches.iter().flat_map(|batch| {
        batch.events().map(|event| {
            let (trace_id, span_id) = event.owner();
            FoundEvent { trace_id, span_id, event: event.to_event(), resource: Arc::clone(&batch.resource) }
        })
    })
}

fn logs(held: &Held) -> impl Iterator<Item = FoundLog> {
    held.batches
        .iter()
        .flat_map(|batch| batch.logs().map(|log| FoundLog { log: log.to_log(), resource: Arc::clone(&batch.resource) }))
}

fn points(held: &Held) -> impl Iterator<Item = FoundPoint> {
    held.batches.iter().flat_map(|batch| {
        let metrics: Vec<_> = batch.metrics().map(|metric| Arc::new(metric.to_metric())).collect();
        batch.points().filter_map(move |point| {
            let metric = Arc::clone(metrics.get(point.row().metric as usize)?);
            Some(FoundPoint { metric, point: point.to_point(), resource: Arc::clone(&batch.resource) })
        })
    })
}
