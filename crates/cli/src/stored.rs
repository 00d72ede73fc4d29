//! Whole answers of a store, page by page, for verbs that count over them.

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
    let mut spans = Vec::new();
    each_page(store, query, &mut |rows| {
        let Rows::Runs(runs) = rows else { return Ok(0) };
        for run in &runs {
            spans.extend(store.trace(run.id)?);
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
