//! One cache on both sides: equal keys, no job for a hit, and the worker's counts in the run's.

use flowglass::prelude::*;
use flowglass::{DiskCache, ProcessWorkers};

use crate::pipelines::{on, report, sums};
use crate::workers;

#[test]
fn a_hit_sends_no_job() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || DiskCache::open(folder.path()).unwrap();
    let first = sums().unwrap().run(inputs! { number: 7 }).cache(cache()).backend(workers(1)).wait().unwrap();
    // These workers can't start, so that any job would fail.
    let nobody = flowglass::over(ProcessWorkers::new(1).program("no-such-program-anywhere"));
    let again = sums().unwrap().run(inputs! { number: 7 }).cache(cache()).backend(nobody).wait().unwrap();
    assert_eq!(again.get::<u64>("sum").unwrap(), first.get::<u64>("sum").unwrap());
    assert!(again.trace().iter().skip(1).all(|span| span.text("cache.status") == Some("hit")));
}

#[test]
fn driver_and_worker_have_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || DiskCache::open(folder.path()).unwrap();
    let run = || report().unwrap().run(inputs! { number: 5_u64, numbers: vec![1_u64, 2, 3] }).cache(cache());
    let away = run().backend(workers(2)).wait().unwrap();
    // Everything that workers computed is a hit here, and the other way round.
    let here = run().wait().unwrap();
    assert_eq!(here.get::<u64>("total").unwrap(), away.get::<u64>("total").unwrap());
    let root = &here.trace()[0];
    assert_eq!(root.attribute("node.count").and_then(|count| count.as_int()), Some(0));
    let nobody = flowglass::over(ProcessWorkers::new(1).program("no-such-program-anywhere"));
    assert_eq!(run().backend(nobody).wait().unwrap().get::<u64>("total").unwrap(), away.get::<u64>("total").unwrap());
}

#[test]
fn what_a_worker_finds_and_computes_counts_in_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || DiskCache::open(folder.path()).unwrap();
    sums().unwrap().run(inputs! { number: 5_u64 }).cache(cache()).outputs(["square"]).wait().unwrap();
    // `square` lies in the cache, the two others must be computed: the pipeline inside is handed out.
    let outer = Pipeline::builder("outer").node(sums().unwrap()).build();
    let run = on(outer, workers(1)).run(inputs! { number: 5_u64 }).cache(cache()).wait().unwrap();
    let root = &run.trace()[0];
    let count = |key: &str| root.attribute(key).and_then(|count| count.as_int());
    assert_eq!((count("cache.hits"), count("node.count")), (Some(1), Some(2)));
}

#[node(output = "all")]
fn add_all(sums: &[u64]) -> u64 {
    sums.iter().sum()
}

#[test]
fn a_list_that_a_worker_made_stands_for_the_same_each_time_and_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || DiskCache::open(folder.path()).unwrap();
    let outer = |report: Pipeline| Pipeline::builder("outer").node(report).node(add_all {}).build().unwrap();
    let run = |pipeline: &Pipeline| {
        let run = pipeline.run(inputs! { number: 5_u64, numbers: vec![1_u64, 2, 3] }).cache(cache()).wait().unwrap();
        let count = run.trace()[0].attribute("node.count").and_then(|count| count.as_int());
        (run.get::<u64>("all").unwrap(), count.unwrap())
    };
    let away = outer(on(report(), workers(1)));
    let (all, computed) = run(&away);
    assert!(computed > 0);
    // What reads the list is a hit, whether the list is one that has come home or one that an entry has.
    assert_eq!(run(&away), (all, 0));
    assert_eq!(run(&outer(report().unwrap())), (all, 0));
}
