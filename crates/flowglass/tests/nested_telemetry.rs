//! Who records what of nested pipelines: the recorder around, their own, or nobody, and how the spans of two recorders are joined.

use std::time::Duration;

use flowglass::model::{AttributeValue, Span, SpanId, Status, flags};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{LocalBackend, Setting};

#[node(output = "low")]
fn lower(text: &str) -> String {
    let _mine = flowglass::span("mine");
    text.to_lowercase()
}

#[node(output = "length")]
async fn measure(low: String) -> usize {
    tokio::task::yield_now().await;
    let _late = flowglass::span("late");
    low.len()
}

#[node(output = "twice")]
fn double(length: usize) -> usize {
    length * 2
}

#[node(output = "odd")]
fn odd(text: &str) -> Result<usize, std::num::ParseIntError> {
    text.parse()
}

#[node(output = "never")]
async fn never(text: String) -> usize {
    drop(text);
    std::future::pending().await
}

fn inner() -> Pipeline {
    Pipeline::builder("inner").nodes(nodes![lower, measure]).build().unwrap()
}

fn outer(inner: impl flowglass::IntoNode) -> Pipeline {
    Pipeline::builder("outer").node(inner).node(double {}).build().unwrap()
}

fn named(recorder: &TestRecorder, name: &str) -> Span {
    recorder.span(name).span().clone()
}

/// The names of all spans, each below its parent.
fn tree(recorder: &TestRecorder) -> String {
    let spans = recorder.spans();
    let is_root = |span: &&Span| spans.iter().all(|other| other.span_id != span.parent_id);
    spans.iter().filter(is_root).map(|root| subtree(&spans, root, 0)).collect()
}

fn subtree(spans: &[Span], span: &Span, depth: usize) -> String {
    let below = spans.iter().filter(|child| child.parent_id == span.span_id).map(|child| subtree(spans, child, depth + 1));
    format!("{}{}\n{}", "  ".repeat(depth), span.name, below.collect::<String>())
}

fn set(recorder: &TestRecorder) -> Setting<flowglass::Recorder> {
    Setting::Set(recorder.recorder().clone())
}

#[tokio::test]
async fn a_pipeline_with_a_recorder_of_its_own_is_recorded_there_and_joined_by_its_parent() {
    let (around, own) = (TestRecorder::new(), TestRecorder::new());
    let pipeline = outer(inner().with_telemetry(set(&own)));
    let run = pipeline.run(inputs! { text: "A" }).telemetry(around.recorder().clone()).await.unwrap();
    assert_eq!(tree(&around), "pipeline outer\n  pipeline inner\n  node double\n");
    assert_eq!(tree(&own), "pipeline inner\n  node lower\n    mine\n  node measure\n    late\n");

    let (here, there) = (named(&around, "pipeline inner"), named(&own, "pipeline inner"));
    assert_eq!((there.parent_id, there.trace_id), (here.span_id, here.trace_id));
    assert_ne!(there.span_id, here.span_id);
    assert!(there.flags & flags::IS_REMOTE != 0, "its parent is with another recorder");
    assert_eq!(here.trace_id, run.id().trace);
    assert_eq!(there.text("pipeline.path"), Some("outer > inner"));
    assert_eq!((there.text("backend.mode"), here.text("backend.mode")), (Some("async"), Some("async")));
    assert!(there.start_unix_ns <= named(&own, "node lower").start_unix_ns);
}

#[tokio::test]
async fn a_use_says_who_records_it() {
    let (around, own) = (TestRecorder::new(), TestRecorder::new());
    let quiet = inner().with_telemetry(Setting::Off);
    let pipeline = outer(quiet.as_node().telemetry(own.recorder().clone()));
    pipeline.run(inputs! { text: "A" }).telemetry(around.recorder().clone()).await.unwrap();
    assert_eq!(named(&own, "node lower").parent_id, named(&own, "pipeline inner").span_id);
    assert_eq!(own.spans().len(), 5);
}

#[tokio::test]
async fn telemetry_is_switched_on_again_below_where_it_is_off() {
    let telemetry = TestRecorder::new();
    let leaf = Pipeline::builder("leaf").node(lower {}).telemetry(telemetry.recorder().clone()).build().unwrap();
    let middle = Pipeline::builder("middle").node(leaf).node(measure {}).no_telemetry().build().unwrap();
    let run = outer(middle).run(inputs! { text: "A" }).telemetry(telemetry.recorder().clone()).await.unwrap();
    let right = "pipeline outer\n  pipeline middle\n    pipeline leaf\n      node lower\n        mine\n  node double\n";
    assert_eq!(tree(&telemetry), right, "it hangs on the nearest span that is recorded");
    assert_eq!(named(&telemetry, "pipeline leaf").flags & flags::IS_REMOTE, 0);
    assert_eq!(run.trace().len(), 6);
}

#[tokio::test]
async fn a_pipeline_is_recorded_where_the_run_is_not() {
    let own = TestRecorder::new();
    let run = outer(inner().with_telemetry(set(&own))).run(inputs! { text: "A" }).no_telemetry().await.unwrap();
    assert!(run.trace().is_empty());
    let root = named(&own, "pipeline inner");
    assert_eq!((root.parent_id, root.trace_id), (SpanId::NONE, run.id().trace));
    assert_eq!(root.flags & flags::IS_REMOTE, 0, "there is no parent");
    assert_eq!(named(&own, "node measure").parent_id, root.span_id);
}

