//! Only what is needed runs, at every depth and whoever runs it, and a run of a part shares its results with one of the whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flowglass::model::{Span, SpanId, SpanType};
use flowglass::prelude::*;
use flowglass::{Backend, DiskCache, Execution, LocalBackend};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::copies_at;
use crate::graphs::{Graph, SEEN, graphs, pipeline};

/// What came of a run: each value that was asked for, and each call of a function by its path with the indexes of items.
struct Ran {
    values: BTreeMap<String, u64>,
    calls: Vec<String>,
    /// What of that was computed, and not found in the cache.
    computed: Vec<String>,
}

fn run(pipeline: &Pipeline, inputs: Inputs, wanted: &[String], backend: &Backend, cache: Option<&DiskCache>) -> Ran {
    let run = pipeline.run(inputs).outputs(wanted.iter().map(String::as_str)).backend(backend.clone());
    let run = if let Some(cache) = cache { run.cache(cache.clone()) } else { run };
    let run = run.wait().unwrap();
    let values = wanted.iter().map(|name| (name.clone(), run.get::<u64>(name).unwrap())).collect();
    let calls = calls(&run.trace());
    let computed = calls.iter().filter(|(_, is_hit)| !is_hit).map(|(path, _)| path.clone()).collect();
    Ran { values, calls: calls.into_iter().map(|(path, _)| path).collect(), computed }
}

/// The calls of functions, in order, and whether the cache had them.
fn calls(spans: &[Span]) -> Vec<(String, bool)> {
    let by_id: HashMap<SpanId, &Span> = spans.iter().map(|span| (span.span_id, span)).collect();
    let path = |span: &Span| {
        let above = std::iter::successors(by_id.get(&span.parent_id), |span| by_id.get(&span.parent_id));
        let mut names: Vec<&str> = above.map(|span| name(span)).collect();
        names.reverse();
        names[1..].iter().chain([&name(span)]).fold("p".to_owned(), |path, name| format!("{path} > {name}"))
    };
    let calls = spans.iter().filter(|span| span.span_type == SpanType::Node);
    let mut calls: Vec<_> = calls.map(|span| (path(span), span.text("cache.status") == Some("hit"))).collect();
    calls.sort();
    calls
}

/// The name of a pipeline, a node or a map without what it is; an item keeps that.
fn name(span: &Span) -> &str {
    if span.span_type == SpanType::Item { &span.name } else { span.name.split_once(' ').map_or(&*span.name, |(_, name)| name) }
}

/// Paths without the indexes of items.
fn places(calls: &[String]) -> BTreeSet<String> {
    let without = |path: &String| path.split(" > ").filter(|name| !name.starts_with("item ")).collect::<Vec<_>>().join(" > ");
    calls.iter().map(without).collect()
}

fn inputs_of(names: &BTreeSet<&'static str>) -> Inputs {
    names.iter().fold(Inputs::new(), |inputs, &name| inputs.with(name, flowglass::typed!(if name == "a" { 5_u64 } else { 6 })))
}

fn both() -> Inputs {
    inputs_of(&BTreeSet::from(["a", "b"]))
}

fn some_of(graph: &Graph, chosen: &[Index]) -> Vec<String> {
    let made = graph.made();
    let chosen: BTreeSet<String> = chosen.iter().map(|chosen| chosen.get(&made).clone()).collect();
    chosen.into_iter().collect()
}

fn ways() -> Vec<Backend> {
    let local = |execution| LocalBackend { node_execution: execution, map_execution: execution, max_workers: Some(3) };
    let away = Backend::from(flowglass::over(copies_at(2, "shapes_entry")));
    vec![local(Execution::Sequential).into(), local(Execution::Async).into(), local(Execution::Threads).into(), away]
}

