//! Sampling of runs: by rate and by rule, promoted, held; metrics count all of them.

use std::time::Duration;

use flowglass::model::{Span, Status, TraceId, TraceParent};
use flowglass::prelude::*;
use flowglass::store::query::Query;
use flowglass::store::{MemoryStore, RollupFilter, Rows, SinkOptions, Store};
use flowglass::testing::TestRecorder;
use flowglass::{LocalBackend, MapItems, MemoryCache, Sampling};

#[node(output = "checked")]
fn check(number: i64) -> Result<i64, String> {
    if number >= 0 { Ok(number) } else { Err(format!("{number} is negative")) }
}

#[node(output = "doubled")]
fn double(checked: i64) -> i64 {
    let _inside = span("inside");
    checked * 2
}

/// A rate at which next to nothing is chosen.
const RARELY: f64 = 1e-12;

fn pipeline() -> Pipeline {
    Pipeline::builder("numbers").nodes(nodes![check, double]).build().unwrap()
}

fn telemetry(sampling: Sampling) -> TestRecorder {
    TestRecorder::from_builder(Recorder::builder().sampling(sampling))
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn rate_zero_stores_nothing_and_counts_everything() {
    let telemetry = telemetry(Sampling::rate(0.0));
    for number in [1_i64, -1] {
        let run = pipeline().run(inputs! { number: number }).telemetry(telemetry.recorder().clone());
        assert_eq!(run.wait().is_ok(), number > 0);
    }
    assert!(telemetry.spans().is_empty() && telemetry.loose_events().is_empty());
    assert_eq!((telemetry.counted("pipeline.executions"), telemetry.counted("node.executions")), (2.0, 3.0));
    assert_eq!(telemetry.counted("node.errors"), 1.0);
}

#[test]
fn rules_are_by_the_names_of_pipelines() {
    let telemetry = telemetry(Sampling::rate(RARELY).pipeline("num*", 1.0));
    pipeline().run(inputs! { number: 1_i64 }).telemetry(telemetry.recorder().clone()).wait().unwrap();
    let other = Pipeline::builder("other").nodes(nodes![check]).build().unwrap();
    other.run(inputs! { number: 1_i64 }).telemetry(telemetry.recorder().clone()).wait().unwrap();
    assert_eq!(names(&telemetry.spans()), ["inside", "node check", "node double", "pipeline numbers"]);
}

#[test]
fn a_run_follows_the_trace_that_it_joins() {
    let telemetry = telemetry(Sampling::all());
    for sampled in [true, false] {
        let parent = TraceParent { trace_id: TraceId::random(), parent_id: flowglass::model::SpanId::random(), sampled };
        let run = pipeline().run(inputs! { number: 1_i64 }).parent(parent).telemetry(telemetry.recorder().clone());
        run.wait().unwrap();
    }
    assert_eq!(telemetry.spans().len(), 4);
}

#[test]
fn an_item_that_fails_promotes_the_run() {
    let telemetry = telemetry(Sampling::rate(RARELY));
    let map = || pipeline().map(inputs! { number: vec![1_i64, -1, 2] }, ["number"]).telemetry(telemetry.recorder().clone());
    map().wait().unwrap();
    let spans = telemetry.spans();
    let failed = spans.iter().filter(|span| span.status == Status::Error).count();
    assert!(failed >= 2, "{spans:?}");
    for name in ["item 1", "item 2", "map numbers", "pipeline numbers", "inside"] {
        assert!(names(&spans).contains(&name), "{name} comes after the error: {:?}", names(&spans));
    }
    assert!(!names(&spans).contains(&"item 0"));
    assert!(spans.iter().all(|span| span.attribute("trace.incomplete").is_some()));
}

#[test]
fn a_run_that_fails_is_kept_whole_where_that_is_asked_for() {
    let telemetry = telemetry(Sampling::rate(RARELY).keep_errors());
    for number in [1_i64, -1] {
        let _ = pipeline().run(inputs! { number: number }).telemetry(telemetry.recorder().clone()).wait();
    }
    assert_eq!(names(&telemetry.spans()), ["node check", "pipeline numbers"]);
    assert!(telemetry.spans().iter().all(|span| span.attribute("trace.incomplete").is_none()));
    let slow = self::telemetry(Sampling::rate(RARELY).keep_slow(Duration::from_nanos(1)));
    pipeline().run(inputs! { number: 1_i64 }).telemetry(slow.recorder().clone()).wait().unwrap();
    assert_eq!(slow.spans().len(), 4);
}

#[test]
fn a_run_that_is_not_recorded_can_still_be_looked_at() {
    let telemetry = telemetry(Sampling::rate(0.0));
    let run = pipeline().run(inputs! { number: 1_i64 }).telemetry(telemetry.recorder().clone()).wait().unwrap();
    assert!(run.trace().is_empty());
    assert!(!run.waterfall().to_string().is_empty() || run.waterfall().rows().is_empty());
}

#[test]
fn items_that_sampling_leaves_out_keep_their_errors() {
    let telemetry = telemetry(Sampling::all());
    let map = pipeline().map(inputs! { number: vec![1_i64, -1, 2] }, ["number"]).map_items(MapItems::Off);
    map.telemetry(telemetry.recorder().clone()).wait().unwrap();
    assert_eq!(names(&telemetry.spans()), ["item 1", "map numbers", "node check", "pipeline numbers"]);
}

#[test]
fn every_item_counts_once_by_its_span_or_by_its_map() {
    for backend in [LocalBackend::sequential(), LocalBackend::default(), LocalBackend::threads()] {
        let store = MemoryStore::new();
        let recorder = Recorder::builder().sink("memory", store.sink(SinkOptions::default()).unwrap()).build();
        let cache = MemoryCache::default();
        let numbers: Vec<i64> = (0..2_500).map(|number| if number % 300 == 7 { -1 - number } else { number }).collect();
        for _ in 0..2 {
            let map = pipeline().map(inputs! { number: numbers.clone() }, ["number"]).backend(backend.clone());
            map.cache(cache.clone()).telemetry(recorder.clone()).wait().unwrap();
        }
        recorder.flush(Duration::from_secs(60)).unwrap();
        let spans = spans_of(&store);
        let items = spans.iter().filter(|span| span.name.starts_with("item "));
        let unsampled = spans.iter().filter_map(|span| span.attribute("map.unsampled")?.as_int());
        assert_eq!(items.count() + usize::try_from(unsampled.sum::<i64>()).unwrap(), 5_000, "{backend:?}");
        let rollups = store.rollups(&RollupFilter::default()).unwrap();
        let counted = rollups.iter().find(|rollup| rollup.name == "item *").unwrap();
        assert_eq!((counted.count, counted.errors, counted.durations.totals.count), (5_000, 18, 5_000), "{backend:?}");
        assert_eq!(counted.cached, 2_491, "{backend:?}: all that didn't fail, the second time");
    }
}

fn spans_of(store: &dyn Store) -> Vec<Span> {
    let mut query = Query::spans().limit(1_000);
    let mut spans = Vec::new();
    loop {
        let page = store.query(&query).unwrap();
        let Rows::Spans(found) = page.rows else { panic!("spans are asked for") };
        spans.extend(found.into_iter().map(|found| found.span));
        query.after = page.next;
        if query.after.is_none() {
            return spans;
        }
    }
}
