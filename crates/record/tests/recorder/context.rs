//! Context: over threads, tasks and processes, in any nesting.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use flowglass_model::{Propagation, SpanId, Status, TraceId};
use flowglass_record::{Context, InSpan, Recorder, current, set_attribute, set_error, span};
use proptest::prelude::*;

use crate::support::{PATIENCE, Taken, assert_conserved, recorder};

const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-01";

struct NoWake;

impl Wake for NoWake {
    fn wake(self: Arc<Self>) {}
}

/// Pending once, so that whoever awaits it is left and come back to.
async fn pause() {
    let mut is_back = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut is_back, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Polls on a new thread each time.
fn run_on_threads(future: impl Future<Output = ()> + Send) {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(NoWake));
    let mut poll = || {
        std::thread::scope(|threads| {
            threads.spawn(|| future.as_mut().poll(&mut TaskContext::from_waker(&waker))).join().unwrap()
        })
    };
    while poll().is_pending() {}
}

#[test]
fn a_wrapped_closure_is_inside() {
    let (recorder, taken) = recorder();
    {
        let root = recorder.root_span("root");
        let here = Context::current();
        std::thread::scope(|threads| {
            for name in ["a", "b"] {
                threads.spawn(here.wrap(move || drop(span(name))));
            }
        });
        assert_eq!(current().unwrap().span_id(), root.id());
    }
    recorder.flush(PATIENCE).unwrap();
    let root = taken.span("root");
    assert_eq!([taken.span("a").parent_id, taken.span("b").parent_id], [root.span_id; 2]);
    assert_conserved(&recorder.stats());
}

#[test]
fn a_future_has_its_span_wherever_it_is_polled() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    let child = async {
        pause().await;
        set_attribute("n", 1);
    };
    let work = async {
        drop(span("before"));
        child.in_span("child").await;
        pause().await;
        drop(span("after"));
        set_error("too late");
    }
    .in_span("work");
    run_on_threads(work);
    let id = root.id();
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    let work = taken.span("work");
    assert_eq!((work.parent_id, work.status, work.status_message.as_str()), (id, Status::Error, "too late"));
    for name in ["before", "child", "after"] {
        assert_eq!(taken.span(name).parent_id, work.span_id, "{name}");
    }
    assert_eq!(taken.span("child").attribute("n"), Some(&1_i64.into()));
    assert_conserved(&recorder.stats());
}

#[test]
fn a_future_that_is_dropped_is_cancelled() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    {
        let mut future = pin!(std::future::pending::<()>().in_span("waits"));
        let waker = Waker::from(Arc::new(NoWake));
        assert!(future.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        let never_polled = async {}.in_span("never");
        drop(never_polled);
        let retained = recorder.retain(current().unwrap().trace_id());
        assert!(retained.spans().iter().any(|span| span.name == "waits" && span.status == Status::Running));
    }
    drop(root);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!((taken.span("waits").status, taken.names().len()), (Status::Cancelled, 2));
}

#[test]
fn without_a_trace_everything_works_and_nothing_is_recorded() {
    run_on_threads(async { drop(span("x")) }.in_span("nothing"));
    let here = Context::current();
    assert_eq!((here.wrap(|| 7)(), here.propagation()), (7, Propagation::default()));
}

#[test]
fn a_trace_goes_on_from_another_process() {
    let (recorder, taken) = recorder();
    let headers =
        [("traceparent", PARENT), ("tracestate", "vendor=x"), ("baggage", "tenant=a"), ("x-correlation-id", "order-7")];
    let received = Propagation::from_headers(headers);
    let sent = {
        let _root = recorder.continued_span("serve", received.clone());
        let here = Context::current().with_baggage("added", "1");
        assert_eq!((here.baggage("tenant"), here.correlation_id()), (Some("a"), Some("order-7")));
        let _inside = here.enter();
        let _call = span("call");
        Context::current().propagation()
    };
    recorder.flush(PATIENCE).unwrap();
    let (serve, call) = (taken.span("serve"), taken.span("call"));
    let parent = received.parent.unwrap();
    assert_eq!(
        (serve.trace_id, serve.parent_id, serve.flags, serve.trace_state.as_str()),
        (parent.trace_id, parent.parent_id, 0x301, "vendor=x")
    );
    assert_eq!((call.parent_id, call.flags), (serve.span_id, 1));
    let sent_parent = sent.parent.unwrap();
    assert_eq!((sent_parent.trace_id, sent_parent.parent_id, sent_parent.sampled), (parent.trace_id, call.span_id, true));
    assert_eq!((sent.state, sent.baggage.get("added"), sent.baggage.get("tenant")), (received.state, Some("1"), Some("a")));
}