fn for_all(cases: u32, law: impl Fn(&Graph, &[String]) -> Result<(), TestCaseError>) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let drawn = (graphs(), prop::collection::vec(any::<Index>(), 1..3));
    let result = runner.run(&drawn, |(graph, chosen)| law(&graph, &some_of(&graph, &chosen)));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn exactly_what_is_needed_runs_at_every_depth() {
    let ways = ways();
    for_all(48, |graph, wanted| {
        let pipeline = pipeline(graph).unwrap();
        let expected = graph.needed("p", &wanted.iter().cloned().collect());
        let whole = run(&pipeline, both(), &graph.made(), &ways[0], None);
        for way in &ways {
            let part = run(&pipeline, inputs_of(&expected.inputs), wanted, way, None);
            prop_assert_eq!(&places(&part.calls), &expected.nodes, "{:?}", way);
            prop_assert!(part.calls.windows(2).all(|pair| pair[0] != pair[1]), "each once: {:?}", part.calls);
            prop_assert!(part.calls.iter().all(|call| whole.calls.contains(call)), "{:?}", part.calls);
            prop_assert!(part.values.iter().all(|(name, value)| whole.values[name] == *value), "{:?}", part.values);
        }
        Ok(())
    });
}

#[test]
fn of_a_map_each_item_runs_only_what_is_needed() {
    let ways = ways();
    for_all(12, |graph, wanted| {
        let pipeline = pipeline(graph).unwrap();
        let expected = graph.needed("p", &wanted.iter().cloned().collect());
        let whole = run(&pipeline, both(), wanted, &ways[0], None);
        for way in &ways {
            let inputs = Inputs::new().with("a", flowglass::typed!(vec![5_u64, 5]));
            let inputs = if expected.inputs.contains("b") { inputs.with("b", flowglass::typed!(6_u64)) } else { inputs };
            let items =
                pipeline.map(inputs, ["a"]).outputs(wanted.iter().map(String::as_str)).backend(way.clone()).wait().unwrap();
            let per_item = expected.nodes.iter().map(|path| path.replacen("p > ", &format!("p > {} > ", pipeline.name()), 1));
            let ran: Vec<String> = calls(&items.trace()).into_iter().map(|(path, _)| path).collect();
            prop_assert_eq!(&places(&ran), &per_item.collect::<BTreeSet<_>>(), "{:?}", way);
            for name in wanted {
                prop_assert_eq!(items.column::<u64>(name).unwrap(), vec![whole.values[name]; 2]);
            }
        }
        Ok(())
    });
}

#[test]
fn a_part_and_the_whole_share_what_they_both_run() {
    let ways = ways();
    for_all(16, |graph, wanted| {
        let pipeline = pipeline(graph).unwrap();
        let all = graph.made();
        for way in &ways {
            let folder = tempfile::tempdir().unwrap();
            let cache = DiskCache::open(folder.path()).unwrap();
            let part = run(&pipeline, both(), wanted, way, Some(&cache));
            let whole = run(&pipeline, both(), &all, way, Some(&cache));
            let again = whole.computed.iter().filter(|call| part.computed.contains(call)).collect::<Vec<_>>();
            prop_assert!(again.is_empty(), "{:?}: {:?}", way, again);
            prop_assert!(part.values.iter().all(|(name, value)| whole.values[name] == *value));
            let folder = tempfile::tempdir().unwrap();
            let cache = DiskCache::open(folder.path()).unwrap();
            run(&pipeline, both(), &all, way, Some(&cache));
            for times in 0..2 {
                let part = run(&pipeline, both(), wanted, way, Some(&cache));
                prop_assert!(part.computed.is_empty(), "{:?}, {}: {:?}", way, times, part.computed);
                prop_assert!(part.values.iter().all(|(name, value)| whole.values[name] == *value));
            }
        }
        Ok(())
    });
}

#[test]
fn what_nobody_asks_for_is_run_where_nobody_says_what_to_leave_out() {
    let graph = Graph(vec![crate::graphs::Step::Inside(0, 1, Graph(vec![crate::graphs::Step::Sum(vec![0], 0)]))]);
    let run = pipeline(&graph).unwrap().run(both()).wait().unwrap();
    let ran: Vec<String> = calls(&run.trace()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(ran, ["p > seen".to_owned(), "p > v0 > v0".to_owned()], "{SEEN} of the pipeline inside isn't seen outside");
}
