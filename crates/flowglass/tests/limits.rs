//! What a run may use at most, and what is told of work that never starts.

use std::sync::{Arc, Mutex};

use flowglass::prelude::*;
use flowglass::{ErrorKind, LocalBackend};

#[node(output = "next")]
fn add_one(number: u64) -> u64 {
    number + 1
}

#[node(output = "last")]
fn double(next: u64) -> u64 {
    next * 2
}

fn pipeline() -> Pipeline {
    Pipeline::builder("numbers").nodes(nodes![add_one, double]).build().unwrap()
}

#[tokio::test]
async fn a_run_starts_no_more_nodes_than_it_may() {
    let run = pipeline().run(inputs! { number: 1_u64 }).max_nodes(1).settle().await.unwrap();
    let error = run.error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(error.to_string(), "numbers: the run may start 1 nodes (`max_nodes`), and needs more");
    assert_eq!(run.get::<u64>("next").unwrap(), 2, "what was done until then stays");
    assert!(pipeline().run(inputs! { number: 1_u64 }).max_nodes(2).await.is_ok());
}

#[tokio::test]
async fn a_map_that_is_too_large_stops_at_the_limit() {
    let numbers: Vec<u64> = (0..1_000).collect();
    for backend in [LocalBackend::sequential(), LocalBackend::default(), LocalBackend::threads()] {
        let map = pipeline().map(inputs! { number: numbers.clone() }, ["number"]).max_nodes(20);
        let run = map.backend(backend).await.unwrap();
        let done = run.items().filter(|item| item.error().is_none()).count();
        assert!(done <= 10, "{done} items of two nodes each were done");
        let kinds = run.items().filter_map(|item| item.error().map(flowglass::Error::kind));
        assert!(kinds.filter(|kind| *kind == ErrorKind::Limit).count() < 600, "the map went on");
    }
}

#[node(output = "number")]
fn refuse(seed: u64) -> Result<u64, String> {
    Err(format!("{seed} is refused"))
}

#[tokio::test]
async fn what_would_have_run_inside_is_told_as_skipped() {
    let inner = Pipeline::builder("inner").nodes(nodes![add_one, double]).build().unwrap();
    let outer = Pipeline::builder("outer").node(refuse {}).node(inner.as_node().output("next", "only")).build().unwrap();
    let skipped: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&skipped);
    let run = outer.run(inputs! { seed: 7_u64 }).observe(move |event| {
        if event.name() == "node.skipped" || event.name() == "pipeline.skipped" {
            note.lock().unwrap().push(event.site.path.to_string());
        }
    });
    assert_eq!(run.settle().await.unwrap().error().unwrap().message(), "7 is refused");
    // `double` makes nothing that anybody asked for.
    assert_eq!(*skipped.lock().unwrap(), ["outer > inner", "outer > inner > add_one"]);
}
