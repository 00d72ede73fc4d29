//! Traces and spans that are started and ended by their ids.

use std::time::Duration;

use flowglass_model::{Span, SpanId, Status, TraceId, TraceParent, conventions};
use flowglass_record::{Recorder, Sampling, current, span};

use crate::support::{PATIENCE, Taken, assert_conserved, recorder};

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

/// A recorder at whose rate next to nothing is chosen.
fn rarely(sampling: fn(Sampling) -> Sampling) -> (Recorder, Taken) {
    let taken = Taken::default();
    let builder = Recorder::builder().export_interval(Duration::from_secs(3600)).sampling(sampling(Sampling::rate(1e-12)));
    (builder.sink("taken", taken.clone()).build(), taken)
}

/// A trace of three spans, of which the one in the middle ends like this.
fn import(recorder: &Recorder, status: Status) -> TraceId {
    let trace = recorder.start_trace("import");
    for (name, status) in [("before", Status::Ok), ("parse", status), ("after", Status::Ok)] {
        let span = recorder.start_span(trace, SpanId::NONE, name);
        assert!(recorder.attribute_of(span, "at", 1) && recorder.event_of(span, "happened", &[]));
        recorder.event_in(trace, span, "heard of", &[]);
        assert!(recorder.end_span(span, status, "why"));
    }
    recorder.event_in(trace, SpanId::NONE, "nearly done", &[]);
    assert!(recorder.end_trace(trace, Status::Ok, ""));
    trace
}

fn is_incomplete(span: &Span) -> bool {
    span.attribute(conventions::TRACE_INCOMPLETE).is_some()
}

#[test]
fn an_error_promotes_what_is_around_it_and_what_follows() {
    let (recorder, taken) = rarely(|sampling| sampling);
    import(&recorder, Status::Ok);
    recorder.flush(PATIENCE).unwrap();
    assert!(taken.batches().is_empty());
    import(&recorder, Status::Error);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["parse", "after", "import"]);
    assert!(taken.spans().iter().all(is_incomplete));
    let (root, parse) = (taken.span("import"), taken.span("parse"));
    assert_eq!((parse.parent_id, parse.status_message.as_str()), (root.span_id, "why"));
    assert_eq!(taken.span("after").attribute("at"), Some(&1_i64.into()));
    let events: Vec<String> = taken
        .batches()
        .iter()
        .flat_map(|batch| batch.events().map(|event| event.name().to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(events, ["happened", "heard of", "nearly done"], "after the error");
    assert_conserved(&recorder.stats());
}

#[test]
fn what_is_open_at_an_error_is_told_at_once() {
    let (recorder, _) = rarely(|sampling| sampling);
    let trace = recorder.start_trace("import");
    let retained = recorder.retain(trace);
    let [parse, write] = ["parse", "write"].map(|name| recorder.start_span(trace, SpanId::NONE, name));
    assert!(retained.spans().is_empty() && recorder.end_span(parse, Status::Error, ""));
    let statuses: Vec<(String, Status)> = retained.spans().into_iter().map(|span| (span.name, span.status)).collect();
    let running = |name: &str| (name.to_owned(), Status::Running);
    assert_eq!(statuses, [running("import"), ("parse".to_owned(), Status::Error), running("write")]);
    // A trace that has ended, but for one span, is the same trace still.
    assert!(recorder.end_trace(trace, Status::Error, "") && recorder.end_span(write, Status::Ok, ""));
    assert!(retained.spans().iter().all(|span| span.status != Status::Running));
}

#[test]
fn an_error_of_the_trace_itself_is_one() {
    let (recorder, taken) = rarely(|sampling| sampling);
    let trace = recorder.start_trace("import");
    assert!(recorder.end_trace(trace, Status::Error, "failed"));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["import"]);
    let (recorder, taken) = rarely(|sampling| sampling.promote_errors(false));
    import_unseen(&recorder);
    recorder.flush(PATIENCE).unwrap();
    assert!(taken.batches().is_empty());
}

