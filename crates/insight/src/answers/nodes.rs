//! Counts and durations of each node over any time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use flowglass_model::{Graph, Rollup, Span, conventions as names};
use serde::Serialize;

/// Counts and durations of the spans of one node, or with one name where they are no node's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeStatistics {
    /// The pipeline, or empty.
    pub pipeline: String,
    /// The name of the spans; `item *` for all items of a map, `attempt *` for all attempts of a node.
    pub name: String,
    /// The node, or empty.
    pub node: String,
    /// How many have ended.
    pub count: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many of them came from the cache.
    pub cached: u64,
    /// The part of them that failed, 0 to 1.
    pub error_rate: f64,
    /// The part of them that came from the cache, 0 to 1.
    pub hit_rate: f64,
    /// How long they took together, in nanoseconds.
    pub total_ns: u64,
    /// The part of the time of all nodes that it took, 0 to 1, a map's items included where they are calls of its node. What stands
    /// around nodes doesn't count: pipelines, maps, items that run pipelines.
    pub share: f64,
    /// The mean duration, in nanoseconds.
    pub mean_ns: u64,
    /// The shortest duration, in nanoseconds, within 1 %, as are the next four.
    pub min_ns: u64,
    /// The median, in nanoseconds.
    pub p50_ns: u64,
    /// What 90 of 100 don't exceed.
    pub p90_ns: u64,
    /// What 95 of 100 don't exceed.
    pub p95_ns: u64,
    /// What 99 of 100 don't exceed.
    pub p99_ns: u64,
    /// The longest duration, in nanoseconds.
    pub max_ns: u64,
}

/// Returns the statistics of each node of each pipeline, whatever their periods, the longest in all first. The graphs of the pipelines
/// say which items are calls, where they are known.
#[must_use]
pub fn by_node(rollups: &[Rollup], graphs: &[Graph]) -> Vec<NodeStatistics> {
    let mut sums: BTreeMap<(&str, &str, &str), Rollup> = BTreeMap::new();
    for rollup in rollups {
        sums.entry((&rollup.pipeline, Rollup::name_of(&rollup.name), &rollup.node)).or_default().merge(rollup);
    }
    let mut mapped = BTreeSet::new();
    graphs.iter().for_each(|graph| add_mapped_calls(graph, &mut mapped));
    let is_call = |&(pipeline, name, node): &(&str, &str, &str)| {
        name.starts_with("node ") || (name == Rollup::ALL_ITEMS && mapped.contains(&(pipeline, node)))
    };
    let all_ns = sums.iter().filter(|(key, _)| is_call(key)).fold(0_u64, |sum, (_, one)| sum.saturating_add(one.total_ns));
    let statistics = |(key, sum): (&(&str, &str, &str), &Rollup)| {
        let share = if is_call(key) { part(sum.total_ns, all_ns) } else { 0.0 };
        NodeStatistics { share, ..statistics(*key, sum) }
    };
    let mut nodes: Vec<NodeStatistics> = sums.iter().map(statistics).collect();
    nodes.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| (&a.pipeline, &a.name).cmp(&(&b.pipeline, &b.name))));
    nodes
}

/// Adds the pipelines and names of nodes that are called once for each item of a list.
fn add_mapped_calls<'g>(graph: &'g Graph, mapped: &mut BTreeSet<(&'g str, &'g str)>) {
    for node in &graph.nodes {
        match &node.pipeline {
            Some(inner) => add_mapped_calls(inner, mapped),
            None if !node.map_over.is_empty() => drop(mapped.insert((&graph.name, &node.name))),
            None => {}
        }
    }
}

/// Returns what to call the spans of a name and a node: `item * of files` where all items of a map count together.
#[must_use]
pub fn called<'a>(name: &'a str, node: &str) -> Cow<'a, str> {
    let is_of_many = name.ends_with(" *") && !node.is_empty();
    if is_of_many { Cow::Owned(format!("{name} of {node}")) } else { Cow::Borrowed(name) }
}

/// Counts the ended spans of runs of one pipeline by their names and nodes, for times and runs that roll-ups don't tell apart.
#[must_use]
pub fn count_spans(pipeline: &str, spans: &[Span]) -> Vec<Rollup> {
    let mut rollups: BTreeMap<(String, &str), Rollup> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.status.is_final()) {
        let node = span.text(names::NODE_ID).unwrap_or_default();
        rollups.entry((Rollup::name_of(&span.name).to_owned(), node)).or_default().count(span);
        if let Some(items) = Rollup::of_unsampled(|key| span.attribute(key).cloned()) {
            rollups.entry((items.name.clone(), node)).or_default().merge(&items);
        }
    }
    let named = |((name, node), rollup): ((String, &str), Rollup)| Rollup {
        pipeline: pipeline.to_owned(),
        name,
        node: node.to_owned(),
        ..rollup
    };
    rollups.into_iter().map(named).collect()
}

