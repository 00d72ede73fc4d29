//! Roll-ups, counted from the spans in memory.

use std::collections::BTreeMap;

use flowglass_model::{CacheStatus, Rollup, Span, Status, conventions as names};

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
        let key = (start, pipeline.to_owned(), span.name.clone(), node.to_owned());
        count(rollups.entry(key).or_default(), &span);
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

#[expect(clippy::cast_precision_loss, reason = "a bucket is wider than what a float leaves out")]
fn count(rollup: &mut Rollup, span: &Span) {
    rollup.count += 1;
    rollup.errors += u64::from(span.status == Status::Error);
    rollup.cached += u64::from(span.text(names::CACHE_STATUS) == Some(CacheStatus::Hit.as_str()));
    rollup.total_ns = rollup.total_ns.saturating_add(span.duration_ns);
    rollup.max_ns = rollup.max_ns.max(span.duration_ns);
    rollup.durations.record(span.duration_ns as f64);
}