/// A trace of which nothing is ever recorded has ids, and nothing of it is open.
fn import_unseen(recorder: &Recorder) {
    let trace = recorder.start_trace("import");
    let span = recorder.start_span(trace, SpanId::NONE, "parse");
    recorder.event_in(trace, SpanId::NONE, "heard of", &[]);
    assert!(trace != TraceId::NONE && !span.is_none());
    assert!(!recorder.event_of(span, "happened", &[]) && !recorder.end_span(span, Status::Error, ""));
    assert!(!recorder.end_trace(trace, Status::Error, ""));
}

#[test]
fn failed_and_slow_traces_are_kept_whole() {
    let (recorder, taken) = rarely(Sampling::keep_errors);
    let (_, bad) = (import(&recorder, Status::Ok), import(&recorder, Status::Error));
    // What is over is let go one look later.
    (0..2).for_each(|_| recorder.flush(PATIENCE).unwrap());
    let spans = taken.spans();
    assert_eq!(taken.names(), ["before", "parse", "after", "import"]);
    assert!(spans.iter().all(|span| span.trace_id == bad && !is_incomplete(span)));
    let stats = recorder.stats();
    assert_eq!((stats.let_go.spans, stats.let_go.events, stats.recorded.spans, stats.recorded.events), (4, 6, 4, 6));
    assert_conserved(&stats);
    let (recorder, taken) = rarely(|sampling| sampling.keep_slow(Duration::ZERO));
    import(&recorder, Status::Ok);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names().len(), 4, "slow enough");
}

#[test]
fn a_part_of_somebody_elses_trace_is_promoted_and_held_too() {
    // What comes in from elsewhere is told by ids alone.
    let serve = |recorder: &Recorder, status| {
        let trace = TraceId::random();
        let serve = recorder.start_span(trace, SpanId::random(), "serve");
        let query = recorder.start_span(trace, serve, "query");
        assert!(recorder.end_span(query, status, "") && recorder.end_span(serve, Status::Ok, ""));
    };
    let (promoting, promoted) = rarely(|sampling| sampling);
    let (holding, held) = rarely(Sampling::keep_errors);
    for recorder in [&promoting, &holding] {
        [Status::Ok, Status::Error].into_iter().for_each(|status| serve(recorder, status));
        (0..2).for_each(|_| recorder.flush(PATIENCE).unwrap());
        assert_conserved(&recorder.stats());
    }
    assert_eq!([promoted.names(), held.names()], [["query", "serve"]; 2]);
    assert_eq!(holding.stats().let_go.spans, 2);
}

#[test]
fn inside_of_a_run_what_holds_for_the_run_holds() {
    let (recorder, taken) = rarely(Sampling::keep_errors);
    for fails in [false, true] {
        let root = recorder.root_span("root");
        let here = current().unwrap();
        let query = recorder.start_span(here.trace_id(), here.span_id(), "query");
        assert!(recorder.end_span(query, Status::Ok, ""));
        if fails {
            root.error("it broke");
        }
    }
    (0..2).for_each(|_| recorder.flush(PATIENCE).unwrap());
    assert_eq!(taken.names(), ["query", "root"]);
    assert_eq!(recorder.stats().let_go.spans, 2);
    let (recorder, taken) = rarely(|sampling| sampling);
    let root = recorder.root_span("root");
    let here = current().unwrap();
    let query = recorder.start_span(here.trace_id(), here.span_id(), "query");
    assert!(recorder.end_span(query, Status::Error, "") && !root.is_recorded());
    drop(span("after"));
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["query", "after"]);
}

#[test]
fn what_is_open_when_the_recorder_goes_is_decided_too() {
    let (recorder, taken) = rarely(|sampling| sampling.keep_slow(Duration::ZERO));
    recorder.start_trace("import");
    drop(recorder);
    assert_eq!((taken.names(), taken.span("import").status), (vec!["import".to_owned()], Status::Interrupted));
    let (recorder, taken) = rarely(|sampling| sampling);
    recorder.start_trace("import");
    drop(recorder);
    assert!(taken.spans().is_empty());
}
