//! The metrics that nodes, items, maps and pipelines feed: their names, their units, what tells their series apart.

use flowglass_model::{Attributes, conventions as names};
use flowglass_record::{Measures, SpanMeter, SpanMetric};

/// The places of the metrics that the engine counts itself, the same for everything that is called.
pub(crate) const RETRIES: usize = 0;
pub(crate) const HITS: usize = 1;
pub(crate) const MISSES: usize = 2;
pub(crate) const WRITES: usize = 3;
pub(crate) const SAVED: usize = 4;

/// The place of a map's metric that the engine counts itself.
pub(crate) const THROUGHPUT: usize = 0;

const COUNTED: [SpanMetric; 5] = [
    metric(names::NODE_RETRIES, "{attempt}", "Attempts after the first", Measures::Sum),
    metric(names::CACHE_HITS, "{node}", "Results that came from the cache", Measures::Sum),
    metric(names::CACHE_MISSES, "{node}", "Results that were looked for in the cache in vain", Measures::Sum),
    metric(names::CACHE_WRITES, "{node}", "Results that were put into the cache", Measures::Sum),
    metric(names::CACHE_SAVED, "s", "What the computations took that hits made unnecessary", Measures::Sum),
];

const NODE: [SpanMetric; 3] = [
    metric(names::NODE_EXECUTIONS, "{execution}", "Computations of a node, failed ones included", Measures::Ends),
    metric(names::NODE_DURATION, "s", "How long computations of a node took", Measures::Seconds),
    metric(names::NODE_ERRORS, "{error}", "Computations of a node that failed", Measures::Failures),
];

const ITEM: SpanMetric = metric(names::ITEM_DURATION, "s", "How long items of a map took", Measures::Seconds);

const MAP: SpanMetric = metric(names::MAP_THROUGHPUT, "{item}/s", "Items a second over the last whole map", Measures::Last);

const PIPELINE: [SpanMetric; 3] = [
    metric(names::PIPELINE_EXECUTIONS, "{execution}", "Runs of a pipeline, failed ones included", Measures::Ends),
    metric(names::PIPELINE_DURATION, "s", "How long runs of a pipeline took", Measures::Seconds),
    metric(names::PIPELINE_ERRORS, "{error}", "Runs of a pipeline that failed", Measures::Failures),
];

pub(crate) fn of_pipeline(name: &str) -> SpanMeter {
    let attributes = vec![(names::PIPELINE_NAME.to_owned(), name.into())];
    SpanMeter { attributes, metrics: COUNTED.into_iter().chain(PIPELINE).collect() }
}

pub(crate) fn of_node(pipeline: &str, node: &str) -> SpanMeter {
    SpanMeter { attributes: attributes(pipeline, node), metrics: COUNTED.into_iter().chain(NODE).collect() }
}

/// An item of a map; one that is a call counts as its node's, too.
pub(crate) fn of_item(pipeline: &str, map: &str, is_call: bool) -> SpanMeter {
    let of_node = NODE.into_iter().filter(|_| is_call);
    SpanMeter { attributes: attributes(pipeline, map), metrics: COUNTED.into_iter().chain([ITEM]).chain(of_node).collect() }
}

pub(crate) fn of_map(pipeline: &str, map: &str) -> SpanMeter {
    SpanMeter { attributes: attributes(pipeline, map), metrics: vec![MAP] }
}

fn attributes(pipeline: &str, node: &str) -> Attributes {
    vec![(names::PIPELINE_NAME.to_owned(), pipeline.into()), (names::NODE_ID.to_owned(), node.into())]
}

const fn metric(name: &'static str, unit: &'static str, description: &'static str, measures: Measures) -> SpanMetric {
    SpanMetric { name, unit, description, measures }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_stands_where_its_place_says() {
        let all_names = |meter: SpanMeter| meter.metrics.iter().map(|metric| metric.name).collect::<Vec<_>>();
        for meter in [of_pipeline("p"), of_node("p", "n"), of_item("p", "m", true), of_item("p", "m", false)] {
            let all = all_names(meter);
            assert_eq!((all[RETRIES], all[HITS], all[MISSES]), (names::NODE_RETRIES, names::CACHE_HITS, names::CACHE_MISSES));
            assert_eq!((all[WRITES], all[SAVED]), (names::CACHE_WRITES, names::CACHE_SAVED));
        }
        assert_eq!(all_names(of_map("p", "m"))[THROUGHPUT], names::MAP_THROUGHPUT);
    }
}
