//! Maps over lists and streams: order, memory, threads, failures, and running only what failed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use flowglass::model::{AttributeValue, SpanType, Status};
use flowglass::prelude::*;
use flowglass::{ErrorKind, LocalBackend, MapItems, OnError};
use futures_util::{StreamExt, stream};

#[node(output = "half")]
fn halve(number: u64) -> Result<u64, String> {
    if number.is_multiple_of(2) { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

#[node(output = "text")]
async fn describe(half: u64, unit: &str) -> String {
    // The larger a number, the sooner it is described.
    for _ in 0..(20_u64.saturating_sub(half)) {
        tokio::task::yield_now().await;
    }
    format!("{half} {unit}")
}

#[node(output = "sum")]
fn add_up(cubes: Vec<Vec<Vec<u64>>>) -> u64 {
    cubes.into_iter().flatten().flatten().sum()
}

/// A map over what is given, as deep as there are names: the last is that of the innermost list.
fn nested(names: &[&str]) -> Pipeline {
    let leaf = Pipeline::builder("leaf").node(halve {}).build().unwrap();
    let wrap = |(inner, read, made): (Pipeline, String, String), name: &&str| {
        let (given, result) = ((*name).to_owned(), format!("{name} halved"));
        let node = inner.as_node().map_over(read, given.clone()).output(made, result.clone());
        (Pipeline::builder(*name).node(node).build().unwrap(), given, result)
    };
    names.iter().rev().fold((leaf, "number".to_owned(), "half".to_owned()), wrap).0
}

#[test]
fn lists_from_maps_in_maps_are_vecs_as_deep() {
    let cubes = vec![vec![vec![2u64, 4], vec![]], vec![], vec![vec![6]]];
    let half = vec![vec![vec![1u64, 2], vec![]], vec![], vec![vec![3]]];
    let three = nested(&["cubes", "squares", "lines"]);
    let run = three.run(inputs! { cubes: cubes.clone() }).wait().unwrap();
    assert_eq!(run.get::<Vec<Vec<Vec<u64>>>>("cubes halved").unwrap(), half);
    let read = Pipeline::builder("p").node(three.as_node().output("cubes halved", "halved"));
    let read = read.node(add_up {}.input("cubes", "halved")).build().unwrap();
    assert_eq!(read.run(inputs! { cubes: cubes.clone() }).wait().unwrap().get::<u64>("sum").unwrap(), 6);
    let four = nested(&["all", "cubes", "squares", "lines"]);
    let run = four.run(inputs! { all: vec![cubes] }).wait().unwrap();
    assert_eq!(run.get::<Vec<Vec<Vec<Vec<u64>>>>>("all halved").unwrap(), [half]);
}

#[test]
fn lists_that_would_be_too_deep_are_refused_when_the_pipeline_is_built() {
    let four = nested(&["all", "cubes", "squares", "lines"]);
    let node = four.as_node().map_over("all", "alls").output("all halved", "halves");
    let error = Pipeline::builder("five").node(node).build().unwrap_err();
    let message = "node `all` reads `alls` as lists in lists 5 deep, and maps go at most 4 deep";
    assert!(error.message().contains(message), "{error}");
}

#[test]
fn arrays_slices_and_deques_are_lists_too() {
    let halves = |numbers: Inputs| {
        let map = Pipeline::builder("p").node(halve {}).build().unwrap().map(numbers.clone(), ["number"]).wait().unwrap();
        let each = halve {}.map_over("number", "number").output("half", "halves");
        let run = Pipeline::builder("p").node(each).build().unwrap().run(numbers).wait().unwrap();
        assert_eq!(map.column::<u64>("half").unwrap(), run.get::<Vec<u64>>("halves").unwrap());
        map.column::<u64>("half").unwrap()
    };
    let vec = vec![2u64, 4];
    assert_eq!(halves(inputs! { number: [2u64, 4] }), [1, 2]);
    assert_eq!(halves(inputs! { number: &[2u64, 4] }), [1, 2]);
    assert_eq!(halves(inputs! { number: &vec[..1] }), [1]);
    assert_eq!(halves(inputs! { number: vec.clone().into_boxed_slice() }), [1, 2]);
    assert_eq!(halves(inputs! { number: std::collections::VecDeque::from(vec) }), [1, 2]);
    assert_eq!(halves(inputs! { number: [0u64; 0] }), [0u64; 0]);
}

fn pipeline() -> Pipeline {
    Pipeline::builder("halves").nodes(nodes![halve, describe]).build().unwrap()
}

#[tokio::test]
async fn a_stream_gives_its_results_in_order() {
    let numbers = stream::iter((0..10_u64).map(|number| number * 2));
    let backend = LocalBackend::default().max_workers(4);
    let mut items = pipeline().map_stream(inputs! { unit: "m" }, "number", numbers).backend(backend).stream().unwrap();
    let mut texts = Vec::new();
    while let Some(item) = items.next().await {
        assert_eq!(item.index(), texts.len() as u64);
        texts.push(item.get::<String>("text").unwrap());
    }
    assert_eq!((texts[0].as_str(), texts[9].as_str(), texts.len()), ("0 m", "9 m", 10));
    let summary = items.finish().await;
    assert_eq!((summary.status(), summary.total(), summary.failed()), (Status::Ok, 10, 0));
    let spans = summary.trace();
    let map = spans.iter().find(|span| span.span_type == SpanType::Map).unwrap();
    assert_eq!(map.attribute("map.total"), Some(&AttributeValue::Int(10)));
    assert_eq!(spans.iter().filter(|span| span.span_type == SpanType::Item && span.parent_id == map.span_id).count(), 10);
    assert!(spans.iter().all(|span| span.status == Status::Ok), "{spans:#?}");
}

#[tokio::test]
async fn results_can_be_taken_as_they_are_ready() {
    let backend = LocalBackend::default().max_workers(10);
    let numbers: Vec<u64> = (0..10).map(|number| number * 2).collect();
    let map = pipeline().map(inputs! { unit: "m", number: numbers }, ["number"]).backend(backend);
    let items: Vec<u64> = map.stream_as_finished().unwrap().map(|item| item.index()).collect().await;
    assert_eq!(items.iter().copied().collect::<HashSet<_>>().len(), 10);
    assert_ne!(items, (0..10).collect::<Vec<_>>(), "the last items take the least time");
}

#[tokio::test]
async fn a_stream_is_not_read_ahead_of_who_takes_its_results() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&taken);
    let endless = stream::iter((0_u64..).map(move |number| {
        counting.fetch_add(1, SeqCst);
        number * 2
    }));
    let mut items = pipeline().map_stream(inputs! { unit: "m" }, "number", endless).stream().unwrap();
    for _ in 0..5 {
        items.next().await.unwrap();
    }
    assert!(taken.load(SeqCst) < 50, "{} items were read for 5 results", taken.load(SeqCst));
    drop(items);
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_cancelled() {
    let recorder = Recorder::in_memory();
    let numbers = stream::iter(0..).map(|number: u64| number * 2);
    let map = pipeline().map_stream(inputs! { unit: "m" }, "number", numbers).telemetry(recorder.clone());
    let mut items = map.stream().unwrap();
    let trace = {
        let item = items.next().await.unwrap();
        assert_eq!(item.get::<u64>("half").unwrap(), 0);
        items.id().trace
    };
    let retained = recorder.retain(trace);
    drop(items);
    let spans = retained.spans();
    let root = spans.iter().find(|span| span.span_type == SpanType::Pipeline).unwrap();
    assert_eq!(root.status, Status::Cancelled);
}

#[tokio::test]
async fn items_of_the_wrong_type_are_refused_with_both_types() {
    let texts = stream::iter(["a", "b"]);
    let error = pipeline().map_stream(inputs! { unit: "m" }, "number", texts).stream().err().unwrap();
    assert_eq!(error.to_string(), "the items of `number` are `&str`, but node `halve` reads a `u64`");
    let numbers = stream::iter([1_u64]);
    let error = pipeline().map_stream(inputs! { unit: "m" }, "numbr", numbers).stream().err().unwrap();
    assert!(error.to_string().contains("did you mean `number`?"), "{error}");
}

#[tokio::test]
async fn only_what_failed_is_run_again() {
    let numbers = vec![2_u64, 3, 4, 5];
    let map = || pipeline().map(inputs! { unit: "m", number: numbers.clone() }, ["number"]);
    let run = map().await.unwrap();
    assert_eq!((run.failed(), run.failed_items()), (2, vec![1, 3]));
    let again = map().only(run.failed_items()).await.unwrap();
    assert_eq!(again.items().map(|item| item.index()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(again.failed(), 2);
    // The numbers were mended meanwhile.
    let mended = pipeline().map(inputs! { unit: "m", number: vec![2_u64, 8, 4, 10] }, ["number"]);
    let whole = run.updated(mended.only([1, 3]).await.unwrap());
    assert_eq!((whole.failed(), whole.column::<u64>("half").unwrap()), (0, vec![1, 4, 2, 5]));
    let error = map().only([7]).await.err().unwrap();
    assert_eq!(error.to_string(), "there is no item 7: the map has 4 items, counted from 0");
}

#[tokio::test]
async fn a_failure_stops_the_map_if_that_is_asked_for() {
    let numbers: Vec<u64> = vec![2, 3, 4, 6];
    let map = pipeline().map(inputs! { unit: "m", number: numbers }, ["number"]).on_error(OnError::Stop);
    let run = map.backend(LocalBackend::sequential()).await.unwrap();
    let kinds: Vec<_> = run.items().map(|item| item.error().map(flowglass::Error::kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Node), Some(ErrorKind::Cancelled), Some(ErrorKind::Cancelled)]);
    assert_eq!(run.failed(), 1);
}

static THREADS: Mutex<Option<HashSet<ThreadId>>> = Mutex::new(None);

#[node(output = "seen")]
fn see_thread(number: u64, meet: &Arc<std::sync::Barrier>) -> u64 {
    if number < 2 {
        // Both of the first two items must be at work at once for either to go on.
        meet.wait();
    }
    THREADS.lock().unwrap().get_or_insert_default().insert(std::thread::current().id());
    number
}

#[tokio::test]
async fn items_run_on_threads_and_keep_their_order() {
    let pipeline = Pipeline::builder("threads").node(see_thread {}).build().unwrap();
    let meet = Arc::new(std::sync::Barrier::new(2));
    let numbers: Vec<u64> = (0..500).collect();
    let map = pipeline.map(inputs! { number: numbers.clone(), meet: meet }, ["number"]);
    let run = map.backend(LocalBackend::threads().max_workers(2)).map_items(MapItems::Each).await.unwrap();
    assert_eq!(run.column::<u64>("seen").unwrap(), numbers);
    assert!(THREADS.lock().unwrap().as_ref().unwrap().len() >= 2);
    let spans = run.trace();
    let map = spans.iter().find(|span| span.span_type == SpanType::Map).unwrap();
    let items: Vec<_> = spans.iter().filter(|span| span.span_type == SpanType::Item).collect();
    assert_eq!(items.len(), 500);
    assert!(items.iter().all(|item| item.parent_id == map.span_id));
    let nodes: HashSet<_> = spans.iter().filter(|span| span.span_type == SpanType::Node).map(|span| span.parent_id).collect();
    assert_eq!(nodes.len(), 500, "each item has a node of its own");
}
