//! What went wrong elsewhere, one test a fault; what the other tests of this folder already show isn't shown again.

use std::process::Command;
use std::sync::Arc;

use flowglass::model::{Event, EventKind, Span, SpanId, Subject};
use flowglass::prelude::*;
use flowglass::{CallbackContext, Callbacks, LocalBackend, MemoryCache, Recorder};
use parking_lot::Mutex;

#[node(output = "doubled")]
fn double(number: u64) -> u64 {
    number * 2
}

#[node(output = "checked")]
fn check(doubled: u64) -> Result<u64, std::num::TryFromIntError> {
    u8::try_from(doubled).map(u64::from)
}

#[node(output = "said")]
fn say(checked: u64) -> String {
    format!("{checked}!")
}

#[node]
fn total(checks: Vec<u64>) -> u64 {
    checks.iter().sum()
}

#[node]
fn describe(value: &serde_json::Value) -> String {
    value.to_string()
}

fn chain() -> Pipeline {
    Pipeline::builder("chain").nodes(nodes![double, check, say]).build().unwrap()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap()
}

/// Elsewhere each node of a chain became the child of the one before it.
#[test]
fn nodes_of_a_chain_are_siblings() {
    let spans = chain().run(inputs! { number: 1u64 }).wait().unwrap().trace();
    let root = named(&spans, "pipeline chain").span_id;
    for node in ["node double", "node check", "node say"] {
        assert_eq!(named(&spans, node).parent_id, root, "{node}");
    }
}

/// Elsewhere a cached node had no span, and so was missing in the waterfall.
#[test]
fn a_cached_node_has_its_span() {
    let cache = MemoryCache::new();
    let run = || chain().run(inputs! { number: 1u64 }).cache(cache.clone()).wait().unwrap().trace();
    run();
    let spans = run();
    for node in ["node double", "node check", "node say"] {
        assert_eq!(named(&spans, node).text("cache.status"), Some("hit"), "{node}");
    }
}

/// Elsewhere a failed run left its context behind, and the next unrelated span became its child.
#[test]
fn nothing_hangs_on_a_run_that_failed() {
    let telemetry = flowglass::testing::TestRecorder::from_builder(Recorder::builder());
    let failed = chain().run(inputs! { number: 400u64 }).telemetry(telemetry.recorder().clone()).wait();
    assert!(failed.is_err());
    drop(telemetry.recorder().root_span("unrelated"));
    let unrelated = telemetry.span("unrelated").span().clone();
    let failed = telemetry.span("pipeline chain").span().clone();
    assert_eq!(unrelated.parent_id, SpanId::default());
    assert_ne!(unrelated.trace_id, failed.trace_id);
}

/// Elsewhere two maps of one pipeline overwrote each other's state, as it was kept by the node's name alone.
#[test]
fn two_maps_of_one_pipeline_have_spans_of_their_own() {
    let each = Pipeline::builder("each").nodes(nodes![double, check]).build().unwrap().as_node();
    let use_of = |name: &str, list: &str, checks: &str| {
        each.clone().named(name).map_over("number", list).output("checked", checks).output("doubled", format!("{name} doubled"))
    };
    let pipeline = Pipeline::builder("both").node(use_of("left", "lefts", "a")).node(use_of("right", "rights", "b"));
    let told: Arc<Mutex<Vec<(SpanId, bool)>>> = Arc::default();
    let note = Arc::clone(&told);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if event.site.subject == Subject::Item {
            note.lock().push((event.span, matches!(event.kind, EventKind::Finished { .. })));
        }
    });
    let inputs = inputs! { lefts: vec![1u64, 2], rights: vec![3u64, 4] };
    let run = pipeline.build().unwrap().run(inputs).callbacks(callbacks).wait().unwrap();
    assert_eq!((run.get::<Vec<u64>>("a").unwrap(), run.get::<Vec<u64>>("b").unwrap()), (vec![2, 4], vec![6, 8]));
    let mut told = std::mem::take(&mut *told.lock());
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 8, "four items, each with its own span, start and end");
    assert!(told.chunks(2).all(|pair| pair[0].0 == pair[1].0), "{told:?}");
}