#[test]
fn a_caller_who_does_not_record_is_followed() {
    let (recorder, taken) = recorder();
    let received = Propagation::from_headers([("traceparent", &*PARENT.replace("-01", "-00"))]);
    drop(recorder.continued_span("serve", received));
    drop(recorder.continued_span("alone", Propagation::default()));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!((taken.names(), taken.span("alone").parent_id), (vec!["alone".to_owned()], SpanId::NONE));
}

#[test]
fn baggage_needs_no_trace_and_is_taken_along_by_one() {
    let recorder = Recorder::in_memory();
    let context = Context::from(Propagation::from_headers([("traceparent", PARENT)])).with_correlation_id("order-7");
    assert_eq!(Context::current().correlation_id(), None);
    {
        let _inside = context.enter();
        assert_eq!(Context::current().propagation().parent.unwrap().to_string(), PARENT, "passed through");
        let _root = recorder.root_span("root");
        let here = Context::current();
        assert_eq!(here.correlation_id(), Some("order-7"));
        let sent = here.propagation();
        assert_ne!(sent.parent.unwrap().trace_id, TraceId::from_bytes([0x12; 16]));
        std::thread::scope(|threads| {
            threads.spawn(here.wrap(|| assert_eq!(Context::current().correlation_id(), Some("order-7"))));
        });
    }
    assert_eq!(Context::current().correlation_id(), None);
}

fn parent_of(taken: &Taken, name: &str) -> SpanId {
    taken.span(name).parent_id
}

#[test]
fn a_detached_span_is_current_wherever_it_is_entered() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    let request = Context::current().open("request").unwrap();
    drop(span("beside"));
    {
        let _inside = request.enter();
        let _here = span("here");
        let _again = request.enter();
        drop(span("again"));
        let there = || {
            let _inside = request.enter();
            drop(span("there"));
        };
        std::thread::scope(|threads| _ = threads.spawn(there).join());
    }
    drop(span("behind"));
    let with_baggage = Context::current().with_baggage("tenant", "a").open("other").unwrap();
    {
        let _inside = with_baggage.enter();
        drop(span("in other"));
        assert_eq!(Context::current().baggage("tenant"), Some("a"));
    }
    assert_eq!(Context::current().baggage("tenant"), None);
    let retained = recorder.retain(current().unwrap().trace_id());
    let running: Vec<String> =
        retained.spans().into_iter().filter(|span| span.status == Status::Running).map(|span| span.name).collect();
    assert_eq!(running, ["root", "request", "other"]);
    let (root_id, request_id, other_id) = (root.id(), request.id(), with_baggage.id());
    drop((request, with_baggage, root));
    recorder.flush(PATIENCE).unwrap();
    for name in ["beside", "behind", "request", "other"] {
        assert_eq!(parent_of(&taken, name), root_id, "{name}");
    }
    for name in ["here", "again", "there"] {
        assert_eq!(parent_of(&taken, name), request_id, "{name}");
    }
    assert_eq!(parent_of(&taken, "in other"), other_id);
    assert_conserved(&recorder.stats());
}

#[test]
fn a_detached_span_may_be_left_in_any_order() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    let [outer, inner] = ["outer", "inner"].map(|name| Context::current().open(name).unwrap());
    let (in_outer, in_inner) = (outer.enter(), inner.enter());
    let guard = span("guard");
    drop(in_outer);
    assert_eq!(current().unwrap().span_id(), guard.id());
    drop(guard);
    assert_eq!(current().unwrap().span_id(), inner.id());
    drop(in_inner);
    assert_eq!(current().unwrap().span_id(), root.id());
    // What is entered when its thread leaves the scope is no longer current there.
    let entered = outer.enter();
    drop(root);
    assert_eq!(current(), None);
    drop(entered);
    drop(outer.enter());
    drop((outer, inner));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["guard", "root", "outer", "inner"]);
    assert_conserved(&recorder.stats());
}

