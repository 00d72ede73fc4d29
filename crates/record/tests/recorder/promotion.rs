//! What an error brings back of a trace that sampling has left out.

use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use flowglass_model::{Severity, Status, conventions, flags};
use flowglass_record::{Context, InSpan, Sampling, SpanEnd, current, note_error, set_error, span};

use crate::sampling::{RARELY, recorder, run, scope};
use crate::support::{NODE, PATIENCE, PIPELINE, assert_conserved, end, frame};

#[test]
fn an_error_promotes_what_is_around_it_and_what_follows() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY));
    run(&recorder, false);
    run(&recorder, true);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["node n", "inside", "node n", "pipeline p"]);
    let spans = taken.spans();
    assert!(spans.iter().all(|span| span.attribute(conventions::TRACE_INCOMPLETE).is_some()));
    let root = taken.span("pipeline p");
    assert!(spans.iter().filter(|span| span.name == "node n").all(|node| node.parent_id == root.span_id));
    assert_conserved(&recorder.stats());
    let (recorder, taken) = crate::sampling::recorder(Sampling::rate(RARELY).promote_errors(false));
    run(&recorder, true);
    recorder.flush(PATIENCE).unwrap();
    assert!(taken.spans().is_empty());
}

#[test]
fn a_users_error_promotes_as_a_nodes_does() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY));
    {
        let _root = recorder.root_span("root");
        drop(span("before"));
        let failing = span("failing");
        assert!(!failing.is_recorded());
        failing.error("it broke");
        assert!(failing.is_recorded());
        failing.attr("late", true);
        drop(span("inside"));
        drop(failing);
        drop(span("after"));
    }
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["inside", "failing", "after"]);
    let (failing, inside) = (taken.span("failing"), taken.span("inside"));
    assert_eq!(
        (failing.status, failing.status_message.as_str(), inside.parent_id),
        (Status::Error, "it broke", failing.span_id)
    );
    assert_eq!(failing.attribute("late"), Some(&true.into()));
    assert!(taken.spans().iter().all(|span| span.attribute(conventions::TRACE_INCOMPLETE).is_some()));
    assert_conserved(&recorder.stats());
    // Elsewhere nothing is recorded: neither outside of any trace, nor where errors are not.
    span("nowhere").error("broke");
    let (off, nothing) = crate::sampling::recorder(Sampling::rate(RARELY).promote_errors(false));
    off.root_span("root").error("broke");
    off.flush(PATIENCE).unwrap();
    assert!(nothing.spans().is_empty());
}

#[test]
fn an_error_that_is_no_spans_promotes_its_trace_and_blames_nobody() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY));
    {
        let _root = recorder.root_span("root");
        assert!(!current().unwrap().is_sampled());
        note_error();
        assert!(current().unwrap().is_sampled(), "whoever is called from here on is told");
        recorder.log(Severity::INFO, "after", &[]);
        drop(span("after"));
    }
    recorder.flush(PATIENCE).unwrap();
    assert_eq!((taken.names(), taken.span("after").status), (vec!["after".to_owned()], Status::Ok));
    let log_flags: Vec<u32> = taken.batches().iter().flat_map(|batch| batch.logs.flags.clone()).collect();
    assert_eq!(log_flags, [flags::SAMPLED]);
    // Outside of any trace, and where errors bring nothing back, it does nothing.
    note_error();
    let (off, nothing) = crate::sampling::recorder(Sampling::rate(RARELY).promote_errors(false));
    let root = off.root_span("root");
    note_error();
    drop((span("after"), root));
    off.flush(PATIENCE).unwrap();
    assert!(nothing.spans().is_empty());
}

#[test]
fn a_trace_that_is_held_is_kept_for_an_error_that_is_no_spans() {
    let keeping = || Sampling::rate(RARELY).keep_errors();
    let slow = || Sampling::rate(RARELY).keep_slow(Duration::MAX);
    for (sampling, is_ended, wanted) in [(keeping(), true, 2), (keeping(), false, 1), (slow(), true, 0), (slow(), false, 0)] {
        let (recorder, taken) = recorder(sampling);
        let root = recorder.root_span("root");
        drop(span("inside"));
        note_error();
        if is_ended {
            drop(root);
            recorder.flush(PATIENCE).unwrap();
        } else {
            // What is undecided when the recorder ends is decided by what is known then.
            recorder.shutdown(PATIENCE).unwrap();
        }
        recorder.shutdown(PATIENCE).unwrap();
        assert_eq!((taken.spans().len(), taken.spans().iter().all(|span| span.status == Status::Ok)), (wanted, true));
    }
}

