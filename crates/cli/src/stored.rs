//! Whole answers of a store, page by page, for verbs that count over them.

use std::collections::HashSet;

use flowglass::model::Span;
use flowglass::store::query::{Query, Select};
use flowglass::store::{Rows, RunRecord, Store};

use crate::failure::Failure;

const PAGE: usize = 1_000;
/// So many runs, or spans, are looked at: the first in the query's order.
const MOST: usize = 100_000;

/// Reads all runs that match.
pub(crate) fn runs_with(store: &dyn Store, query: Query) -> Result<Vec<RunRecord>, Failure> {
    debug_assert_eq!(query.select, Select::Runs, "runs are asked for");
    let mut query = query.limit(PAGE);
    let mut runs = Vec::new();
    loop {
        let page = store.query(&query)?;
        if let Rows::Runs(found) = page.rows {
            runs.extend(found);
        }
        query.after = page.next;
        if query.after.is_none() {
            return Ok(runs);
        }
    }
}

/// Reads the spans of all runs that match.
pub(crate) fn spans_of_runs(store: &dyn Store, query: &Query) -> Result<Vec<Span>, Failure> {
    let (mut spans, mut known) = (Vec::new(), HashSet::new());
    each_page(store, query, &mut |rows| {
        let Rows::Runs(runs) = rows else { return Ok(0) };
        for run in &runs {
            // A run may be inside of another one.
            spans.extend(store.trace(run.id)?.into_iter().filter(|span| known.insert((span.trace_id, span.span_id))));
        }
        Ok(runs.len())
    })?;
    Ok(spans)
}

/// Reads all spans that match.
pub(crate) fn spans_with(store: &dyn Store, query: Query) -> Result<Vec<Span>, Failure> {
    let mut spans = Vec::new();
    each_page(store, &query, &mut |rows| {
        let Rows::Spans(found) = rows else { return Ok(0) };
        spans.extend(found.into_iter().map(|found| found.span));
        Ok(PAGE)
    })?;
    Ok(spans)
}

/// Shows the pages of an answer until so many things were taken as are looked at, which `take` counts.
pub(crate) fn each_page(
    store: &dyn Store,
    query: &Query,
    take: &mut dyn FnMut(Rows) -> Result<usize, Failure>,
) -> Result<(), Failure> {
    let mut query = Query { limit: query.limit.max(PAGE), ..query.clone() };
    let mut taken = 0;
    while taken < MOST {
        let page = store.query(&query)?;
        taken += take(page.rows)?;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flowglass::model::{BatchBuilder, Sink as _, SpanId, SpanType, Status, TraceId, flags};
    use flowglass::store::{MemoryStore, SinkOptions};

    use super::*;

    #[test]
    fn a_run_inside_of_another_counts_once() {
        let span = |id: u64, parent: u64, span_type, flags| Span {
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_u64(id),
            parent_id: SpanId::from_u64(parent),
            span_type,
            flags,
            status: Status::Ok,
            ..Span::default()
        };
        let (pipeline, node) = (SpanType::Pipeline, SpanType::Node);
        let spans =
            [span(1, 0, pipeline, 0), span(2, 1, node, 0), span(3, 2, pipeline, flags::IS_RUN_ROOT), span(4, 3, node, 0)];
        let mut builder = BatchBuilder::default();
        spans.iter().for_each(|span| builder.push(span));
        let store = MemoryStore::new();
        store.sink(SinkOptions::default()).unwrap().write(&std::sync::Arc::new(builder.finish())).unwrap();
        let mut ids: Vec<u64> = spans_of_runs(&store, &Query::runs())
            .unwrap_or_else(|error| panic!("{}", error.message))
            .iter()
            .map(|span| span.span_id.to_u64())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4]);
    }
}
