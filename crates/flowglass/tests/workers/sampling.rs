//! What workers recorded is kept or let go with the driver's trace.

use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{RemoteBackend, Sampling};

use crate::pipelines::{complain, complaints, halves, sums};
use crate::spans::paths;
use crate::workers;

const RARELY: f64 = 1e-12;

fn telemetry(sampling: Sampling) -> TestRecorder {
    TestRecorder::from_builder(Recorder::builder().sampling(sampling))
}

fn run(telemetry: &TestRecorder, backend: &RemoteBackend, numbers: Vec<u64>) {
    let map = halves().unwrap().map(inputs! { number: numbers }, ["number"]);
    map.backend(backend.clone()).telemetry(telemetry.recorder().clone()).wait().unwrap();
}

#[test]
fn a_held_trace_is_kept_whole_with_what_its_workers_recorded() {
    let backend = workers(2);
    let (held, all) = (telemetry(Sampling::rate(RARELY).keep_errors()), telemetry(Sampling::all()));
    run(&held, &backend, vec![2, 4, 6]);
    run(&held, &backend, vec![2, 3, 4]);
    run(&all, &backend, vec![2, 3, 4]);
    assert_eq!(paths(&held.spans()), paths(&all.spans()));
    // What is over is let go one look later.
    assert_eq!(held.spans().len(), all.spans().len());
    assert!(held.recorder().stats().let_go.spans > 0);
}

#[test]
fn workers_record_nothing_of_a_trace_that_is_not_recorded() {
    let backend = workers(1);
    for sampling in [Sampling::rate(0.0), Sampling::rate(RARELY)] {
        let telemetry = telemetry(sampling);
        let map = sums().unwrap().map(inputs! { number: vec![1_u64, 2] }, ["number"]).backend(backend.clone());
        map.telemetry(telemetry.recorder().clone()).wait().unwrap();
        assert!(telemetry.spans().is_empty());
        assert_eq!(telemetry.counted("node.executions"), 6.0);
    }
}

#[test]
fn an_error_in_a_worker_comes_home() {
    let telemetry = telemetry(Sampling::rate(RARELY));
    run(&telemetry, &workers(1), vec![2, 3]);
    let spans = telemetry.spans();
    assert!(spans.iter().any(|span| span.name == "node halve" && span.status == flowglass::model::Status::Error), "{spans:?}");
}

#[test]
fn an_error_by_hand_in_a_worker_brings_the_drivers_trace_back() {
    let telemetry = telemetry(Sampling::rate(RARELY));
    let map = complaints().unwrap().map(inputs! { number: vec![1_u64] }, ["number"]).backend(workers(1));
    map.telemetry(telemetry.recorder().clone()).wait().unwrap();
    telemetry.span("complaint").failed_with("odd enough").is_inside("item 0").is_inside("pipeline complaints");
    telemetry.span("item 0").is_ok();
}

#[test]
fn what_is_handed_out_behind_an_error_is_recorded_whole() {
    let telemetry = telemetry(Sampling::rate(RARELY));
    let sums = sums().unwrap().as_node().input("number", "number_again").backend(workers(1));
    let pipeline = Pipeline::builder("outer").node(complain {}).node(sums).build().unwrap();
    pipeline.run(inputs! { number: 2_u64 }).telemetry(telemetry.recorder().clone()).wait().unwrap();
    for name in ["node square", "multiply", "node process", "node add"] {
        telemetry.span(name).is_inside("pipeline sums").is_inside("pipeline outer").is_ok();
    }
}

#[test]
fn a_pipeline_with_a_recorder_of_its_own_does_with_a_worker_as_its_trace_does() {
    for (around, wanted) in [(Sampling::all(), 5), (Sampling::rate(RARELY), 0)] {
        let (around, own) = (telemetry(around), telemetry(Sampling::all()));
        let sums = sums().unwrap().as_node().telemetry(own.recorder().clone()).backend(workers(1));
        let pipeline = Pipeline::builder("outer").node(sums).build().unwrap();
        pipeline.run(inputs! { number: 2_u64 }).telemetry(around.recorder().clone()).wait().unwrap();
        assert_eq!(own.spans().len(), wanted, "{}", own.tree());
        assert_eq!(own.counted("node.executions"), 3.0);
    }
}
