//! What is handed out gives what it would have given here.

use std::sync::{Arc, Mutex};

use flowglass::model::{EventVerb, Subject};
use flowglass::prelude::*;
use flowglass::{Chunk, ErrorKind, LocalBackend};

use crate::pipelines::{halves, report, sums};
use crate::workers;

#[test]
fn nodes_run_in_another_process() {
    let run = sums().unwrap().run(inputs! { number: 7 }).backend(workers(2)).wait().unwrap();
    assert_eq!(run.get::<u64>("sum").unwrap(), 50);
    assert_ne!(run.get::<u32>("pid").unwrap(), std::process::id());
}

#[test]
fn a_map_runs_in_several_processes_and_keeps_its_order() {
    let numbers: Vec<u64> = (0..500).collect();
    for chunk in [Chunk::Auto, Chunk::Items(7)] {
        let map = sums().unwrap().map(inputs! { number: numbers.clone() }, ["number"]).backend(workers(2).chunk(chunk)).wait();
        let map = map.unwrap();
        assert_eq!(map.column::<u64>("sum").unwrap(), numbers.iter().map(|number| number * number + 1).collect::<Vec<_>>());
        let mut pids = map.column::<u32>("pid").unwrap();
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(pids.len(), 2, "both workers had something to do");
    }
}

#[test]
fn one_worker_serves_two_pipelines_and_many_runs() {
    let backend = workers(1);
    let mut pids = Vec::new();
    for number in [3_u64, 4] {
        let run = sums().unwrap().run(inputs! { number: number }).backend(backend.clone()).wait().unwrap();
        pids.push(run.get::<u32>("pid").unwrap());
        let run = halves().unwrap().run(inputs! { number: 4_u64 }).backend(backend.clone()).wait().unwrap();
        assert_eq!(run.get::<u64>("half").unwrap(), 2);
    }
    assert_eq!(pids[0], pids[1], "a worker stays");
}

#[test]
fn a_pipeline_inside_of_a_local_one_is_handed_out_whole() {
    let numbers: Vec<u64> = vec![1, 2, 3];
    let local = report().unwrap().run(inputs! { number: 5_u64, numbers: numbers.clone() }).wait().unwrap();
    let away = report().unwrap().run(inputs! { number: 5_u64, numbers: numbers }).backend(workers(2)).wait().unwrap();
    assert_eq!(local.get::<u64>("total").unwrap(), 14 + 3 + 26);
    assert_eq!(away.get::<u64>("total").unwrap(), local.get::<u64>("total").unwrap());
}

#[test]
fn each_level_has_a_backend_of_its_own() {
    // local > workers > local: the middle one hands its nodes out, the innermost says that it stays.
    let inner = crate::pipelines::on(sums(), LocalBackend::sequential());
    let middle = Pipeline::builder("middle")
        .node(inner.as_node().output("pid", "inner_pid").output("square", "square"))
        .node(crate::pipelines::process {}.named("away").output("pid", "middle_pid"))
        .backend(workers(1))
        .build()
        .unwrap();
    // The middle pipeline has a node of `sums` under another name: a worker must know it, or say so.
    let outer = Pipeline::builder("outer").node(middle).build().unwrap();
    let error = outer.run(inputs! { number: 2_u64 }).wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Worker);
    assert!(error.to_string().contains("doesn't know the pipeline `middle`"), "{error}");
    assert!(error.path().ends_with("middle > away"), "{error}");
}

#[test]
fn errors_say_where_and_how_often() {
    let map = halves().unwrap().map(inputs! { number: vec![2_u64, 3, 20, 8] }, ["number"]).backend(workers(2)).wait().unwrap();
    assert_eq!((map.failed(), map.item::<u64>(0, "half").unwrap(), map.item::<u64>(3, "half").unwrap()), (2, 1, 4));
    let item = map.items().nth(1).unwrap();
    let odd = item.error().unwrap();
    assert_eq!((odd.kind(), odd.message(), odd.attempts()), (ErrorKind::Node, "3 is odd", 2));
    assert_eq!(odd.path(), "halves[1] > halve");
    let item = map.items().nth(2).unwrap();
    let panic = item.error().unwrap();
    assert_eq!((panic.kind(), panic.message()), (ErrorKind::Panic, "panicked: ten times 2"));
    assert_eq!(panic.run(), Some(map.id()));
}

#[test]
fn a_call_is_tried_again_by_the_driver() {
    let run = halves().unwrap().run(inputs! { number: 3_u64 }).backend(workers(1)).wait();
    let error = run.err().unwrap();
    assert_eq!((error.attempts(), error.path()), (2, "halves > halve"));
}

#[test]
fn what_happens_in_a_worker_is_told_here_in_one_order() {
    type Told = Arc<Mutex<Vec<(u64, Subject, String, EventVerb)>>>;
    let tell = |backend: Option<flowglass::RemoteBackend>| {
        let told = Told::default();
        let hear = Arc::clone(&told);
        let run = report().unwrap().run(inputs! { number: 5_u64, numbers: vec![1_u64, 2] }).observe(move |event| {
            hear.lock().unwrap().push((event.seq, event.site.subject, event.site.path.to_string(), event.kind.verb()));
        });
        match backend {
            Some(backend) => run.backend(backend).wait().unwrap(),
            None => run.wait().unwrap(),
        };
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "in one order");
        let mut told: Vec<_> =
            told.into_iter().map(|(_, subject, path, verb)| format!("{subject:?} {path} {verb:?}")).collect();
        told.sort();
        told
    };
    assert_eq!(tell(Some(workers(2))), tell(None));
}
