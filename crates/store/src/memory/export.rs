//! All that is in memory, as batches.

use std::collections::HashSet;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Fingerprint, Status, WriterId};

use super::held::{Held, Identity};
use super::runs;
use crate::selection::Wanted;
use crate::{Exported, Selection};

/// Returns what is selected, as it is now.
pub(super) fn export(held: &Held, selection: &Selection) -> Exported<'static> {
    let wanted = Wanted::new(selection);
    let first = [graphs(held, selection)].into_iter().chain(open(held, &wanted)).collect::<Vec<_>>();
    let replaced = held.certain();
    let then: Vec<Arc<Batch>> = held.batches.iter().cloned().collect();
    let then = then.into_iter().map(move |batch| wanted.of(&batch, |row| !is_replaced(&batch, row, &replaced)));
    Box::new(first.into_iter().chain(then).filter(|batch| !batch.is_empty()).map(Ok))
}

/// Returns the graphs that selected runs name, or all.
fn graphs(held: &Held, selection: &Selection) -> Batch {
    let named = selection.traces.as_ref().map(|traces| {
        let runs = runs::all(held).filter(|found| traces.contains(&found.run.id.trace));
        runs.filter_map(|found| found.run.fingerprint).collect::<HashSet<Fingerprint>>()
    });
    let mut graphs: Vec<_> = held.graphs().collect();
    graphs.retain(|graph| named.as_ref().is_none_or(|named| named.contains(&graph.fingerprint)));
    graphs.sort_unstable_by_key(|graph| graph.fingerprint);
    Batch { graphs, ..Batch::default() }
}

/// Returns a batch for each span that has not ended.
fn open(held: &Held, wanted: &Wanted) -> Vec<Batch> {
    let batch = |found: crate::FoundSpan| {
        let mut builder = BatchBuilder::new(WriterId::default(), 0, found.resource);
        builder.push(&found.span);
        builder.finish()
    };
    held.open().filter(|found| wanted.has(found.span.trace_id, found.span.start_unix_ns)).map(batch).collect()
}

/// Says whether a row tells that a span was given up which ended after all.
fn is_replaced(batch: &Batch, row: usize, replaced: &HashSet<Identity>) -> bool {
    let spans = &batch.spans;
    let identity = (spans.trace_id[row], spans.span_id[row], spans.start_unix_ns[row]);
    spans.status[row] == Status::Interrupted && replaced.contains(&identity)
}