fn statistics((pipeline, name, node): (&str, &str, &str), sum: &Rollup) -> NodeStatistics {
    NodeStatistics {
        pipeline: pipeline.to_owned(),
        name: name.to_owned(),
        node: node.to_owned(),
        count: sum.count,
        errors: sum.errors,
        cached: sum.cached,
        error_rate: part(sum.errors, sum.count),
        hit_rate: part(sum.cached, sum.count),
        total_ns: sum.total_ns,
        share: 0.0,
        mean_ns: sum.total_ns.checked_div(sum.count).unwrap_or_default(),
        min_ns: sum.quantile_ns(0.0),
        p50_ns: sum.quantile_ns(0.5),
        p90_ns: sum.quantile_ns(0.9),
        p95_ns: sum.quantile_ns(0.95),
        p99_ns: sum.quantile_ns(0.99),
        max_ns: sum.max_ns,
    }
}

/// Returns which part of a whole something is, 0 to 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub(super) fn part(some: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { some as f64 / all as f64 }
}

#[cfg(test)]
pub(super) fn rollup(node: &str, start_unix_ns: i64, durations_ns: &[u32], errors: u64) -> Rollup {
    let mut rollup = Rollup {
        start_unix_ns: Some(start_unix_ns),
        pipeline: "demo".into(),
        name: format!("node {node}"),
        node: node.into(),
        count: durations_ns.len() as u64,
        errors,
        ..Rollup::default()
    };
    for &duration_ns in durations_ns {
        rollup.total_ns += u64::from(duration_ns);
        rollup.max_ns = rollup.max_ns.max(duration_ns.into());
        rollup.durations.record(f64::from(duration_ns));
    }
    rollup
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Fingerprint, GraphNode, Status};

    use super::*;

    #[test]
    fn spans_are_counted_by_node() {
        let span = |status, duration_ns| Span {
            name: "node a".into(),
            status,
            duration_ns,
            attributes: vec![(names::NODE_ID.into(), "a".into()), (names::CACHE_STATUS.into(), "hit".into())],
            ..Span::default()
        };
        let counted = count_spans("demo", &[span(Status::Ok, 10), span(Status::Error, 30), span(Status::Running, 99)]);
        let [only] = by_node(&counted, &[]).try_into().unwrap();
        let NodeStatistics { count, errors, cached, total_ns, max_ns, .. } = only;
        assert_eq!((count, errors, cached, total_ns, max_ns), (2, 1, 2, 40, 30));
        assert_eq!((only.pipeline.as_str(), only.node.as_str()), ("demo", "a"));
    }

    #[test]
    fn periods_of_one_node_are_one_row() {
        let around = Rollup { node: String::new(), name: "pipeline demo".into(), ..rollup("", 0, &[1000], 0) };
        let nodes =
            by_node(&[rollup("a", 0, &[100], 1), rollup("b", 0, &[50], 0), around, rollup("a", 60, &[300, 200], 0)], &[]);
        let plain = |node: &NodeStatistics| (node.node.clone(), node.count, node.errors, node.mean_ns, node.max_ns);
        let wanted = [(String::new(), 1, 0, 1000, 1000), ("a".into(), 3, 1, 200, 300), ("b".into(), 1, 0, 50, 50)];
        assert_eq!(nodes.iter().map(plain).collect::<Vec<_>>(), wanted);
        assert!(nodes[1].p50_ns.abs_diff(200) <= 2, "{}", nodes[1].p50_ns);
        assert!((nodes[1].share - 600.0 / 650.0).abs() < 1e-9 && nodes[0].share == 0.0);
        let item = |number: u32| Rollup { name: format!("item {number}"), ..rollup("files", 0, &[10], 0) };
        let items = by_node(&[item(1), item(20), rollup("b", 0, &[5], 0)], &[]);
        assert_eq!((items[0].name.as_str(), items[0].count, items[0].share, items[1].share), ("item *", 2, 0.0, 1.0));
        assert_eq!(items[0].node, "files");
        assert_eq!(by_node(&[], &[]), []);
        let called_by = [("item *", "files"), ("item *", ""), ("node files", "files")].map(|(name, node)| called(name, node));
        assert_eq!(called_by, ["item * of files", "item *", "node files"]);
    }

    fn graph(name: &str, nodes: Vec<GraphNode>) -> Graph {
        let fingerprint = Fingerprint::from_bytes([1; 16]);
        Graph { fingerprint, name: name.into(), version: String::new(), inputs: Vec::new(), nodes }
    }

    fn mapped(name: &str, pipeline: Option<Graph>) -> GraphNode {
        GraphNode {
            name: name.into(),
            node_type: "function".into(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            map_over: vec!["x".into()],
            cached: true,
            pipeline: pipeline.map(Box::new),
        }
    }

    #[test]
    fn items_that_are_calls_share_the_time_and_those_that_run_pipelines_do_not() {
        let inner = graph("inner", vec![mapped("deep", None)]);
        let demo = graph("demo", vec![mapped("files", None), mapped("each", Some(inner))]);
        let of = |pipeline: &str, name: &str, node, ns| Rollup {
            pipeline: pipeline.into(),
            name: name.into(),
            ..rollup(node, 0, &[ns], 0)
        };
        let rollups = [
            of("demo", "item *", "files", 600),
            of("demo", "item *", "each", 500),
            of("inner", "item *", "deep", 300),
            of("inner", "node last", "last", 100),
        ];
        let nodes = by_node(&rollups, &[demo]);
        let shares: Vec<_> = nodes.iter().map(|node| (node.node.as_str(), node.share)).collect();
        assert_eq!(shares, [("files", 0.6), ("each", 0.0), ("deep", 0.3), ("last", 0.1)]);
    }
}
