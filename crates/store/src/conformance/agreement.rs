//! Random data and random queries, answered by the store and by memory.

use std::sync::Arc;

use flowglass_model::{Batch, Sink};

use super::chance::Chance;
use super::recording::Recording;
use super::{expect, told, wish};
use crate::query::Query;
use crate::{MemoryStore, Page, Rows, RunRecord, SinkOptions, Store};

pub(super) fn some_seeds(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    (0..4).try_for_each(|seed| agree(&*make(), seed))
}

/// Writes a recording into the store and into memory, and asks both the same.
pub(super) fn agree(store: &dyn Store, seed: u64) -> Result<(), String> {
    let reference = MemoryStore::new();
    let mut sinks = [store.sink(SinkOptions::default()).map_err(told)?, reference.sink(SinkOptions::default()).map_err(told)?];
    let (mut recording, mut chance) = (Recording::new(seed), Chance::new(seed));
    for step in 0..5 {
        for _ in 0..chance.below(5) {
            let batch = recording.batch(1 + chance.below(20));
            write(&mut sinks, &batch)?;
        }
        for question in 0..6 {
            let query = wish(seed.wrapping_mul(1_000_003).wrapping_add(step * 100 + question));
            same_pages(store, &reference, query).map_err(|why| format!("seed {seed}, step {step}: {why}"))?;
        }
    }
    Ok(())
}

fn write(sinks: &mut [Box<dyn Sink>], batch: &Arc<Batch>) -> Result<(), String> {
    sinks.iter_mut().try_for_each(|sink| sink.write(batch)).map_err(|error| format!("a sink failed: {error}"))
}

/// So many small pages are compared; the rest comes at once.
const SMALL_PAGES: usize = 4;

/// Walks over all pages of both.
fn same_pages(store: &dyn Store, reference: &dyn Store, mut query: Query) -> Result<(), String> {
    let mut sum = 0;
    for page in 0.. {
        query.limit = if page < SMALL_PAGES { query.limit } else { usize::MAX };
        let (found, wanted) = (store.query(&query).map_err(told)?, reference.query(&query).map_err(told)?);
        let (found, wanted) = (comparable(found), comparable(wanted));
        expect(&format!("`{query}` over {} behind {:?}", query.select.as_str(), query.after), &found, &wanted)?;
        sum += found.rows.len() as u64;
        query.after = found.next;
        if query.after.is_none() {
            break;
        }
    }
    let count = store.count(&query).map_err(told)?;
    expect(&format!("the count of `{query}` over {}", query.select.as_str()), &count, &sum)
}

/// How many spans are in a run isn't compared here: a span that was written twice may count twice.
fn comparable(page: Page) -> Page {
    let without_counts = |run: RunRecord| RunRecord { span_count: 0, error_count: 0, ..run };
    match page.rows {
        Rows::Runs(runs) => Page { rows: Rows::Runs(runs.into_iter().map(without_counts).collect()), ..page },
        rows => Page { rows, ..page },
    }
}