#[test]
fn an_error_in_a_trace_that_there_was_no_room_for_promotes_it() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY).keep_errors().held_bytes(0));
    let root = recorder.root_span("root");
    drop(span("before"));
    recorder.flush(PATIENCE).unwrap();
    note_error();
    drop((span("after"), root));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["after", "root"]);
    assert!(taken.spans().iter().all(|span| span.attribute(conventions::TRACE_INCOMPLETE).is_some()));
    assert_conserved(&recorder.stats());
}

#[test]
fn who_only_says_that_a_span_failed_takes_no_reason_back() {
    let (recorder, taken) = recorder(Sampling::all());
    recorder.root_span("root").error("it broke").error("");
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.span("root").status_message, "it broke");
}

#[test]
fn a_span_bound_to_no_thread_is_recorded_when_it_fails() {
    let (recorder, taken) = crate::sampling::recorder(Sampling::rate(RARELY));
    let root = recorder.root_span("root");
    let [request, other] = ["request", "other"].map(|name| Context::current().open(name).unwrap());
    request.attr("before", 1);
    assert!(!request.is_recorded() && !request.context().is_recorded());
    std::thread::scope(|threads| {
        let told = threads.spawn(|| {
            let _inside = request.enter();
            let here = Context::current().propagation().parent.unwrap();
            drop(span("before"));
            request.error("refused").event("after", &[]);
            drop(span("after"));
            (here.parent_id, here.sampled)
        });
        assert_eq!(told.join().unwrap(), (request.id(), false), "whoever is called from there knows that it isn't recorded");
    });
    request.end(Status::Ok);
    drop((other, root));
    recorder.flush(PATIENCE).unwrap();
    let (failed, after) = (taken.span("request"), taken.span("after"));
    assert_eq!((failed.status, failed.status_message.as_str()), (Status::Error, "refused"));
    assert_eq!((after.parent_id, failed.attribute("before")), (failed.span_id, None));
    assert_eq!(failed.attribute(conventions::TRACE_INCOMPLETE), Some(&true.into()));
    let mut names = taken.names();
    names.sort_unstable();
    assert_eq!(names, ["after", "other", "request"], "what failed, what is open then, and what follows");
    assert_conserved(&recorder.stats());
}

#[test]
fn a_future_that_fails_is_recorded_and_one_that_is_dropped_is_not() {
    for (fails, wanted) in [(true, vec!["work"]), (false, vec![])] {
        let (recorder, taken) = crate::sampling::recorder(Sampling::rate(RARELY));
        let root = recorder.root_span("root");
        let work = async {
            if fails {
                set_error("refused");
            }
            std::future::pending::<()>().await;
        };
        let mut work = Box::pin(work.in_span("work"));
        assert!(work.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
        drop((work, root));
        recorder.flush(PATIENCE).unwrap();
        assert_eq!(taken.names(), wanted);
    }
}

#[test]
fn a_root_that_is_bound_to_no_thread_is_recorded_when_it_fails() {
    let (recorder, taken) = crate::sampling::recorder(Sampling::rate(RARELY));
    recorder.open_root("failed").unwrap().end(Status::Error);
    recorder.open_root("fine").unwrap().end(Status::Ok);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!((taken.names(), taken.span("failed").status), (vec!["failed".to_owned()], Status::Error));
    let never = crate::sampling::recorder(Sampling::rate(RARELY).promote_errors(false)).0;
    assert!(never.open_root("nothing").is_none());
    let _root = never.root_span("root");
    assert!(Context::current().open("nothing").is_none());
}

#[test]
fn a_promotion_reaches_every_thread_of_the_run() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY));
    let scope = scope(&recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    let fork = scope.fork(&root);
    std::thread::spawn(move || fork.record(&SpanEnd { status: Status::Error, ..end(frame(&fork, NODE)) })).join().unwrap();
    assert!(scope.is_recording());
    recorder.flush(PATIENCE).unwrap();
    let opened = |batch: &flowglass_model::Batch| batch.opened().map(|span| span.to_span().name).collect::<Vec<_>>();
    let opened: Vec<String> = taken.batches().iter().flat_map(|batch| opened(batch)).collect();
    assert_eq!(opened, ["pipeline p"], "the open ancestors are told");
    scope.exit();
    scope.record(&end(root));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["node n", "pipeline p"]);
}
