//! Traces and spans that are started and ended by their ids.

use flowglass_model::{SpanId, Status, TraceParent};

use crate::support::{PATIENCE, assert_conserved, recorder};

#[test]
fn spans_are_siblings_under_their_trace() {
    let (recorder, taken) = recorder();
    let trace = recorder.start_trace(&format!("import {}", 7));
    let [first, second] = ["parse", "write"].map(|name| recorder.start_span(trace, SpanId::NONE, name));
    let inner = recorder.start_span(trace, first, "header");
    assert!(recorder.attribute_of(inner, &String::from("columns"), 3) && recorder.event_of(inner, "skipped", &[]));
    let to = TraceParent { trace_id: trace, parent_id: second, sampled: true };
    assert!(recorder.link_of(inner, to, &[]));
    [inner, first].into_iter().for_each(|span| assert!(recorder.end_span(span, Status::Ok, "")));
    assert!(recorder.end_span(second, Status::Error, "disk full") && !recorder.end_span(second, Status::Ok, ""));
    assert!(recorder.end_trace(trace, Status::Error, "failed") && !recorder.end_trace(trace, Status::Ok, ""));
    assert!(!recorder.attribute_of(inner, "late", 1));
    recorder.flush(PATIENCE).unwrap();
    let root = taken.span("import 7");
    assert_eq!((root.trace_id, root.parent_id, root.status), (trace, SpanId::NONE, Status::Error));
    assert_eq!((taken.span("parse").parent_id, taken.span("write").parent_id), (root.span_id, root.span_id));
    assert_eq!((taken.span("header").parent_id, taken.span("write").status_message.as_str()), (first, "disk full"));
    assert_eq!(taken.span("header").attribute("columns"), Some(&3_i64.into()));
    assert_conserved(&recorder.stats());
}

#[test]
fn an_open_id_is_seen_running() {
    let (recorder, _) = recorder();
    let trace = recorder.start_trace("import");
    let retained = recorder.retain(trace);
    let spans = retained.spans();
    assert_eq!((spans.len(), spans[0].name.as_str(), spans[0].status), (1, "import", Status::Running));
}

#[test]
fn an_id_that_is_never_ended_is_interrupted() {
    let (recorder, taken) = recorder();
    let trace = recorder.start_trace("import");
    recorder.start_span(trace, SpanId::NONE, "parse");
    drop(recorder);
    let statuses: Vec<Status> = taken.spans().iter().map(|span| span.status).collect();
    assert_eq!(statuses, [Status::Interrupted; 2]);
    assert_eq!(taken.span("parse").status_message, "never ended");
}

#[test]
fn what_is_no_end_counts_as_a_good_one() {
    let (recorder, taken) = recorder();
    let trace = recorder.start_trace("import");
    assert!(recorder.end_trace(trace, Status::Running, ""));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.span("import").status, Status::Ok);
}