/// Elsewhere 1 and "1", true and "True", [1] and "[1]" had the same key, and the second got the first's result.
#[test]
fn values_that_print_alike_have_results_of_their_own() {
    let pipeline = Pipeline::builder("p").node(describe {}).cache(MemoryCache::new()).build().unwrap();
    for text in ["1", "\"1\"", "1.0", "true", "\"true\"", "\"True\"", "[1]", "\"[1]\"", "[[1]]", "null", "\"null\"", "[]", "{}"]
    {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let run = pipeline.run(inputs! { value: value }).wait().unwrap();
        assert_eq!((run.cache_stats().hits, run.get::<String>("describe").unwrap().as_str()), (0, text));
    }
}

/// Elsewhere a nested map over nothing gave no outputs, and whoever read them failed.
#[test]
fn a_nested_map_over_nothing_gives_an_empty_list() {
    let each = Pipeline::builder("each").nodes(nodes![double, check]).build().unwrap().as_node();
    let each = each.map_over("number", "numbers").output("checked", "checks");
    let pipeline = Pipeline::builder("p").node(each).node(total {}).build().unwrap();
    let run = pipeline.run(inputs! { numbers: Vec::<u64>::new() }).wait().unwrap();
    assert_eq!((run.get::<Vec<u64>>("checks").unwrap(), run.get::<u64>("total").unwrap()), (vec![], 0));
}

/// Has the same key whatever it holds, so that hashing it would be seen.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Made(u64);

impl CacheKey for Made {
    fn cache_key(&self) -> String {
        "made".to_owned()
    }
}

#[node]
fn made(number: u64) -> Made {
    Made(number)
}

#[node]
fn used(made: &Made) -> u64 {
    made.0
}

/// Elsewhere what a node made was hashed by its value to find what reads it.
#[test]
fn what_a_node_makes_is_known_by_how_it_was_made() {
    let read = |run: Run| (run.cache_stats().hits, run.get::<u64>("used").unwrap());
    let alone = Pipeline::builder("p").node(used {}).cache(MemoryCache::new()).build().unwrap();
    let given = |number: u64| read(alone.run(inputs! { made: Made(number) }).wait().unwrap());
    assert_eq!((given(1), given(2)), ((0, 1), (1, 1)), "an input counts by its key");
    let pipeline = Pipeline::builder("p").nodes(nodes![made, used]).cache(MemoryCache::new()).build().unwrap();
    let made = |number: u64| read(pipeline.run(inputs! { number: number }).wait().unwrap());
    assert_eq!((made(1), made(2), made(2)), ((0, 1), (0, 2), (2, 2)));
}

/// Elsewhere what was found inside pipelines and maps was missing in the statistics around them.
#[test]
fn statistics_of_three_levels_and_a_map_add_up() {
    let level2 = Pipeline::builder("level2").node(double {}).build().unwrap();
    let level1 = Pipeline::builder("level1").node(level2.as_node()).node(check {}).build().unwrap();
    let each = level1.as_node().map_over("number", "numbers").output("checked", "checks");
    let root = Pipeline::builder("root").node(each).node(total {}).cache(MemoryCache::new()).build().unwrap();
    let counted = |numbers: &[u64]| {
        let run = root.run(inputs! { numbers: numbers.to_vec() }).wait().unwrap();
        (run.cache_stats().hits, run.cache_stats().misses)
    };
    assert_eq!(counted(&[1, 2]), (0, 5), "two nodes of each item and the total");
    assert_eq!(counted(&[1, 2, 3]), (4, 3));
    assert_eq!(counted(&[1, 2, 3]), (7, 0));
}

