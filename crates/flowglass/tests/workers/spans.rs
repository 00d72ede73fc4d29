//! A run looks the same wherever its parts ran: one trace, right parents, and where it was.

use std::collections::HashMap;

use flowglass::model::{AttributeValue, Span, SpanId};
use flowglass::prelude::*;

use crate::pipelines::{by_hand, halves, report, sums};
use crate::workers;

/// Each span as the names from the root to it, sorted.
pub(crate) fn paths(spans: &[Span]) -> Vec<String> {
    let by_id: HashMap<SpanId, &Span> = spans.iter().map(|span| (span.span_id, span)).collect();
    let mut paths: Vec<String> = spans
        .iter()
        .map(|span| {
            let mut names = vec![span.name.as_str()];
            let mut at = span;
            while let Some(parent) = by_id.get(&at.parent_id) {
                names.push(&parent.name);
                at = parent;
            }
            assert!(at.parent_id.is_none(), "{} {:?} hangs on a span that isn't there: {spans:#?}", at.name, at.span_id);
            names.reverse();
            names.join(" > ")
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn the_tree_is_the_one_of_a_local_run() {
    let run = || report().unwrap().run(inputs! { number: 5_u64, numbers: vec![1_u64, 2, 3] });
    let (local, away) = (run().wait().unwrap(), run().backend(workers(2)).wait().unwrap());
    assert_eq!(paths(&away.trace()), paths(&local.trace()));
    assert!(paths(&away.trace()).iter().any(|path| path.ends_with("item 2 > node square > multiply")));
}

#[test]
fn a_run_that_a_node_starts_is_one_of_its_own_in_the_trace_wherever_it_ran() {
    let run = || by_hand().unwrap().run(inputs! { number: 5_u64 });
    let (local, away) = (run().wait().unwrap(), run().backend(workers(1)).wait().unwrap());
    assert_eq!(paths(&away.trace()), paths(&local.trace()));
    for spans in [local.trace(), away.trace()] {
        let roots: Vec<&str> = spans.iter().filter(|span| span.is_run_root()).map(|span| span.name.as_str()).collect();
        assert_eq!(roots, ["pipeline by hand", "pipeline sums"]);
    }
}

#[test]
fn attempts_and_failures_are_recorded_as_here() {
    let map = || halves().unwrap().map(inputs! { number: vec![2_u64, 3] }, ["number"]);
    let (local, away) = (map().wait().unwrap(), map().backend(workers(1)).wait().unwrap());
    assert_eq!(paths(&away.trace()), paths(&local.trace()));
    let failed = |spans: Vec<Span>| {
        let failed = spans.into_iter().filter(|span| span.status == flowglass::model::Status::Error);
        failed.map(|span| (span.name, span.status_message)).collect::<Vec<_>>()
    };
    let (mut here, mut there) = (failed(local.trace()), failed(away.trace()));
    here.sort();
    there.sort();
    assert_eq!(there, here);
}

#[test]
fn spans_say_where_they_were_recorded() {
    let run = sums().unwrap().run(inputs! { number: 7 }).backend(workers(1).resource("gpu", "none")).wait().unwrap();
    let spans = run.trace();
    let span = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let pid = i64::from(run.get::<u32>("pid").unwrap());
    for name in ["node square", "node process", "multiply"] {
        assert_eq!(span(name).text("backend.name"), Some("processes"), "{name}");
        assert_eq!(span(name).text("worker.id"), Some("processes-1"), "{name}");
        assert_eq!(span(name).text("backend.resources"), Some("gpu=none"), "{name}");
        assert_eq!(span(name).attribute("process.pid").and_then(|pid| pid.as_int()), Some(pid), "{name}");
    }
    assert_eq!(
        (span("node square").text("backend.mode"), span("pipeline sums").text("backend.mode")),
        (Some("async"), Some("async"))
    );
    assert_eq!(span("pipeline sums").text("backend.name"), Some("processes"));
    assert_eq!(span("multiply").attribute("factor").and_then(|factor| factor.as_int()), Some(7));
    let events: Vec<&str> = span("node square").events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(events, ["backend.entered", "backend.left"]);
    assert!(spans.iter().all(|span| span.trace_id == run.id().trace));
}

#[test]
fn an_item_lasts_as_long_as_its_worker_had_it() {
    let numbers: Vec<u64> = (0..200).collect();
    let map = sums().unwrap().map(inputs! { number: numbers }, ["number"]).backend(workers(1)).wait().unwrap();
    let spans = map.trace();
    let items: HashMap<SpanId, &Span> =
        spans.iter().filter(|span| span.name.starts_with("item")).map(|span| (span.span_id, span)).collect();
    assert_eq!(items.len(), 200);
    for node in spans.iter().filter(|span| span.name.starts_with("node")) {
        let item = items[&node.parent_id];
        // Both clocks are this machine's, each read in two steps that something may come between.
        assert!(node.start_unix_ns >= item.start_unix_ns - 5_000_000, "{} begins before {}", node.name, item.name);
    }
    // The map's own histogram counts the same times: not what items waited for a worker.
    let map = spans.iter().find(|span| span.name.starts_with("map")).unwrap();
    let Some(AttributeValue::Map(durations)) = map.attribute("map.durations") else { panic!("the map has no durations") };
    let sum_ns = durations.iter().find(|(key, _)| key == "sum_ns").and_then(|(_, sum)| sum.as_int()).unwrap();
    let items_ns: u64 = items.values().map(|item| item.duration_ns).sum();
    let difference = i64::try_from(items_ns).unwrap().abs_diff(sum_ns);
    assert!(difference < 200 * 1_000, "{items_ns} and {sum_ns}");
}
