//! Which spans a pipeline inside of another records that has a recorder of its own: those of a trace that is recorded around it.

use flowglass::model::{Span, SpanId, Status, TraceId, TraceParent, flags};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{MapItems, Sampling, Setting, current};

/// A rate at which next to nothing is chosen.
const RARELY: f64 = 1e-12;

#[node(output = "half")]
fn halve(number: i64) -> Result<i64, String> {
    let _mine = span("mine");
    if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

/// Says that something went wrong in it, if it is asked to, and makes its output all the same.
#[node(output = "number")]
fn complain(raw: i64, loudly: bool) -> i64 {
    let said = span("said");
    if loudly {
        said.error("as asked for");
    }
    raw
}

#[node(output = "last")]
fn check_last(half: i64) -> Result<i64, String> {
    if half < 100 { Ok(half) } else { Err(format!("{half} is too much")) }
}

fn recorder(sampling: Sampling) -> TestRecorder {
    TestRecorder::from_builder(Recorder::builder().sampling(sampling))
}

fn rarely() -> TestRecorder {
    recorder(Sampling::rate(RARELY))
}

fn set(recorder: &TestRecorder) -> Setting<Recorder> {
    Setting::Set(recorder.recorder().clone())
}

/// `inner` of `outer`, recorded by its own recorder, with a node before it and one behind.
fn nested(own: &TestRecorder) -> Pipeline {
    let inner = Pipeline::builder("inner").node(halve {}).build().unwrap().with_telemetry(set(own));
    Pipeline::builder("outer").node(complain {}).node(inner).node(check_last {}).build().unwrap()
}

fn run(around: &TestRecorder, own: &TestRecorder, raw: i64, loudly: bool) {
    let run = nested(own).run(inputs! { raw: raw, loudly: loudly }).telemetry(around.recorder().clone());
    let _ = run.wait();
}

fn names(recorder: &TestRecorder) -> Vec<String> {
    recorder.spans().into_iter().map(|span| span.name).collect()
}

fn named(recorder: &TestRecorder, name: &str) -> Span {
    recorder.span(name).span().clone()
}

const WHOLE: [&str; 3] = ["pipeline inner", "node halve", "mine"];

#[test]
fn what_is_recorded_around_is_recorded_inside() {
    // Chance has chosen the one, so that it stands for itself alone, in both.
    let (around, own) = (recorder(Sampling::rate(RARELY).pipeline("outer", 1.0)), rarely());
    run(&around, &own, 2, false);
    assert_eq!(names(&own), WHOLE);
    let (here, there) = (named(&around, "pipeline inner"), named(&own, "pipeline inner"));
    assert_eq!((there.trace_id, there.parent_id), (here.trace_id, here.span_id));
    assert_eq!(there.flags & flags::IS_REMOTE, flags::IS_REMOTE);
    assert_eq!([here.trace_state, there.trace_state, named(&own, "mine").trace_state], ["ot=th:0"; 3]);
}

#[test]
fn what_is_not_recorded_around_is_not_recorded_inside() {
    for sampling in [Sampling::rate(RARELY), Sampling::rate(0.0)] {
        for own in [TestRecorder::new(), recorder(Sampling::rate(RARELY).pipeline("inner", 1.0))] {
            let around = recorder(sampling.clone());
            run(&around, &own, 2, false);
            assert_eq!((names(&around), names(&own)), (vec![], vec![]), "whoever began the trace decides");
            // Metrics count everything, each where it is recorded.
            assert_eq!((around.counted("node.executions"), own.counted("node.executions")), (2.0, 1.0));
        }
    }
}

#[test]
fn an_error_inside_promotes_both_sides_and_one_around_before_it_the_inside() {
    let (around, own) = (rarely(), TestRecorder::new());
    run(&around, &own, 3, false);
    assert_eq!(names(&own), ["pipeline inner", "node halve"], "what is left of it");
    let (here, there) = (named(&around, "pipeline inner"), named(&own, "pipeline inner"));
    assert_eq!((there.trace_id, there.parent_id, there.status), (here.trace_id, here.span_id, Status::Error));
    assert!(own.spans().iter().all(|span| span.attribute("trace.incomplete").is_some()));

    let (around, own) = (rarely(), rarely());
    run(&around, &own, 2, true);
    assert_eq!(names(&own), WHOLE, "it begins in a trace that is recorded by then");
    assert_eq!(named(&own, "pipeline inner").parent_id, named(&around, "pipeline inner").span_id);
}

#[test]
fn an_error_that_comes_behind_it_is_the_others() {
    let (around, own) = (rarely(), TestRecorder::new());
    run(&around, &own, 200, false);
    assert_eq!(names(&around), ["pipeline outer", "node check_last"]);
    assert_eq!(names(&own), [""; 0]);
}

#[test]
fn its_own_sampling_says_what_becomes_of_a_trace_that_is_not_recorded_around() {
    for (sampling, raw, wanted) in [
        (Sampling::all().promote_errors(false), 3, &[][..]),
        (Sampling::all().keep_errors(), 2, &[]),
        (Sampling::all().keep_errors(), 3, &WHOLE),
        (Sampling::all().pipeline("inner", 0.0).keep_errors(), 3, &[]),
    ] {
        let (around, own) = (rarely(), recorder(sampling));
        run(&around, &own, raw, false);
        assert_eq!(names(&own), wanted);
    }
}

#[test]
fn a_rate_of_zero_is_off_whatever_is_around() {
    let (around, own) = (TestRecorder::new(), recorder(Sampling::all().pipeline("inner", 0.0)));
    run(&around, &own, 3, false);
    assert_eq!(names(&own), [""; 0]);
    around.span("pipeline inner").is_inside("pipeline outer").failed_with("3 is odd");
    assert_eq!(own.counted("node.errors"), 1.0);
}

/// `leaf` of `middle` of `outer`; the recorder of the outermost one records the innermost one, too.
fn alternating(first: &TestRecorder, second: &TestRecorder) -> Pipeline {
    let leaf = Pipeline::builder("leaf").node(complain {}).build().unwrap().with_telemetry(set(first));
    let middle = Pipeline::builder("middle").node(leaf).node(halve {}).build().unwrap().with_telemetry(set(second));
    Pipeline::builder("outer").node(middle).node(check_last {}).build().unwrap()
}

#[test]
fn a_recorder_that_has_something_further_out_shares_what_becomes_of_that() {
    let outer_first = ["pipeline outer", "pipeline middle", "pipeline leaf", "node complain", "said", "node check_last"];
    for (loudly, wanted) in [(false, &[][..]), (true, &outer_first)] {
        let (first, second) = (recorder(Sampling::rate(RARELY).keep_errors()), TestRecorder::new());
        let run = alternating(&first, &second).run(inputs! { raw: 2_i64, loudly: loudly });
        run.telemetry(first.recorder().clone()).wait().unwrap();
        let mut found = names(&first);
        found.sort_by_key(|name| outer_first.iter().position(|known| known == name));
        assert_eq!(found, wanted, "kept or let go as one");
        // What is held is recorded, as far as others are told.
        assert_eq!(second.spans().len(), 4, "{}", second.tree());
    }
    let (first, second) = (rarely(), rarely());
    let run = alternating(&first, &second).run(inputs! { raw: 2_i64, loudly: true });
    run.telemetry(first.recorder().clone()).wait().unwrap();
    first.span("node check_last").is_inside("pipeline outer").is_ok();
    first.span("said").is_inside("pipeline leaf").is_inside("pipeline middle");
    assert_eq!(names(&second), [""; 0], "it began before the error");
}

fn elsewhere(sampled: bool) -> TraceParent {
    TraceParent { trace_id: TraceId::from_bytes([7; 16]), parent_id: SpanId::from_u64(7), sampled }
}

#[test]
fn where_nothing_around_is_recorded_it_is_asked_who_began_the_trace() {
    for (sampling, sampled, is_recorded) in [
        (Sampling::all(), None, true),
        (Sampling::rate(RARELY), None, false),
        (Sampling::all(), Some(false), false),
        (Sampling::rate(RARELY), Some(true), true),
    ] {
        let own = recorder(sampling);
        let run = nested(&own).run(inputs! { raw: 2_i64, loudly: false }).no_telemetry();
        let run = match sampled {
            Some(sampled) => run.parent(elsewhere(sampled)),
            None => run,
        };
        let trace = run.wait().unwrap().id().trace;
        assert_eq!(names(&own), if is_recorded { WHOLE.to_vec() } else { vec![] });
        for root in own.spans().iter().take(1) {
            let parent = sampled.map_or(SpanId::NONE, |sampled| elsewhere(sampled).parent_id);
            assert_eq!((root.trace_id, root.parent_id), (trace, parent));
        }
    }
}

#[test]
fn items_that_sampling_leaves_out_are_left_out_inside_and_keep_their_errors() {
    let map = |own: &TestRecorder, numbers: Vec<i64>| {
        let inner = Pipeline::builder("inner").node(halve {}).build().unwrap().with_telemetry(set(own));
        let each = inner.as_node().map_over("number", "numbers").output("half", "halves");
        let pipeline = Pipeline::builder("outer").node(each).build().unwrap();
        let around = TestRecorder::new();
        let run = pipeline.run(inputs! { numbers: numbers }).map_items(MapItems::Off).telemetry(around.recorder().clone());
        let _ = run.wait();
        around
    };
    let own = TestRecorder::new();
    let around = map(&own, vec![2, 3, 4]);
    assert_eq!(names(&own), ["item 1", "node halve"]);
    assert_eq!(named(&own, "item 1").parent_id, named(&around, "item 1").span_id);
    assert_eq!(names(&around), ["pipeline outer", "map inner", "item 1"], "what is inside is the other's");
    assert_eq!((around.counted("node.executions"), own.counted("node.executions")), (0.0, 3.0));
}

#[test]
fn a_run_that_begins_a_trace_decides_for_itself() {
    let own = TestRecorder::new();
    let recorder = own.recorder().clone();
    let start = node_fn!("half", async move |number: i64| -> i64 {
        let run = Pipeline::builder("alone").node(halve {}).build().unwrap().run(inputs! { number: number });
        run.telemetry(recorder.clone()).new_trace().await.unwrap();
        number
    });
    let around = rarely();
    let pipeline = Pipeline::builder("outer").node(start).build().unwrap();
    let run = pipeline.run(inputs! { number: 2_i64 }).telemetry(around.recorder().clone()).wait().unwrap();
    assert_eq!((names(&around).len(), names(&own).len()), (0, 3));
    assert_ne!(own.spans()[0].trace_id, run.id().trace);
}

#[test]
fn a_run_below_a_span_of_the_current_trace_shares_what_becomes_of_that() {
    for (number, kept) in [(2_i64, 0), (3, 3)] {
        let telemetry = recorder(Sampling::rate(RARELY).keep_errors());
        let main = telemetry.recorder().root_span("main");
        let here = current().unwrap().traceparent();
        let _ = Pipeline::builder("below").node(halve {}).build().unwrap().run(inputs! { number: number }).parent(here).wait();
        drop(main);
        let spans = telemetry.spans();
        assert_eq!(spans.iter().filter(|span| span.name != "mine").count(), kept, "{}", telemetry.tree());
        assert!(spans.iter().all(|span| span.trace_id == here.trace_id));
    }
}