/// Elsewhere every pipeline had the depth 1 and a path of one name.
#[test]
fn a_map_in_a_nested_pipeline_knows_its_depth_and_ends_in_order() {
    let each = Pipeline::builder("each").nodes(nodes![double, check]).build().unwrap().as_node();
    let each = each.map_over("number", "numbers").output("checked", "checks");
    let inner = Pipeline::builder("inner").node(each).build().unwrap();
    let outer = Pipeline::builder("outer").node(inner.as_node()).node(total {}).build().unwrap();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&lines);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, context: &mut CallbackContext| {
        if event.site.subject != Subject::Node {
            let place = context.hierarchy().join(" > ");
            note.lock().push(format!("{} {} in {place} at {}", event.name(), event.of(), context.depth()));
        }
    });
    outer.run(inputs! { numbers: vec![1u64] }).callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(std::mem::take(&mut *lines.lock()).join("\n"), @"
    pipeline.started outer in outer at 0
    pipeline.started inner in outer > inner at 1
    map.started each in outer > inner at 1
    item.started each in outer > inner at 1
    item.finished each in outer > inner at 1
    map.finished each in outer > inner at 1
    pipeline.finished inner in outer > inner at 1
    pipeline.finished outer in outer at 0
    ");
}

/// Elsewhere what ran in batches told of no nodes, passed the cache by, and left a mark that it was in a map.
#[test]
fn items_that_go_to_threads_many_at_once_are_told_of_and_kept_one_by_one() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&told);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        note.lock().push((event.name(), event.index));
    });
    let (pipeline, cache) = (chain(), MemoryCache::new());
    let numbers: Vec<u64> = (0..120).collect();
    let count = |name: &str| {
        let told = told.lock();
        let mut indexes: Vec<u64> = told.iter().filter(|(known, _)| known == name).filter_map(|(_, index)| *index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes.len()
    };
    let map = || {
        told.lock().clear();
        let map =
            pipeline.map(inputs! { number: numbers.clone() }, ["number"]).cache(cache.clone()).callbacks(callbacks.clone());
        map.backend(LocalBackend::threads()).wait().unwrap()
    };
    assert_eq!(map().failed(), 0);
    assert_eq!(["item.started", "node.started", "node.finished", "item.finished"].map(count), [120; 4]);
    assert_eq!(map().cache_stats().hits, 360);
    assert_eq!(["item.cached", "item.started", "node.started"].map(count), [120, 0, 0]);
    told.lock().clear();
    pipeline.run(inputs! { number: 3_u64 }).callbacks(callbacks.clone()).wait().unwrap();
    assert!(told.lock().iter().all(|(_, index)| index.is_none()), "nothing is left of the map");
}

/// Elsewhere the name of a span was the text of a template, and what a map's items show was another in the documents.
#[test]
fn spans_have_names_of_their_own_and_items_are_shown_by_default() {
    let map = chain().map(inputs! { number: vec![1_u64, 2] }, ["number"]).wait().unwrap();
    let spans = map.trace();
    assert!(spans.iter().all(|span| !span.name.contains(['{', '}', '%'])), "{spans:#?}");
    assert_eq!(spans.iter().filter(|span| span.name.starts_with("item ")).count(), 2);
    assert_eq!(named(&spans, "item 1").attribute("map.index").and_then(|index| index.as_int()), Some(1));
}

/// Elsewhere nodes were equal when their functions and outputs were called the same.
#[test]
fn one_function_is_as_many_nodes_as_it_has_names() {
    let again = double {}.named("again").input("number", "doubled").output("doubled", "quadrupled");
    let pipeline = Pipeline::builder("p").node(again).node(double {}).build().unwrap();
    let run = pipeline.run(inputs! { number: 3u64 }).wait().unwrap();
    assert_eq!((run.get::<u64>("doubled").unwrap(), run.get::<u64>("quadrupled").unwrap()), (6, 12));
}

const CHILD: &str = "FLOWGLASS_TEST_CACHE";

fn hits_in(folder: &std::path::Path) -> u64 {
    let inner = Pipeline::builder("inner").nodes(nodes![double, check]).build().unwrap();
    let pipeline = Pipeline::builder("outer").node(inner.as_node()).node(say {}).build().unwrap();
    let run = pipeline.run(inputs! { number: 1u64 }).cache(DiskCache::open(folder).unwrap()).wait().unwrap();
    run.cache_stats().hits
}

/// Elsewhere the code hash of a pipeline inside another held an address, and no other process found its results.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child is this test again, told its folder by its environment")]
fn another_process_finds_what_a_nested_pipeline_made() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return assert_eq!(hits_in(folder.as_ref()), 3);
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(hits_in(folder.path()), 0);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "another_process_finds_what_a_nested_pipeline_made"])
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}
