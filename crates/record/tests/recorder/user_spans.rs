//! Spans that user code makes hang on what is active, and carry what is said while they are open.

use crate::support::{NODE, PATIENCE, PIPELINE, end, frame, recorder, scope};
use flowglass_model::{AttributeValue, SpanId, Status};
use flowglass_record::{Value, current, span};

#[test]
fn without_an_active_scope_nothing_happens() {
    assert_eq!(current(), None);
    let guard = span("nowhere");
    guard.attr("key", 1).event("event", &[]).error("error");
    assert!(guard.id().is_none() && !guard.is_recorded());
}

#[test]
fn a_span_hangs_on_the_current_one() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let node = frame(&scope, NODE);
    scope.enter(&node);
    let active = scope.activate();
    {
        let outer = span("outer");
        let inner = span("inner");
        let here = current().unwrap();
        assert_eq!((here.trace_id(), here.span_id(), here.is_sampled()), (scope.trace_id(), inner.id(), true));
        assert_eq!(here.traceparent().to_string(), format!("00-{}-{}-01", scope.trace_id(), inner.id()));
        drop(inner);
        assert_eq!(current().unwrap().span_id(), outer.id());
    }
    assert_eq!(current().unwrap().span_id(), node.span);
    drop(active);
    assert_eq!(current(), None);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.span("outer").parent_id, node.span);
    assert_eq!(taken.span("inner").parent_id, taken.span("outer").span_id);
}

#[test]
fn a_span_carries_what_was_said_of_it() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    root.attr("text", "first").attr("number", 7).attr("text", &String::from("second")).attr("none", None::<i64>);
    root.attr("nested", &AttributeValue::List(vec![true.into()]));
    root.event("seen", &[("row", Value::Int(3))]);
    root.error("it broke");
    recorder.flush(PATIENCE).unwrap();
    assert!(taken.spans().is_empty(), "still open");
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    let span = taken.span("root");
    assert_eq!((span.status, span.status_message.as_str()), (Status::Error, "it broke"));
    let keys: Vec<&str> = span.attributes.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["text", "number", "nested"]);
    assert_eq!(span.text("text"), Some("second"));
    let batches = taken.batches();
    let event = batches[0].events().next().unwrap();
    assert_eq!((event.name(), event.owner()), ("seen", (span.trace_id, span.span_id)));
    assert_eq!(event.to_event().attributes, [("row".into(), 3_i64.into())]);
}

#[test]
fn an_open_span_shows_its_attributes() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    root.attr("phase", "one");
    recorder.flush(PATIENCE).unwrap();
    recorder.flush(PATIENCE).unwrap();
    let opened = taken.batches()[0].opened().next().unwrap().to_span();
    assert_eq!((opened.name.as_str(), opened.text("phase")), ("root", Some("one")));
    drop(root);
}

#[test]
fn a_guard_may_outlive_its_activation() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let node = frame(&scope, NODE);
    scope.enter(&node);
    let active = scope.activate();
    let guard = span("left behind");
    drop(active);
    assert_eq!((current(), scope.current()), (None, node.span));
    scope.exit();
    scope.record(&end(node));
    drop(scope);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["node n"]);
    guard.attr("late", true);
    drop(guard);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.span("left behind").attribute("late"), Some(&true.into()));
    assert_eq!(taken.span("left behind").parent_id, node.span);
}

#[test]
fn activations_may_end_in_any_order() {
    let (recorder, _) = recorder();
    let (first, second) = (scope(&recorder), scope(&recorder));
    let (one, two) = (first.activate(), second.activate());
    drop(one);
    assert_eq!(current().unwrap().trace_id(), second.trace_id());
    drop(two);
    assert_eq!(current(), None);
    std::mem::forget(first.activate());
    assert_eq!(current().unwrap().trace_id(), first.trace_id());
}

#[test]
fn work_on_another_thread_hangs_on_what_it_was_forked_from() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    let fork = scope.fork(&root);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _active = fork.activate();
            drop(span("elsewhere"));
        });
    });
    let unsampled = scope.fork(&flowglass_record::Frame { flags: 0, ..root });
    assert!(!unsampled.is_sampled());
    recorder.flush(PATIENCE).unwrap();
    let elsewhere = taken.span("elsewhere");
    assert_eq!((elsewhere.parent_id, elsewhere.trace_id), (root.span, scope.trace_id()));
}

#[test]
fn a_panic_fails_the_spans_it_passes() {
    let (recorder, taken) = recorder();
    let caught = std::panic::catch_unwind(|| {
        let _root = recorder.root_span("root");
        panic!("through here");
    });
    assert!(caught.is_err());
    recorder.flush(PATIENCE).unwrap();
    let span = taken.span("root");
    assert_eq!((span.status, span.status_message.as_str()), (Status::Error, "panicked"));
}

#[test]
fn a_span_opened_while_unwinding_is_no_failure() {
    struct Cleanup;
    impl Drop for Cleanup {
        fn drop(&mut self) {
            drop(span("cleanup"));
        }
    }
    let (recorder, taken) = recorder();
    let caught = std::panic::catch_unwind(|| {
        let _root = recorder.root_span("root");
        let _cleanup = Cleanup;
        panic!("through here");
    });
    assert!(caught.is_err());
    recorder.flush(PATIENCE).unwrap();
    assert_eq!((taken.span("cleanup").status, taken.span("root").status), (Status::Ok, Status::Error));
}

#[test]
fn a_long_name_comes_back() {
    let name: &'static str = Box::leak("n".repeat(1000).into_boxed_str());
    let (recorder, taken) = recorder();
    let root = recorder.root_span(name);
    drop(span(name));
    span("inside").error("fails");
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), [name, "inside", name]);
    assert_eq!(taken.span("inside").status, Status::Error);
}

#[test]
fn deep_recursion_keeps_its_parents() {
    fn nest(depth: usize, parents: &mut Vec<SpanId>) {
        if depth > 0 {
            let guard = span("level");
            parents.push(guard.id());
            nest(depth - 1, parents);
        }
    }
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    let mut chain = vec![root.id()];
    nest(100, &mut chain);
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    let parents: std::collections::HashMap<SpanId, SpanId> =
        taken.spans().into_iter().map(|span| (span.span_id, span.parent_id)).collect();
    assert!(chain.windows(2).all(|pair| parents[&pair[1]] == pair[0]));
}

#[test]
fn a_span_with_too_many_attributes_keeps_the_first_and_counts() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    let keys: Vec<&'static str> = (0..200).map(|at| &*Box::leak(format!("key {at}").into_boxed_str())).collect();
    keys.iter().for_each(|key| _ = root.attr(key, 1));
    (0..1000).for_each(|count| _ = root.attr(keys[0], count));
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    let span = taken.span("root");
    assert_eq!(span.attributes.len(), 128);
    assert_eq!(span.attribute("key 0").and_then(|value| value.as_int()), Some(999));
    assert_eq!(recorder.stats().dropped_attributes, 72);
}
