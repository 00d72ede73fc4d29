//! Programs that show what their runs do: on standard error, as bars or as lines, and never on standard output.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use flowglass::prelude::*;
use flowglass::progress::{Style, View};
use flowglass::term::Options;

/// What a copy of this test is to do, if it is one.
const CHILD: &str = "FLOWGLASS_TEST_PROGRESS";

#[node(output = "doubled")]
fn double(number: u64) -> u64 {
    number * 2
}

#[node(output = "text")]
fn write(doubled: u64) -> String {
    doubled.to_string()
}

fn pipeline() -> Pipeline {
    Pipeline::builder("doubling").nodes(nodes![double, write]).build().unwrap()
}

/// Runs as a copy of this test that shows its progress like this; returns what it wrote on standard error.
fn shown_as(style: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", "child", "--nocapture"]).env(CHILD, style).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("doubling"));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a copy of the test is told what to do by its environment")]
fn child() {
    let bars = Style::Bars(View { options: Options::plain(80), height: 20, workers: None });
    match std::env::var(CHILD).as_deref() {
        Ok("auto") => _ = pipeline().run(inputs! { number: 21u64 }).progress().wait().unwrap(),
        Ok("bars") => _ = pipeline().run(inputs! { number: 21u64 }).progress_as(bars).wait().unwrap(),
        Ok("map") => {
            _ = pipeline().map(inputs! { number: vec![1u64, 2, 3] }, ["number"]).progress_as(bars).wait().unwrap();
        }
        _ => {}
    }
}

#[test]
fn where_nobody_looks_each_end_is_a_line() {
    let text = shown_as("auto");
    assert!(text.starts_with("doubling: started\n"), "{text}");
    assert!(text.contains("doubling > double") && text.contains("doubling > write"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn bars_stay_as_they_are_at_the_end() {
    let text = shown_as("bars");
    let (_, last) = text.rsplit_once("doubling").unwrap();
    assert!(last.contains("2/2"), "{text}");
}

#[test]
fn maps_have_bars_of_their_items() {
    let text = shown_as("map");
    assert!(text.contains("3/3"), "{text}");
}

#[test]
fn progress_takes_no_others_place() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = |seen: &Arc<AtomicUsize>| {
        let seen = Arc::clone(seen);
        move |_: &flowglass::model::Event<'_>| _ = seen.fetch_add(1, SeqCst)
    };
    let run = pipeline().run(inputs! { number: 21u64 }).observe(count(&seen)).progress_as(Style::Off).observe(count(&seen));
    run.wait().unwrap();
    assert_eq!(seen.load(SeqCst), 12, "a pipeline and two nodes start and end, and two are told");
}
