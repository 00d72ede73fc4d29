//! What a cache knows of pipelines inside others: one entry for the whole, the entries of their nodes for parts.

use std::sync::Arc;

use flowglass::model::{Event, Span, SpanType};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{Cache, CallbackContext, Callbacks, DiskCache, IntoNode, Setting};
use parking_lot::Mutex;

#[node(output = "low")]
fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[node(output = "words")]
fn split(low: &str) -> Vec<String> {
    low.split(' ').map(str::to_owned).collect()
}

#[node(output = "length")]
fn measure(word: String, #[default(1)] times: usize) -> usize {
    word.len() * times
}

#[node(output = "total")]
fn add(lengths: Vec<usize>) -> usize {
    lengths.iter().sum()
}

#[node(output = "shown")]
fn show(total: usize, mark: &str) -> String {
    format!("{total}{mark}")
}

#[node(output = "count")]
fn count(words: &[String]) -> usize {
    words.len()
}

/// `lower`, `split`, a map and a sum.
fn counting() -> Pipeline {
    let each = measure {}.map_over("word", "words").output("length", "lengths");
    Pipeline::builder("counting").nodes(nodes![lower, split, add]).node(each).build().unwrap()
}

fn outer(inner: impl IntoNode) -> Pipeline {
    Pipeline::builder("outer").node(inner).node(show {}).build().unwrap()
}

fn run(pipeline: &Pipeline, cache: &Cache, text: &str) -> Run {
    pipeline.run(inputs! { text: text, mark: "!" }).cache(cache.clone()).wait().unwrap()
}

fn memory() -> Cache {
    Cache::from(MemoryCache::new())
}

/// What a run computed: its nodes and items, by their paths and indexes.
fn computed(run: &Run) -> Vec<String> {
    let is_computed =
        |span: &Span| matches!(span.span_type, SpanType::Node | SpanType::Item) && span.text("cache.status") != Some("hit");
    run.trace().into_iter().filter(is_computed).map(|span| span.name).collect()
}

fn names(run: &Run) -> Vec<String> {
    run.trace().into_iter().map(|span| span.name).collect()
}

#[test]
fn a_pipeline_that_was_finished_is_one_hit_with_one_span() {
    let (cache, pipeline) = (memory(), outer(counting().as_node().output("total", "total")));
    let first = run(&pipeline, &cache, "A bc DEF");
    assert_eq!(first.get::<String>("shown").unwrap(), "6!");
    assert_eq!(computed(&first).len(), 7);
    let again = run(&pipeline, &cache, "A bc DEF");
    assert_eq!(names(&again), ["pipeline outer", "pipeline counting", "node show"]);
    let inner = again.trace()[1].clone();
    assert_eq!(inner.text("cache.status"), Some("hit"));
    assert!(inner.attribute("cache.saved_ms").is_some());
    assert_eq!((computed(&again).len(), again.get::<String>("shown").unwrap().as_str()), (0, "6!"));
    assert_eq!((again.cache_stats().hits, again.cache_stats().misses), (5, 0), "its nodes count, a map as one");
    assert_eq!(again.get::<usize>("total").unwrap(), 6, "what it made can be had");
}

#[test]
fn where_something_changed_the_entries_of_its_nodes_remain() {
    let (cache, pipeline) = (memory(), outer(counting().as_node().output("total", "total")));
    run(&pipeline, &cache, "a bc def");
    assert_eq!(computed(&run(&pipeline, &cache, "A bc DEF")), ["node lower", "node split"], "the words are the same");
}

#[test]
fn items_that_were_finished_are_one_hit_each_whatever_is_inside() {
    let each = counting().as_node().map_over("text", "texts").output("total", "totals");
    let pipeline = Pipeline::builder("all").node(each).build().unwrap();
    let (cache, told) = (memory(), Arc::new(Mutex::new(Vec::new())));
    let note = Arc::clone(&told);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if matches!(&*event.site.path, "all" | "all > counting") {
            note.lock().push(format!("{}{}", event.name(), event.index.map_or_else(String::new, |index| format!(" {index}"))));
        }
    });
    let run = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let run = pipeline.run(inputs! { texts: texts }).cache(cache.clone()).callbacks(callbacks.clone()).wait().unwrap();
        (run.get::<Vec<usize>>("totals").unwrap(), std::mem::take(&mut *told.lock()))
    };
    run(&["a b", "cd"]);
    let (totals, told) = run(&["cd", "a b"]);
    assert_eq!(totals, [2, 2]);
    let right = ["pipeline.started", "map.started", "item.cached 0", "item.cached 1", "map.cached", "pipeline.finished"];
    assert_eq!(told, right, "an item that comes whole from the cache is one event");
    let (totals, told) = run(&["cd", "efg", "a b"]);
    assert_eq!(totals, [2, 3, 2]);
    let right = ["item.cached 0", "item.started 1", "item.finished 1", "item.cached 2", "map.finished", "pipeline.finished"];
    assert_eq!(told[2..], right);
}

#[test]
fn who_reads_it_finds_the_same_signatures_again() {
    let pipeline = Pipeline::builder("outer").node(counting().as_node().output("total", "total").output("words", "words"));
    let pipeline = pipeline.nodes(nodes![show, count]).node(measure {}.map_over("word", "words").output("length", "sizes"));
    let (pipeline, cache) = (pipeline.build().unwrap(), memory());
    run(&pipeline, &cache, "a bc");
    let again = run(&pipeline, &cache, "a bc");
    assert!(computed(&again).is_empty(), "{:?}", computed(&again));
    assert_eq!(again.get::<Vec<usize>>("sizes").unwrap(), [1, 2]);
}

