//! How nodes are scheduled and called: bounds, threads, values that are moved to their last reader, and panics anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use flowglass::prelude::*;
use flowglass::{ErrorKind, Execution, LocalBackend};

/// Counts something for the test around.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

/// Counts how often it is cloned.
struct Counted(Counter);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.0.fetch_add(1, SeqCst);
        Self(self.0.clone())
    }
}

#[node(output = "made")]
fn make(clones: &Counter) -> Counted {
    Counted(clones.clone())
}

#[node(output = "passed")]
fn pass(made: Counted) -> Counted {
    made
}

#[node(output = "waited")]
async fn wait_a_turn(passed: Counted) -> Counted {
    tokio::task::yield_now().await;
    passed
}

#[node(output = "seen")]
fn look(made: &Counted, waited: &Counted) -> bool {
    Arc::ptr_eq(&made.0.0, &waited.0.0)
}

/// Returns how often the value was cloned in a run that is asked for these outputs, or for all.
fn clones(pipeline: &Pipeline, outputs: &[&str]) -> usize {
    let clones = Counter::default();
    let run = pipeline.run(inputs! { clones: clones.clone() });
    let run = if outputs.is_empty() { run } else { run.outputs(outputs.iter().copied()) };
    run.wait().unwrap();
    clones.0.load(SeqCst)
}

#[test]
fn a_value_that_nobody_else_needs_is_moved() {
    let moving = Pipeline::builder("moving").nodes(nodes![make, pass, wait_a_turn]).build().unwrap();
    assert_eq!(clones(&moving, &["waited"]), 0, "each is read once, and only the last is asked for");
    assert_eq!(clones(&moving, &[]), 2, "the run keeps what is read");
    let shared = Pipeline::builder("shared").nodes(nodes![make, pass, wait_a_turn, look]).build().unwrap();
    assert_eq!(clones(&shared, &["seen"]), 1, "somebody looks at it later");
}

/// Knows how many are at it.
#[derive(Clone, Default)]
struct Busy {
    now: Counter,
    most: Counter,
}

impl Busy {
    async fn work(&self) {
        self.most.0.fetch_max(self.now.0.fetch_add(1, SeqCst) + 1, SeqCst);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        self.now.0.fetch_sub(1, SeqCst);
    }
}

#[node(output = "worked")]
async fn work(busy: &Busy) {
    busy.work().await;
}

#[test]
fn async_nodes_overlap_as_far_as_they_may() {
    let names = ["a", "b", "c"];
    let several = names.iter().fold(Pipeline::builder("p"), |p, &name| p.node(work {}.named(name).output("worked", name)));
    let several = several.build().unwrap();
    let most = |backend: LocalBackend| {
        let busy = Busy::default();
        several.run(inputs! { busy: busy.clone() }).backend(backend).wait().unwrap();
        busy.most.0.load(SeqCst)
    };
    assert_eq!(most(LocalBackend::default()), 3);
    assert_eq!(most(LocalBackend::default().max_workers(2)), 2);
    assert_eq!(most(LocalBackend::sequential()), 1);
}

#[node(output = "inline")]
fn is_inline(caller: &std::thread::ThreadId, item: u32) -> bool {
    assert!(item < 2);
    *caller == std::thread::current().id()
}

#[test]
fn nodes_and_items_are_scheduled_independently() {
    let caller = std::thread::current().id();
    let plain = Pipeline::builder("p").node(is_inline {}).build().unwrap();
    let nested =
        Pipeline::builder("q").node(plain.as_node().map_over("item", "items").output("inline", "all")).build().unwrap();
    for nodes in [Execution::Sequential, Execution::Async, Execution::Threads] {
        for items in [Execution::Sequential, Execution::Async, Execution::Threads] {
            let backend = LocalBackend { node_execution: nodes, map_execution: items, max_workers: Some(2) };
            let threads = |execution| execution == Execution::Threads;
            let run = plain.run(inputs! { caller: caller, item: 1 }).backend(backend.clone()).wait().unwrap();
            assert_eq!(run.get::<bool>("inline").unwrap(), !threads(nodes), "{backend:?}");
            let on_threads = threads(nodes) || threads(items);
            let map =
                plain.map(inputs! { caller: caller, item: vec![0u32, 1] }, ["item"]).backend(backend.clone()).wait().unwrap();
            assert_eq!(map.column::<bool>("inline").unwrap(), [!on_threads; 2], "{backend:?}");
            let run = nested.run(inputs! { caller: caller, items: vec![0u32, 1] }).backend(backend.clone()).wait().unwrap();
            assert_eq!(run.get::<Vec<bool>>("all").unwrap(), [!on_threads; 2], "{backend:?}");
        }
    }
}

/// Goes on for a millisecond, and says whether the neighbour has run.
fn busy(neighbour: &AtomicBool) -> bool {
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_millis(1) {}
    neighbour.load(SeqCst)
}

#[tokio::test]
async fn a_run_that_never_waits_lets_its_neighbours_run() {
    for recorder in [flowglass::Recorder::in_memory(), flowglass::Recorder::off()] {
        let ran = Arc::new(AtomicBool::new(false));
        let link = |at: usize| {
            let ran = Arc::clone(&ran);
            let node = node_fn!(format!("link {at}"), move |before: bool| -> bool { busy(&ran) || before });
            node.input("before", if at == 0 { "start".to_owned() } else { format!("link {}", at - 1) })
        };
        let chain = Pipeline::builder("chain").nodes((0..100).map(link)).build().unwrap();
        let run = chain.run(inputs! { start: false }).telemetry(recorder);
        let neighbour = async { ran.store(true, SeqCst) };
        let (run, ()) = tokio::join!(run.into_future(), neighbour);
        assert!(run.unwrap().get::<bool>("link 99").unwrap(), "the neighbour came before the end");
    }
}

#[node(output = "failed", handle = PanicsAtCall)]
fn panics_at_call() -> u32 {
    panic!("by design")
}

#[node(output = "failed", handle = PanicsAtPoll)]
async fn panics_at_poll() -> u32 {
    panic!("by design")
}

#[node(output = "failed", handle = PanicsLater)]
async fn panics_later() -> u32 {
    tokio::task::yield_now().await;
    panic!("by design")
}

#[node(output = "failed", blocking, handle = PanicsOnThread)]
fn panics_on_thread() -> u32 {
    panic!("by design")
}

#[test]
fn a_panic_anywhere_is_an_error_with_a_path() {
    let nodes = [
        PanicsAtCall {}.named("bad"),
        PanicsAtPoll {}.named("bad"),
        PanicsLater {}.named("bad"),
        PanicsOnThread {}.named("bad"),
    ];
    for node in nodes {
        let inner = Pipeline::builder("inner").node(node).build().unwrap();
        let outer = Pipeline::builder("outer").node(inner.as_node()).build().unwrap();
        for backend in [LocalBackend::default(), LocalBackend::sequential(), LocalBackend::threads()] {
            let error = outer.run(inputs! {}).backend(backend).wait().err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Panic);
            assert!(error.to_string().contains("outer > inner > bad") && error.to_string().contains("by design"), "{error}");
        }
    }
}
