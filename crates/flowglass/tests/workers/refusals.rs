//! What can't be handed out is said early, and in so many words.

use std::time::{Duration, Instant};

use flowglass::prelude::*;
use flowglass::{ErrorKind, ProcessWorkers};

use crate::pipelines::{connect, pooled, query, sums, twins};
use crate::workers;

#[test]
fn a_value_that_cannot_travel_is_refused_when_the_pipeline_is_built() {
    let built = Pipeline::builder("rows").nodes(nodes![query]).backend(workers(1)).build();
    let error = built.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Build);
    let message = error.to_string();
    assert!(message.contains("`pool: PgPool` can't travel to a worker"), "{message}");
    assert!(message.contains("`Serialize + DeserializeOwned`; keep `query` local"), "{message}");
}

#[test]
fn it_is_refused_when_the_backend_is_set_for_a_run_too() {
    let pipeline = Pipeline::builder("rows").nodes(nodes![connect, query]).build().unwrap();
    let run = pipeline.run(inputs! { address: "x", table: "y" }).backend(workers(1)).wait();
    assert!(run.err().unwrap().to_string().contains("`pool: PgPool`"));
    let map = pipeline.map(inputs! { address: "x", table: vec!["y".to_owned()] }, ["table"]).backend(workers(1)).wait();
    assert!(map.err().unwrap().to_string().contains("`pool: PgPool`"));
    let inner = pipeline.as_node().output("rows", "rows");
    let outer = Pipeline::builder("outer").node(inner).backend(workers(1)).build();
    assert!(outer.is_ok(), "what stays inside of a whole pipeline needn't travel");
}

#[test]
fn a_copy_that_ends_without_becoming_a_worker_is_named() {
    let forgetful = ProcessWorkers::new(1).argument("no_such_test").argument("--exact");
    let run = sums().unwrap().run(inputs! { number: 1_u64 }).backend(flowglass::over(forgetful)).wait();
    let error = run.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(error.to_string().contains("didn't call `flowglass::worker` first in main (the copy ended"), "{error}");
}

#[test]
fn a_copy_that_goes_its_own_way_is_ended_in_time() {
    let busy = ProcessWorkers::new(2).program("sleep").argument("600").start_within(Duration::from_millis(100));
    let numbers: Vec<u64> = (0..50).collect();
    let begun = Instant::now();
    let map = sums().unwrap().map(inputs! { number: numbers }, ["number"]).backend(flowglass::over(busy)).wait().unwrap();
    assert_eq!(map.failed(), 50);
    let last = map.items().nth(49).unwrap();
    assert!(last.error().unwrap().message().contains("didn't call `flowglass::worker` first in main"));
    assert!(begun.elapsed() < Duration::from_secs(60), "all wait for one attempt, not each for its own");
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let missing = ProcessWorkers::new(1).program("no-such-program-anywhere");
    let run = sums().unwrap().run(inputs! { number: 1_u64 }).backend(flowglass::over(missing)).wait();
    assert!(run.err().unwrap().to_string().contains("`no-such-program-anywhere` can't be started as a worker"));
}

#[test]
fn what_is_too_large_for_a_message_is_refused() {
    let small = flowglass::over(crate::copies(1).message_bytes(20_000));
    let pipeline = crate::pipelines::waits().unwrap();
    let file = std::path::PathBuf::from("x".repeat(30_000));
    let run = pipeline.run(inputs! { number: 1_u64, file: file }).backend(small).wait();
    let error = run.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Worker);
    assert!(error.to_string().contains("larger than the 20000 that the backend takes"), "{error}");
}

#[test]
fn what_a_pipeline_is_fixed_at_its_copy_has_too() {
    let run = pooled().unwrap().run(inputs! { table: "t" }).backend(workers(1)).wait().unwrap();
    assert_eq!(run.get::<Vec<String>>("rows").unwrap(), ["t of 3"]);
}

#[test]
fn pipelines_that_differ_only_in_what_nothing_can_tell_apart_are_not_mixed_up() {
    let run = twins().unwrap().run(inputs! { table: "t" });
    assert_eq!(run.wait().unwrap().get::<Vec<String>>("one").unwrap(), ["t of 1"]);
    let run = twins().unwrap().run(inputs! { table: "t" }).backend(workers(1)).outputs(["one"]).wait();
    let error = run.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Worker);
    assert!(error.to_string().contains("several pipelines `rows` that differ only in fixed values without a key"), "{error}");
}
