//! Stopping: tokens, timeouts and failures reach what runs; a thread that takes no notice holds nobody up.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowglass::model::{AttributeValue, Span, Status};
use flowglass::prelude::*;
use flowglass::{CancelToken, ErrorKind, Execution, LocalBackend, Run};

/// Something that a node waits for, and that only the test gives.
type Gate = Arc<Mutex<Receiver<()>>>;

fn gate() -> (Sender<()>, Gate) {
    let (opener, gate) = channel();
    (opener, Arc::new(Mutex::new(gate)))
}

/// Short, for threads that will never take notice.
const GRACE: Duration = Duration::from_millis(5);

#[node(output = "deaf", blocking)]
fn wait_for(gate: &Gate) -> u64 {
    let _ = gate.lock().unwrap().recv();
    1
}

#[node(output = "attentive", blocking)]
fn spin_until_asked(context: &NodeContext) -> Result<u64, String> {
    while !context.cancel_token().is_cancelled() {
        std::thread::yield_now();
    }
    Err("stopped".to_owned())
}

#[node(output = "broken")]
async fn fail(gate: &Gate) -> Result<u64, String> {
    let _ = gate;
    tokio::task::yield_now().await;
    Err("by design".to_owned())
}

fn span<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} among {spans:#?}"))
}

fn is_detached(span: &Span) -> bool {
    span.attribute("node.detached") == Some(&AttributeValue::Bool(true))
}

async fn run_until_cancelled(pipeline: Pipeline, inputs: Inputs) -> Run {
    let token = CancelToken::new();
    let run = pipeline.run(inputs).cancel_with(token.clone()).grace(GRACE).settle();
    let (run, ()) = tokio::join!(run, async { token.cancel() });
    run.unwrap()
}

#[tokio::test]
async fn a_thread_that_takes_no_notice_is_left_behind_and_said_so() {
    let (opener, gate) = gate();
    let pipeline = Pipeline::builder("stuck").node(wait_for {}).build().unwrap();
    let run = run_until_cancelled(pipeline, inputs! { gate: gate }).await;
    assert_eq!((run.status(), run.detached()), (Status::Cancelled, &["stuck > wait_for".to_owned()][..]));
    let spans = run.trace();
    let node = span(&spans, "node wait_for");
    assert_eq!((node.status, is_detached(node)), (Status::Cancelled, true));
    opener.send(()).unwrap();
}

#[tokio::test]
async fn a_thread_that_listens_ends_in_time() {
    let pipeline = Pipeline::builder("fair").node(spin_until_asked {}).build().unwrap();
    let token = CancelToken::new();
    // With all the time in the world: it isn't needed.
    let run = pipeline.run(inputs! {}).cancel_with(token.clone()).grace(Duration::from_secs(3_600)).settle();
    let (run, ()) = tokio::join!(run, async { token.cancel() });
    let run = run.unwrap();
    assert_eq!((run.status(), run.detached().len()), (Status::Cancelled, 0));
    let spans = run.trace();
    let node = span(&spans, "node spin_until_asked");
    assert_eq!((node.status, is_detached(node)), (Status::Cancelled, false));
}

#[tokio::test]
async fn a_failure_stops_its_siblings_threads() {
    let (_opener, gate) = gate();
    let pipeline = Pipeline::builder("both").nodes(nodes![spin_until_asked, fail]).build().unwrap();
    let run = pipeline.run(inputs! { gate: gate }).settle().await.unwrap();
    let error = run.error().unwrap().to_string();
    assert_eq!(error.lines().next(), Some("both > fail: by design"));
    assert!(error.ends_with("around: in both: spin_until_asked cancelled"), "{error}");
    let spans = run.trace();
    assert_eq!(span(&spans, "node spin_until_asked").status, Status::Cancelled);
    assert_eq!(span(&spans, "pipeline both").status, Status::Error);
}

#[node(output = "slow")]
fn sit_still(gate: &Gate) -> u64 {
    let _ = gate.lock().unwrap().recv();
    1
}