#[test]
fn what_is_fixed_inside_and_what_holds_around_counts() {
    let cache = memory();
    let whole = |inner: Pipeline, environment: Option<&str>| {
        let pipeline = outer(inner.as_node().output("total", "total"));
        let pipeline = pipeline.with_environment(environment.map_or(Setting::Inherit, |text| Setting::Set(text.into())));
        let run = run(&pipeline, &cache, "a bc");
        (names(&run).len() == 3, run.get::<usize>("total").unwrap())
    };
    assert_eq!(whole(counting(), None), (false, 3));
    assert_eq!(whole(counting(), None), (true, 3));
    let twice = || counting().bind(inputs! { times: 2usize }).unwrap();
    assert_eq!(whole(twice(), None), (false, 6), "another value is bound");
    assert_eq!(whole(twice(), None), (true, 6));
    assert_eq!(whole(counting(), Some("new")), (false, 3), "other surroundings");
    assert_eq!(whole(counting().with_environment(Setting::Set("new".into())), None), (false, 3), "set inside");
    assert_eq!(whole(counting().with_version("2"), None), (false, 3), "another version");
    assert_eq!(whole(counting(), None), (true, 3));
}

#[test]
fn what_must_always_run_runs() {
    let cache = memory();
    let off = outer(counting().with_cache(Setting::Off).as_node().output("total", "total"));
    let use_off = outer(counting().as_node().cache(false).output("total", "total"));
    let node_off = Pipeline::builder("counting").node(lower {}.cache(false)).nodes(nodes![split, add]);
    let node_off = node_off.node(measure {}.map_over("word", "words").output("length", "lengths")).build().unwrap();
    let node_off = outer(node_off.as_node().output("total", "total"));
    let all = ["node lower", "node split", "item 0", "item 1", "node add"];
    for (pipeline, nodes) in [(off, &all[..]), (use_off, &all), (node_off, &all[..1])] {
        run(&pipeline, &cache, "a bc");
        assert_eq!(computed(&run(&pipeline, &cache, "a bc")), nodes);
    }
}

#[test]
fn an_entry_of_the_whole_lies_in_the_cache_around_and_those_of_nodes_in_the_pipelines_own() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open = |at: usize| DiskCache::open(folders[at].path()).unwrap();
    let pipeline = outer(counting().with_cache(Setting::Set(open(1).into())).as_node().output("total", "total"));
    let around: Cache = open(0).into();
    run(&pipeline, &around, "a bc");
    assert_eq!((open(0).entries().unwrap().len(), open(1).entries().unwrap().len()), (2, 5));
    open(1).clear().unwrap();
    let again = run(&pipeline, &around, "a bc");
    assert_eq!((names(&again).len(), again.get::<usize>("total").unwrap()), (3, 3), "the child's cache isn't asked");
    let elsewhere = run(&pipeline, &memory(), "a bc");
    assert_eq!(computed(&elsewhere).len(), 6, "without the outer entry, the child's own is asked, which is empty");
    assert_eq!(computed(&run(&pipeline, &memory(), "a bc")), ["node show"], "and now is not");
}

#[test]
fn a_pipeline_of_one_function_needs_no_entry_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let inner = Pipeline::builder("inner").node(lower {}).build().unwrap();
    let pipeline = Pipeline::builder("outer").node(inner).build().unwrap();
    let run = || pipeline.run(inputs! { text: "A" }).cache(cache.clone()).wait().unwrap();
    run();
    assert_eq!(cache.entries().unwrap().len(), 1);
    let again = run();
    assert_eq!(names(&again), ["pipeline outer", "pipeline inner"], "and is one hit all the same");
    assert_eq!((again.cache_stats().hits, again.get::<String>("low").unwrap().as_str()), (1, "a"));
}

#[test]
fn the_recorder_of_a_pipeline_hears_of_the_hit() {
    let (own, cache) = (TestRecorder::new(), memory());
    let counting = counting().with_telemetry(Setting::Set(own.recorder().clone()));
    let pipeline = outer(counting.as_node().output("total", "total"));
    run(&pipeline, &cache, "a bc");
    let before = own.spans().len();
    run(&pipeline, &cache, "a bc");
    let spans = own.spans();
    assert_eq!(spans.len(), before + 1);
    assert_eq!(spans.iter().filter(|span| span.text("cache.status") == Some("hit")).count(), 1);
}

#[test]
fn what_holds_for_a_time_only_is_known_by_its_nodes() {
    let (cache, hour) = (memory(), std::time::Duration::from_secs(3_600));
    let inner = Pipeline::builder("inner").nodes(nodes![lower]).node(split {}.ttl(hour)).build().unwrap();
    let pipeline = Pipeline::builder("outer").node(inner.as_node().output("words", "words")).node(count {}).build().unwrap();
    let run = || pipeline.run(inputs! { text: "A b" }).cache(cache.clone()).wait().unwrap();
    run();
    assert_eq!(names(&run()), ["pipeline outer", "pipeline inner", "node count"]);
}
