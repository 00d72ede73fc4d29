//! Closures as nodes: what they take and give, and when their results are kept.

use std::sync::Arc;

use flowglass::model::SpanType;
use flowglass::prelude::*;

fn status(run: &Run) -> Option<String> {
    let span = run.trace().into_iter().find(|span| span.span_type == SpanType::Node)?;
    span.text("cache.status").map(str::to_owned)
}

#[test]
fn closures_take_and_give_what_functions_do() {
    let prefix = Arc::new("> ".to_owned());
    let shared = Arc::clone(&prefix);
    let name = format!("quo{}", "ted");
    let pipeline = Pipeline::builder("p")
        .node(node_fn!("words", |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() }))
        .node(node_fn!(name, move |words: Vec<String>| -> Vec<String> {
            words.iter().map(|word| format!("{shared}{word}")).collect()
        }))
        .node(node_fn!("ends", outputs("first", "last"), |quoted: &[String]| -> Result<(String, String), &'static str> {
            Ok((quoted.first().ok_or("none")?.clone(), quoted.last().ok_or("none")?.clone()))
        }))
        .node(node_fn!("place", async |context: &NodeContext, last: Arc<String>, #[default(2)] times: usize| -> String {
            tokio::task::yield_now().await;
            format!("{}: {}", context.path(), last.repeat(times))
        }))
        .build()
        .unwrap();
    let run = pipeline.run(inputs! { text: "a b" }).wait().unwrap();
    assert_eq!(run.get::<String>("first").unwrap(), "> a");
    assert_eq!(run.get::<String>("place").unwrap(), "p > place: > b> b");
    assert_eq!(pipeline.graph().nodes[0].node_type, "closure");
    let again = pipeline.run(inputs! { text: "c", times: 1 }).wait().unwrap();
    assert_eq!(again.get::<String>("place").unwrap(), "p > place: > c");
}

#[test]
fn closures_are_kept_only_with_a_version() {
    let folder = tempfile::tempdir().unwrap();
    let run = |pipeline: flowglass::PipelineBuilder| {
        let cache = DiskCache::open(folder.path()).unwrap();
        status(&pipeline.build().unwrap().run(inputs! { x: 2u64 }).cache(cache).wait().unwrap())
    };
    for _ in 0..2 {
        let unversioned = Pipeline::builder("p").node(node_fn!("y", |x: u64| -> u64 { x + 1 }));
        assert_eq!(run(unversioned), None);
    }
    let first = |by: u64| Pipeline::builder("p").node(node_fn!("y", version = "1", move |x: u64| -> u64 { x + by }));
    let second = |by: u64| Pipeline::builder("p").node(node_fn!("y", version = "2", move |x: u64| -> u64 { x + by }));
    assert_eq!([run(first(1)), run(first(1)), run(second(3))], ["write", "hit", "write"].map(|status| Some(status.to_owned())));
}

#[test]
fn a_closure_is_changed_and_mapped_as_a_function_is() {
    let pipeline =
        Pipeline::builder("p").node(node_fn!("half", |x: u64| -> u64 { x / 2 }).map_over("x", "xs")).build().unwrap();
    let run = pipeline.run(inputs! { xs: vec![2u64, 4] }).wait().unwrap();
    assert_eq!(run.get::<Vec<u64>>("half").unwrap(), [1, 2]);
    let chart = pipeline.mermaid();
    assert!(chart.contains("shape: procs, label: \"half × x\""), "{chart}");
}