#[tokio::test]
async fn a_node_that_blocks_ends_when_its_time_is_over() {
    let (opener, gate) = gate();
    let node = sit_still {}.timeout(Duration::from_millis(1));
    let pipeline = Pipeline::builder("late").node(node).build().unwrap();
    let run = pipeline.run(inputs! { gate: gate }).grace(GRACE).settle().await.unwrap();
    let error = run.error().unwrap();
    assert_eq!((error.kind(), error.path(), error.message()), (ErrorKind::Timeout, "late > sit_still", "took longer than 1ms"));
    assert_eq!(run.detached(), ["late > sit_still"]);
    opener.send(()).unwrap();
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_over() {
    let (opener, gate) = gate();
    let pipeline = Pipeline::builder("late").nodes(nodes![wait_for, spin_until_asked]).build().unwrap();
    let run = pipeline.run(inputs! { gate: gate }).timeout(Duration::from_millis(1)).grace(GRACE).settle().await.unwrap();
    assert_eq!(run.error().unwrap().to_string(), "late: the run took longer than 1ms");
    assert!(run.detached().contains(&"late > wait_for".to_owned()), "{:?}", run.detached());
    let spans = run.trace();
    assert_eq!(span(&spans, "node spin_until_asked").status, Status::Cancelled);
    assert!(spans.iter().all(|span| span.status.is_final()), "{spans:#?}");
    opener.send(()).unwrap();
}

#[node(output = "item")]
fn wait_at_two(number: u64, gate: &Gate, told: &Arc<Mutex<Sender<()>>>) -> u64 {
    if number == 2 {
        told.lock().unwrap().send(()).unwrap();
        let _ = gate.lock().unwrap().recv();
    }
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_map_stops_though_none_of_its_threads_comes_back() {
    let (opener, gate) = gate();
    let (teller, reached) = channel::<()>();
    let pipeline = Pipeline::builder("items").node(wait_at_two {}).build().unwrap();
    let token = CancelToken::new();
    // The only item is the one that waits, so nothing else wakes the map.
    let inputs = inputs! { number: vec![2_u64], gate: gate, told: Arc::new(Mutex::new(teller)) };
    let backend = LocalBackend { node_execution: Execution::Async, ..LocalBackend::threads() };
    let map = pipeline.map(inputs, ["number"]).backend(backend).cancel_with(token.clone()).grace(GRACE);
    let map = tokio::spawn(std::future::IntoFuture::into_future(map));
    tokio::task::spawn_blocking(move || reached.recv()).await.unwrap().unwrap();
    token.cancel();
    assert_eq!(map.await.unwrap().unwrap().detached(), ["items[0]"]);
    opener.send(()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn items_on_threads_are_left_behind_too() {
    let (opener, gate) = gate();
    let (teller, reached) = channel::<()>();
    let pipeline = Pipeline::builder("items").node(wait_at_two {}).build().unwrap();
    let numbers: Vec<u64> = (0..100).collect();
    let token = CancelToken::new();
    let inputs = inputs! { number: numbers, gate: gate, told: Arc::new(Mutex::new(teller)) };
    let backend = LocalBackend { node_execution: Execution::Async, ..LocalBackend::threads().max_workers(2) };
    let map = pipeline.map(inputs, ["number"]).backend(backend);
    let map = tokio::spawn(std::future::IntoFuture::into_future(map.cancel_with(token.clone()).grace(GRACE)));
    tokio::task::spawn_blocking(move || reached.recv()).await.unwrap().unwrap();
    token.cancel();
    let run = map.await.unwrap().unwrap();
    assert_eq!(run.status(), Status::Cancelled);
    assert_eq!(run.detached(), ["items[2]"]);
    let spans = run.trace();
    let item = span(&spans, "item 2");
    assert_eq!((item.status, is_detached(item)), (Status::Cancelled, true));
    assert!(spans.iter().all(|span| span.status.is_final()), "{spans:#?}");
    assert_eq!(run.items().nth(2).unwrap().error().unwrap().kind(), ErrorKind::Cancelled);
    opener.send(()).unwrap();
}
