//! What a failure tells: where, with what, after which attempts, and what became of everything around. The same from the run and
//! from its spans.

use std::time::Duration;

use flowglass::insight::{Tree, failures};
use flowglass::model::{FailureReport, LevelReport};
use flowglass::prelude::*;
use flowglass::{Capture, ErrorKind, LocalBackend};

#[node(output = "rows")]
fn read(path: &str, api_key: &str) -> Result<u64, std::num::ParseIntError> {
    let _ = api_key;
    path.parse()
}

#[node(output = "beside")]
async fn beside(path: &str) -> u64 {
    let _ = path;
    std::future::pending().await
}

#[node(output = "first")]
fn first(path: &str) -> usize {
    path.len()
}

#[node(output = "later")]
fn later(rows: u64) -> u64 {
    rows
}

#[node(output = "slow")]
async fn slow(path: &str) -> Result<u64, std::num::ParseIntError> {
    tokio::task::yield_now().await;
    path.parse()
}

fn load() -> Pipeline {
    Pipeline::builder("load").nodes(nodes![beside, first, read, later]).build().unwrap()
}

fn outer() -> Pipeline {
    let done = Pipeline::builder("etl").node(load().as_node()).node(last {});
    done.build().unwrap()
}

#[node(output = "last")]
fn last(later: u64) -> u64 {
    later
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn inputs() -> flowglass::Inputs {
    inputs! { path: "no number", api_key: "hunter2" }
}

fn from_spans(run: &Run) -> FailureReport {
    failures::reports(&Tree::of(&run.trace())).remove(0)
}

#[tokio::test]
async fn an_error_knows_what_it_was_given_and_what_became_of_the_others() {
    let run = outer().run(inputs()).settle().await.unwrap();
    let error = run.error().unwrap();
    let report = error.report();
    assert_eq!((error.kind(), error.node(), error.path()), (ErrorKind::Node, Some("read"), "etl > load > read"));
    let given = [("path".to_owned(), "\"no number\"".to_owned()), ("api_key".to_owned(), "[redacted]".to_owned())];
    assert_eq!(report.inputs, given);
    assert_eq!(
        report.around,
        [
            LevelReport {
                path: "etl > load".into(),
                finished: names(&["first"]),
                cancelled: names(&["beside"]),
                skipped: names(&["later"]),
            },
            LevelReport { path: "etl".into(), skipped: names(&["last"]), ..LevelReport::default() }
        ]
    );
    let span = run.trace().into_iter().find(|span| span.name == "node read").unwrap();
    assert_eq!(error.span(), Some(span.span_id));
    assert!(error.is_retryable() && error.cause::<std::num::ParseIntError>().is_some());
    let text = error.to_string();
    assert!(text.starts_with("etl > load > read: invalid digit found in string\n  inputs: path = \"no number\""), "{text}");
    assert!(format!("{error:#}").contains("\n  backend: local, async\n  span: "), "{error:#}");
    assert!(!format!("{error:#}{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_spans_tell_the_same_as_the_error() {
    let run = outer().run(inputs()).settle().await.unwrap();
    assert_eq!(from_spans(&run), run.error().unwrap().report());
    assert!(!format!("{:?}", run.trace()).contains("hunter2"));
}

#[tokio::test]
async fn they_do_in_a_map_with_attempts_too() {
    let retried = slow {}.retry(Retry::attempts(3).delay(Duration::ZERO));
    let one = Pipeline::builder("one").node(retried).build().unwrap();
    let each = one.as_node().map_over("path", "paths").output("slow", "all");
    let pipeline = Pipeline::builder("etl").node(each).build().unwrap();
    let paths: Vec<String> = names(&["1", "x", "y"]);
    let run = pipeline.run(inputs! { paths: paths }).backend(LocalBackend::sequential()).settle().await.unwrap();
    let error = run.error().unwrap();
    assert_eq!((error.kind(), error.items().len(), error.path()), (ErrorKind::Items, 2, "etl > one"));
    let reports = failures::reports(&Tree::of(&run.trace()));
    let same: Vec<FailureReport> = error.items().iter().map(flowglass::Error::report).collect();
    assert_eq!(same[0].path, "etl > one[1] > slow");
    assert_eq!((same[0].item.as_deref(), same[0].attempts.len()), (Some("x"), 3));
    assert_eq!(same[0].inputs, [("path".to_owned(), "\"x\"".to_owned())]);
    for (told, found) in same.iter().zip(&reports) {
        // What is around the map isn't known yet when an item fails; its spans know it later.
        assert_eq!(found.around[..1], told.around);
        let alike = |report: &FailureReport| FailureReport { around: Vec::new(), attempts: Vec::new(), ..report.clone() };
        assert_eq!(alike(found), alike(told));
        let messages =
            |report: &FailureReport| report.attempts.iter().map(|attempt| attempt.message.clone()).collect::<Vec<_>>();
        assert_eq!(messages(found), messages(told));
    }
    assert!(error.to_string().starts_with("etl > one: 2 of 3 items failed; first failure: etl > one[1] > slow: invalid"));
    assert!(format!("{error:#}").contains("\n\netl > one[2] > slow (y)\n"), "{error:#}");
}

#[tokio::test]
async fn a_mapped_node_shows_its_item() {
    let pipeline = Pipeline::builder("etl").node(slow {}.map_over("path", "paths").output("slow", "all")).build().unwrap();
    let run = pipeline.run(inputs! { paths: names(&["1", "x"]) }).settle().await.unwrap();
    let told = run.error().unwrap().items()[0].report();
    assert_eq!((told.path.as_str(), told.item.as_deref()), ("etl > slow[1]", Some("x")));
    assert_eq!(told.inputs, [("path".to_owned(), "\"x\"".to_owned())]);
    assert_eq!(from_spans(&run).inputs, told.inputs);
}

#[tokio::test]
async fn nothing_is_shown_where_nothing_is_to_be_captured() {
    let run = outer().run(inputs()).capture(Capture::Off).settle().await.unwrap();
    assert!(run.error().unwrap().report().inputs.is_empty() && from_spans(&run).inputs.is_empty());
    assert!(!format!("{:#}{:?}", run.error().unwrap(), run.trace()).contains("\"no number\""));
}

#[tokio::test]
async fn an_error_is_known_without_telemetry() {
    let run = outer().run(inputs()).no_telemetry().settle().await.unwrap();
    let report = run.error().unwrap().report();
    assert_eq!((report.span, report.inputs.len(), report.around.len()), (None, 2, 2));
}
