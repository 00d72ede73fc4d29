//! The metrics that every run feeds by itself: per node, pipeline and map, sampled or not, wherever the work was done.

use flowglass::model::{Metric, MetricPoint, MetricValue};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{LocalBackend, MapItems};

#[node(output = "even")]
fn halve(number: i64) -> Result<i64, String> {
    if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

#[node(output = "doubled")]
fn double(even: i64) -> i64 {
    even * 2
}

fn pipeline() -> Pipeline {
    Pipeline::builder("numbers").nodes(nodes![halve, double]).build().unwrap()
}

fn is_of(point: &MetricPoint, attributes: &[(&str, &str)]) -> bool {
    attributes.iter().all(|(key, value)| {
        point.attributes.iter().any(|(known, known_value)| known == key && known_value.as_str() == Some(value))
    })
}

/// The sum of a counter, or the number of values of a histogram.
fn total(telemetry: &TestRecorder, name: &str, attributes: &[(&str, &str)]) -> f64 {
    let value = |(_, point): (Metric, MetricPoint)| match point.value {
        MetricValue::Number(number) => number.as_f64(),
        MetricValue::Exponential(histogram) => f64::from(u32::try_from(histogram.totals.count).unwrap()),
        other => panic!("{other:?}"),
    };
    let points = telemetry.points().into_iter();
    points.filter(|(metric, point)| metric.name == name && is_of(point, attributes)).map(value).sum()
}

#[test]
fn a_run_counts_its_pipeline_and_its_nodes() {
    let telemetry = TestRecorder::new();
    let pipeline = pipeline();
    for number in [2_i64, 4, 5] {
        let _ = pipeline.run(inputs! { number: number }).telemetry(telemetry.recorder().clone()).wait();
    }
    let of = |name, node| total(&telemetry, name, &[("node.id", node), ("pipeline.name", "numbers")]);
    assert_eq!((of("node.executions", "halve"), of("node.duration", "halve"), of("node.errors", "halve")), (3.0, 3.0, 1.0));
    assert_eq!((of("node.executions", "double"), of("node.errors", "double")), (2.0, 0.0));
    let all = ["pipeline.executions", "pipeline.duration", "pipeline.errors"];
    assert_eq!(all.map(|name| total(&telemetry, name, &[("pipeline.name", "numbers")])), [3.0, 3.0, 1.0]);
    let points = telemetry.points();
    let (metric, point) = points.iter().find(|(metric, _)| metric.name == "node.duration").unwrap();
    assert_eq!((metric.unit.as_str(), point.exemplars.len()), ("s", 1));
}

#[test]
fn a_map_counts_every_item_whichever_are_sampled() {
    for (rule, backend) in
        [(MapItems::Each, None), (MapItems::Off, None), (MapItems::Sampled(0.1), Some(LocalBackend::threads()))]
    {
        let telemetry = TestRecorder::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let map = pipeline().map(inputs! { number: (0..500_i64).map(|at| at * 2).chain([3]).collect::<Vec<_>>() }, ["number"]);
        let map = map.map_items(rule).telemetry(telemetry.recorder().clone());
        let map = if let Some(backend) = backend { map.backend(backend) } else { map };
        let done = runtime.block_on(async { map.await }).unwrap();
        assert_eq!(done.failed(), 1);
        let of = |name, attributes: &[(&str, &str)]| total(&telemetry, name, attributes);
        assert_eq!(of("node.executions", &[("node.id", "halve")]), 501.0, "{rule:?}");
        assert_eq!(of("node.executions", &[("node.id", "double")]), 500.0, "{rule:?}");
        assert_eq!(of("node.errors", &[("node.id", "halve")]), 1.0, "{rule:?}");
        assert_eq!(of("item.duration", &[("pipeline.name", "numbers")]), 501.0, "{rule:?}");
        assert!(of("map.throughput", &[("pipeline.name", "numbers")]) > 0.0);
    }
}

#[test]
fn the_cache_counts_hits_misses_writes_and_what_it_saved() {
    let telemetry = TestRecorder::new();
    let pipeline = pipeline();
    let cache = MemoryCache::new();
    for number in [2_i64, 2, 2, 4] {
        let run = pipeline.run(inputs! { number: number }).cache(cache.clone()).telemetry(telemetry.recorder().clone());
        run.wait().unwrap();
    }
    let of = |name| total(&telemetry, name, &[("node.id", "halve")]);
    assert_eq!(["cache.hits", "cache.misses", "cache.writes", "node.executions"].map(of), [2.0, 2.0, 2.0, 2.0]);
    assert!(total(&telemetry, "cache.saved", &[]) > 0.0);
    assert_eq!(total(&telemetry, "pipeline.executions", &[]), 4.0, "a run is a run, wherever its results came from");
}

#[test]
fn retries_count_and_what_is_off_does_not() {
    let telemetry = TestRecorder::new();
    let left = std::sync::atomic::AtomicU32::new(2);
    let flaky = node_fn!("flaky", move |number: i64| -> Result<i64, String> {
        match left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) {
            1 | 2 => Err("not yet".to_owned()),
            _ => Ok(number),
        }
    });
    let pipeline = Pipeline::builder("flaky").node(flaky.retry(Retry::attempts(3))).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { pipeline.run(inputs! { number: 1_i64 }).telemetry(telemetry.recorder().clone()).await }).unwrap();
    assert_eq!(total(&telemetry, "node.retries", &[("node.id", "flaky")]), 2.0);
    assert_eq!(total(&telemetry, "node.executions", &[("node.id", "flaky")]), 1.0);
    let off = TestRecorder::new();
    self::pipeline().run(inputs! { number: 2_i64 }).no_telemetry().wait().unwrap();
    assert!(off.points().is_empty());
}
