//! A trace that is retained can be read back at any time: what ended, what still runs, and their events.

use crate::support::{NODE, PIPELINE, end, frame, record_one, recorder, scope};
use flowglass_model::{Status, TraceId};
use flowglass_record::{Recorder, span};

#[test]
fn a_trace_is_read_back_in_order_of_its_start() {
    let recorder = Recorder::in_memory();
    let scope = scope(&recorder);
    let retained = recorder.retain(scope.trace_id());
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    record_one(&scope, NODE);
    let active = scope.activate();
    {
        let inner = span("inner");
        inner.event("something", &[]).attr("key", 1);
        let running: Vec<_> = retained.spans().into_iter().map(|span| (span.name, span.status)).collect();
        let expected = [("pipeline p", Status::Running), ("node n", Status::Ok), ("inner", Status::Running)];
        assert_eq!(running, expected.map(|(name, status)| (name.to_owned(), status)));
    }
    drop(active);
    scope.exit();
    scope.record(&end(root));
    let spans = retained.spans();
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["pipeline p", "node n", "inner"]);
    assert!(spans.iter().all(|span| span.status == Status::Ok));
    assert_eq!((spans[2].events.len(), spans[2].attributes.len()), (1, 1));
    assert_eq!(retained.clone().spans(), spans, "reading changes nothing");
}

#[test]
fn only_what_is_recorded_while_retained_is_kept() {
    let recorder = Recorder::in_memory();
    let scope = scope(&recorder);
    record_one(&scope, NODE);
    recorder.flush(crate::support::PATIENCE).unwrap();
    let retained = recorder.retain(scope.trace_id());
    let other = recorder.retain(TraceId::random());
    record_one(&scope, NODE);
    assert_eq!((retained.spans().len(), other.spans().len()), (1, 0));
    drop(retained);
    assert!(recorder.retain(scope.trace_id()).spans().is_empty());
    assert_eq!(recorder.stats().recorded.total(), 2);
}

#[test]
fn a_retained_trace_outlives_its_recorder() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let retained = recorder.retain(scope.trace_id());
    record_one(&scope, NODE);
    drop((recorder, scope));
    assert_eq!((retained.spans().len(), taken.spans().len()), (1, 1));
}

#[test]
fn retention_is_bounded_and_says_what_it_let_go() {
    let recorder = Recorder::builder().retained_bytes(1).build();
    let scope = scope(&recorder);
    let retained = recorder.retain(scope.trace_id());
    record_one(&scope, NODE);
    assert!(retained.spans().is_empty());
    assert_eq!((retained.dropped(), recorder.stats().dropped_retained), (1, 1));
}

#[test]
fn a_run_of_many_spans_is_read_back_whole() {
    let recorder = Recorder::in_memory();
    let scope = scope(&recorder);
    let retained = recorder.retain(scope.trace_id());
    for _ in 0..40_000 {
        record_one(&scope, NODE);
    }
    let spans = retained.spans();
    assert_eq!(spans.len(), 40_000);
    assert!(spans.is_sorted_by_key(|span| span.start_unix_ns));
}