#[test]
fn a_detached_span_says_what_is_said_of_it_under_any_name() {
    let (recorder, taken) = recorder();
    let request = recorder.open_root("request").unwrap();
    request.attr("rows", 3).named_attr(&String::from("columns"), 4).event("begun", &[("at", 1.into())]);
    request.named_event(&String::from("table 7"), &[("is done", true.into())]);
    request.error("it broke");
    drop(request);
    recorder.flush(PATIENCE).unwrap();
    let request = taken.span("request");
    assert_eq!((request.attribute("rows"), request.attribute("columns")), (Some(&3_i64.into()), Some(&4_i64.into())));
    assert_eq!((request.status, request.status_message.as_str()), (Status::Error, "it broke"));
    let batches = taken.batches();
    let names: Vec<&str> = batches.iter().flat_map(|batch| batch.events()).map(|event| event.name()).collect();
    assert_eq!(names, ["begun", "table 7"]);
}

/// What a service is sent, sends on, and stores, if its caller says this of the trace.
fn passed_on(recorder: &Recorder, taken: &Taken, sampled: &str, state: &str) -> (String, Option<String>) {
    let parent = format!("00-0123456789abcdefff6e6d1a75832a2f-1234567890123456-{sampled}");
    let received = Propagation::from_headers([("traceparent", &*parent), ("tracestate", state)]);
    let sent = {
        let _serve = recorder.continued_span("serve", received);
        Context::current().propagation().state.to_string()
    };
    let before = taken.spans().len();
    recorder.flush(PATIENCE).unwrap();
    (sent, taken.spans().into_iter().nth(before).map(|span| span.trace_state))
}

/// What OpenTelemetry's specification wants of a parent-based sampler.
#[test]
fn by_which_chance_a_trace_was_chosen_is_passed_on_if_it_is_true() {
    let (recorder, taken) = recorder();
    for (sampled, state, wanted) in [
        // The trace's id ends in its randomness: just enough, and too little.
        ("01", "ot=th:6e6d1a75832a2f,vendor=x", "ot=th:6e6d1a75832a2f,vendor=x"),
        ("01", "ot=th:6e6d1a75832a3,vendor=x", "vendor=x"),
        ("01", "vendor=x,ot=th:0", "vendor=x,ot=th:0"),
        ("01", "vendor=x", "vendor=x"),
        ("01", "ot=th:nonsense", ""),
        // What is told of the randomness counts instead of the id, and is passed on in any case.
        ("01", "ot=rv:fd70a400000000;th:fd70a4", "ot=rv:fd70a400000000;th:fd70a4"),
        ("01", "ot=rv:fd70a3ffffffff;th:fd70a4", "ot=rv:fd70a3ffffffff"),
    ] {
        let (sent, stored) = passed_on(&recorder, &taken, sampled, state);
        assert_eq!((sent.as_str(), stored.as_deref()), (wanted, Some(wanted)), "{state}");
    }
    // Nobody knows how much is left out that isn't recorded.
    for (state, wanted) in [("ot=th:6e6d1a75832a2f", ""), ("ot=th:8;rv:12345678901234", "ot=rv:12345678901234")] {
        assert_eq!(passed_on(&recorder, &taken, "00", state), (wanted.to_owned(), None), "{state}");
    }
}

/// A way to go one level down.
#[derive(Debug, Clone)]
enum Step {
    Span(Vec<Step>),
    Thread(Vec<Step>),
    Task(Vec<Step>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = Just(Step::Span(Vec::new()));
    let step = leaf.prop_recursive(4, 24, 4, |inner| {
        let inside = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![inside().prop_map(Step::Span), inside().prop_map(Step::Thread), inside().prop_map(Step::Task)]
    });
    prop::collection::vec(step, 0..4)
}

/// Walks down; each span says in an attribute which span it ought to be inside of.
fn walk(steps: &[Step]) {
    for step in steps {
        let parent = current().map_or(SpanId::NONE, |here| here.span_id()).to_string();
        let here = Context::current();
        match step {
            Step::Span(inside) => {
                let guard = span("span");
                guard.attr("parent", &parent);
                walk(inside);
            }
            Step::Thread(inside) => std::thread::scope(|threads| _ = threads.spawn(here.wrap(|| walk(inside))).join()),
            Step::Task(inside) => run_on_threads(
                async {
                    set_attribute("parent", &parent);
                    walk(inside);
                    pause().await;
                    walk(inside);
                }
                .in_span("task"),
            ),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_nesting_gives_the_right_parents(steps in steps()) {
        let (recorder, taken) = recorder();
        {
            let _root = recorder.root_span("root");
            walk(&steps);
        }
        recorder.flush(PATIENCE).unwrap();
        for span in taken.spans().iter().filter(|span| span.name != "root") {
            let parent = span.parent_id.to_string();
            prop_assert_eq!(span.text("parent"), Some(parent.as_str()), "{}", span.name);
        }
        assert_conserved(&recorder.stats());
    }
}
