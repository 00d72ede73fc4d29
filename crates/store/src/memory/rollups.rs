//! Roll-ups, counted from the spans in memory.

use std::collections::BTreeMap;

use flowglass_model::{Rollup, conventions as names};

use super::held::Held;
use crate::RollupFilter;

/// Returns counts and durations of the ended spans, by time and names.
pub(super) fn list(held: &Held, filter: &RollupFilter) -> Vec<Rollup> {
    let mut rollups: BTreeMap<_, Rollup> = BTreeMap::new();
    for found in held.batches.iter().flat_map(|batch| batch.spans()) {
        let span = found.to_span();
        let text = |key| span.text(key).unwrap_or_default();
        let (pipeline, node) = (text(names::PIPELINE_NAME), text(names::NODE_ID));
        if !filter.wants(span.start_unix_ns, pipeline) {
            continue;
        }
        let start = filter.period_of(span.start_unix_ns);
        let key = |name: &str| (start, pipeline.to_owned(), name.to_owned(), node.to_owned());
        rollups.entry(key(Rollup::name_of(&span.name))).or_default().count(&span);
        if let Some(items) = Rollup::of_unsampled(|key| span.attribute(key).cloned()) {
            rollups.entry(key(&items.name)).or_default().merge(&items);
        }
    }
    let named = rollups.into_iter().map(|((start_unix_ns, pipeline, name, node), rollup)| Rollup {
        start_unix_ns,
        pipeline,
        name,
        node,
        ..rollup
    });
    named.collect()
}
