//! Counts: the same as the rows of all pages, whatever a store counts by.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::Status;

use super::{Recording, expect, told};
use crate::query::{Moment, Query, Select};
use crate::{SinkOptions, Store};

const MIDDLE: Moment = Moment::At(1_700_000_100_000_000_000);

pub(super) fn as_pages(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let mut recording = Recording::new(11);
    for _ in 0..25 {
        sink.write(&recording.batch(40)).map_err(|error| error.to_string())?;
    }
    for query in questions() {
        let wanted = walk(&*store, &query)?;
        let found = store.count(&query.clone().limit(3)).map_err(told)?;
        expect(&format!("the count of `{query}` over {}", query.select.as_str()), &found, &wanted)?;
    }
    Ok(())
}

/// What sketches may decide, alone and together.
fn questions() -> Vec<Query> {
    let times = [
        Query::spans(),
        Query::spans().since(MIDDLE),
        Query::spans().before(MIDDLE),
        Query::spans().since(MIDDLE).longer_than(Duration::from_secs(3)),
        Query::spans().at_most(Duration::from_secs(2)),
    ];
    let narrowed = times.iter().flat_map(|of| {
        let by_status = Status::ALL.iter().map(|status| of.clone().status(*status));
        let attributes =
            [of.clone().is("node.id", "encode"), of.clone().equals("rows", 12), of.clone().is("service.name", "press")];
        let names = [of.clone().name("node encode"), of.clone().is("node.id", "clean").status(Status::Error)];
        by_status.chain(attributes).chain(names).collect::<Vec<_>>()
    });
    let others = Select::ALL.iter().map(|select| Query::new(*select));
    times.iter().cloned().chain(narrowed.collect::<Vec<_>>()).chain(others).collect()
}

fn walk(store: &dyn Store, query: &Query) -> Result<u64, String> {
    let (mut query, mut rows) = (query.clone().limit(usize::MAX), 0);
    loop {
        let page = store.query(&query).map_err(told)?;
        rows += page.rows.len() as u64;
        query.after = page.next;
        if query.after.is_none() {
            return Ok(rows);
        }
    }
}