#[tokio::test]
async fn two_recorders_may_alternate() {
    let (first, second) = (TestRecorder::new(), TestRecorder::new());
    let leaf = Pipeline::builder("leaf").node(lower {}).build().unwrap().with_telemetry(set(&first));
    let middle = Pipeline::builder("middle").node(leaf).node(measure {}).build().unwrap().with_telemetry(set(&second));
    outer(middle).run(inputs! { text: "A" }).telemetry(first.recorder().clone()).await.unwrap();
    let right = "pipeline outer\n  pipeline middle\n    pipeline leaf\n      node lower\n        mine\n  node double\n";
    assert_eq!(tree(&first), right, "in the first there is no gap");
    assert_eq!(tree(&second), "pipeline middle\n  pipeline leaf\n  node measure\n    late\n");
}

#[tokio::test]
async fn items_are_recorded_by_the_recorder_of_their_pipeline() {
    for backend in [LocalBackend::default(), LocalBackend::threads().max_workers(2)] {
        let (around, own) = (TestRecorder::new(), TestRecorder::new());
        let each = inner().with_telemetry(set(&own)).as_node().map_over("text", "texts").output("length", "lengths");
        let pipeline = Pipeline::builder("outer").node(each).backend(backend).build().unwrap();
        let texts = vec!["a".to_owned(), "bb".to_owned(), "ccc".to_owned()];
        let run = pipeline.run(inputs! { texts: texts }).telemetry(around.recorder().clone()).await.unwrap();
        assert_eq!(run.get::<Vec<usize>>("lengths").unwrap(), [1, 2, 3]);
        assert_eq!(around.spans().len(), 5, "the pipeline, the map and its items");
        for index in 0..3 {
            let item = format!("item {index}");
            let (here, there) = (named(&around, &item), named(&own, &item));
            assert_eq!(there.parent_id, here.span_id);
            let inside = own.spans().into_iter().filter(|span| span.parent_id == there.span_id).count();
            assert_eq!(inside, 2, "its nodes");
        }
        assert!(own.spans().iter().all(|span| span.status == Status::Ok));
    }
}

#[tokio::test]
async fn a_failure_stands_on_both_sides_and_nowhere_where_telemetry_is_off() {
    let (around, own) = (TestRecorder::new(), TestRecorder::new());
    let failing = Pipeline::builder("failing").node(odd {}).build().unwrap();
    let run = |failing: &Pipeline| {
        let pipeline = Pipeline::builder("outer").node(failing).build().unwrap();
        pipeline.run(inputs! { text: "x" }).telemetry(around.recorder().clone())
    };
    assert!(run(&failing.with_telemetry(set(&own))).await.is_err());
    assert_eq!(named(&around, "pipeline failing").status, Status::Error);
    let there = named(&own, "pipeline failing");
    assert_eq!((there.status, there.text("failure.path")), (Status::Error, Some("outer > failing > odd")));
    assert_eq!(named(&own, "node odd").status, Status::Error);

    let quiet = TestRecorder::new();
    let pipeline = Pipeline::builder("outer").node(failing.as_node().no_telemetry()).build().unwrap();
    assert!(pipeline.run(inputs! { text: "x" }).telemetry(quiet.recorder().clone()).await.is_err());
    assert_eq!(tree(&quiet), "pipeline outer\n  pipeline failing\n");
    assert_eq!(named(&quiet, "pipeline failing").text("failure.path"), Some("outer > failing > odd"));
}

#[tokio::test]
async fn what_is_stopped_ends_on_both_sides() {
    let (around, own) = (TestRecorder::new(), TestRecorder::new());
    let endless = Pipeline::builder("endless").node(never {}).telemetry(own.recorder().clone()).build().unwrap();
    let pipeline = Pipeline::builder("outer").node(&endless).build().unwrap();
    let run = pipeline.run(inputs! { text: "x" }).telemetry(around.recorder().clone()).timeout(Duration::from_millis(1));
    assert!(run.await.is_err());
    let here = named(&around, "pipeline endless");
    for span in own.spans().iter().chain([&here]) {
        assert_eq!(span.status, Status::Cancelled, "{}", span.name);
    }
    assert_eq!(tree(&own), "pipeline endless\n  node never\n");

    let dropped = TestRecorder::new();
    let endless = endless.with_telemetry(set(&dropped));
    let pipeline = Pipeline::builder("outer").node(&endless).build().unwrap();
    let mut run = Box::pin(async { pipeline.run(inputs! { text: "x" }).await });
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(run.as_mut().poll(cx).is_pending()));
    assert!(polled.await);
    drop(run);
    assert_eq!(named(&dropped, "pipeline endless").status, Status::Cancelled);
}

#[tokio::test]
async fn a_second_attempt_is_seen_by_both() {
    let (around, own) = (TestRecorder::new(), TestRecorder::new());
    let failing = Pipeline::builder("failing").node(odd {}).build().unwrap().with_telemetry(set(&own));
    let pipeline = Pipeline::builder("outer").node(failing.as_node().retry(flowglass::Retry::attempts(2))).build().unwrap();
    assert!(pipeline.run(inputs! { text: "x" }).telemetry(around.recorder().clone()).await.is_err());
    for recorder in [&around, &own] {
        let attempts = recorder.spans().into_iter().filter(|span| span.name.starts_with("attempt")).count();
        assert_eq!(attempts, 2);
    }
    assert_eq!(own.spans().into_iter().filter(|span| span.name == "node odd").count(), 2);
}

#[test]
fn what_a_run_says_of_itself_stands_on_the_spans_of_all() {
    let own = TestRecorder::new();
    let pipeline =
        Pipeline::builder("outer").node(Pipeline::builder("in").node(lower {}).build().unwrap().with_telemetry(set(&own)));
    pipeline.build().unwrap().run(inputs! { text: "A" }).attribute("tenant", "a").wait().unwrap();
    assert_eq!(named(&own, "node lower").attribute("tenant"), Some(&AttributeValue::Str("a".into())));
}
