//! Sampling: what is chosen, what is held until its end; nothing is lost without being counted.

use std::time::Duration;

use flowglass_model::{Attributes, Propagation, SpanId, Status, TraceId, TraceParent, conventions};
use flowglass_record::{Context, Frame, Recorder, Sampling, Scope, ScopeSpec, SpanEnd, Tick, Verdict, span};

use crate::support::{NODE, PATIENCE, PIPELINE, Taken, assert_conserved, end, frame, record_one, recorder_of, spec};

/// A rate at which next to nothing is chosen.
pub(crate) const RARELY: f64 = 1e-12;

pub(crate) fn recorder(sampling: Sampling) -> (Recorder, Taken) {
    recorder_of(Recorder::builder().sampling(sampling))
}

pub(crate) fn scope(recorder: &Recorder) -> Scope {
    let spec = spec(true, Attributes::new());
    let verdict = recorder.sample(spec.trace_id, "p", None);
    recorder.scope(ScopeSpec { verdict, ..spec })
}

/// Runs a pipeline of three nodes, of which the second may fail.
pub(crate) fn run(recorder: &Recorder, fails: bool) -> TraceId {
    let scope = scope(recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    for at in 0..3 {
        let node = frame(&scope, NODE);
        scope.enter(&node);
        {
            let _active = scope.activate();
            span("inside").event("happened", &[]);
        }
        scope.exit();
        let status = if fails && at == 1 { Status::Error } else { Status::Ok };
        scope.record(&SpanEnd { status, ..end(node) });
    }
    scope.exit();
    scope.record(&end(root));
    scope.trace_id()
}

#[test]
fn at_rate_zero_nothing_is_stored() {
    let (recorder, taken) = recorder(Sampling::rate(0.0).keep_errors().keep_slow(Duration::ZERO));
    run(&recorder, true);
    {
        let _root = recorder.root_span("root");
        recorder.event("in the trace", &[]);
        span("inside").error("failed");
    }
    let trace = recorder.start_trace("by id");
    let inside = recorder.start_span(trace, SpanId::NONE, "by id, too");
    recorder.event_in(trace, inside, "by id", &[]);
    assert!(!recorder.event_of(inside, "by id", &[]) && !recorder.end_span(inside, Status::Error, ""));
    recorder.flush(PATIENCE).unwrap();
    assert!(taken.batches().is_empty());
    assert_eq!((recorder.stats().recorded.total(), recorder.stats().let_go.total()), (0, 0));
}

#[test]
fn failed_and_slow_traces_are_kept_whole() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY).keep_errors());
    let (good, bad) = (run(&recorder, false), run(&recorder, true));
    // What is over is let go one look later.
    (0..2).for_each(|_| recorder.flush(PATIENCE).unwrap());
    let spans = taken.spans();
    assert!(spans.iter().all(|span| span.trace_id == bad && span.trace_id != good));
    assert_eq!(spans.len(), 7);
    assert!(spans.iter().all(|span| span.attribute(conventions::TRACE_INCOMPLETE).is_none()), "it is whole");
    let stats = recorder.stats();
    assert_eq!((stats.let_go.spans, stats.let_go.events, stats.recorded.spans), (7, 3, 7));
    assert_conserved(&stats);
    let (recorder, taken) = self::recorder(Sampling::rate(RARELY).keep_slow(Duration::from_nanos(1)));
    run(&recorder, false);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.spans().len(), 7, "slow enough");
}

#[test]
fn what_another_thread_read_late_still_keeps_its_trace() {
    let (recorder, taken) = recorder(Sampling::rate(RARELY).keep_errors());
    let scope = scope(&recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    let fork = scope.fork(&root);
    scope.exit();
    scope.record(&end(root));
    recorder.flush(PATIENCE).unwrap();
    fork.record(&SpanEnd { status: Status::Error, ..end(frame(&fork, NODE)) });
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["pipeline p", "node n"]);
    assert_conserved(&recorder.stats());
}

#[test]
fn what_is_held_is_bounded_and_the_oldest_goes() {
    const TRACES: u64 = 200;
    let (recorder, taken) = recorder(Sampling::rate(RARELY).keep_errors().held_bytes(64 * 1024));
    let open: Vec<(Scope, _)> =
        (0..TRACES).map(|_| scope(&recorder)).map(|scope| (scope.clone(), frame(&scope, PIPELINE))).collect();
    for (scope, root) in &open {
        scope.enter(root);
        record_one(scope, NODE);
    }
    recorder.flush(PATIENCE).unwrap();
    let crowded_out = recorder.stats().let_go.spans;
    assert!((1..TRACES).contains(&crowded_out) && taken.spans().is_empty(), "{crowded_out}");
    for (scope, root) in &open {
        scope.exit();
        scope.record(&SpanEnd { status: Status::Error, ..end(*root) });
    }
    recorder.flush(PATIENCE).unwrap();
    let spans = taken.spans();
    let is_incomplete = |span: &&flowglass_model::Span| span.attribute(conventions::TRACE_INCOMPLETE).is_some();
    assert_eq!(spans.iter().filter(is_incomplete).count() as u64, crowded_out, "of these only the error is left");
    assert_eq!(spans.len() as u64 + recorder.stats().let_go.spans, 2 * TRACES);
    assert_conserved(&recorder.stats());
}

#[test]
fn the_end_decides_what_is_held() {
    for (sampling, kept) in [(Sampling::rate(RARELY).keep_errors(), 0), (Sampling::rate(RARELY).keep_slow(Duration::ZERO), 1)] {
        let (recorder, taken) = recorder(sampling);
        let scope = scope(&recorder);
        record_one(&scope, NODE);
        recorder.shutdown(PATIENCE).unwrap();
        assert_eq!(taken.spans().len(), kept);
        assert_eq!(recorder.stats().let_go.spans + taken.spans().len() as u64, 1);
    }
}

#[test]
fn who_began_a_trace_decides() {
    let (all, taken) = recorder(Sampling::all());
    let (rarely, taken_rarely) = recorder(Sampling::rate(RARELY));
    for recorder in [&all, &rarely] {
        for sampled in [true, false] {
            let parent = TraceParent { trace_id: TraceId::random(), parent_id: SpanId::random(), sampled };
            let received = Propagation { parent: Some(parent), ..Default::default() };
            drop(recorder.continued_span(if sampled { "sampled" } else { "not" }, received));
        }
        recorder.flush(PATIENCE).unwrap();
    }
    assert_eq!((taken.names(), taken_rarely.names()), (vec!["sampled".into()], vec!["sampled".into()]));
}

#[test]
fn whoever_is_called_learns_by_which_chance_the_trace_was_chosen() {
    let state_at = |recorder: &Recorder, name| {
        let root = recorder.root_span(name);
        (root.is_recorded(), Context::current().propagation().state.to_string())
    };
    let (quarter, taken) = recorder(Sampling::rate(0.25).pipeline("all", 1.0));
    let told: Vec<(bool, String)> = (0..200).map(|_| state_at(&quarter, "root")).collect();
    assert!(told.iter().all(|(is_recorded, state)| state == if *is_recorded { "ot=th:c" } else { "" }), "{told:?}");
    assert_eq!(state_at(&quarter, "all"), (true, "ot=th:0".to_owned()));
    quarter.flush(PATIENCE).unwrap();
    assert!(taken.spans().iter().all(|span| span.trace_state == if span.name == "all" { "ot=th:0" } else { "ot=th:c" }));
    assert_eq!(taken.spans().len(), 1 + told.iter().filter(|(is_recorded, _)| *is_recorded).count());
    // Where chance has no part in it, nothing is said of it; nor of what is recorded because of how it ends.
    assert_eq!(state_at(&recorder(Sampling::all()).0, "root"), (true, String::new()));
    assert_eq!(state_at(&recorder(Sampling::rate(RARELY).keep_errors()).0, "root"), (true, String::new()));
    let promoted = recorder(Sampling::rate(RARELY)).0;
    let root = promoted.root_span("root");
    root.error("it broke");
    assert_eq!((root.is_recorded(), Context::current().propagation().state.to_string()), (true, String::new()));
}

#[test]
fn what_would_have_been_recorded_anyway_stands_for_itself_alone() {
    // What is chosen by chance: traces with a random part of 0xc0000000000000 or more.
    let trace = "0123456789abcdefffffffffffffffff".parse::<TraceId>().unwrap();
    let states = |sampling: Sampling, slow: bool| {
        let (recorder, taken) = recorder(sampling);
        let spec = ScopeSpec { trace_id: trace, verdict: recorder.sample(trace, "p", None), ..spec(true, Attributes::new()) };
        let scope = recorder.scope(spec);
        let root = frame(&scope, PIPELINE);
        scope.enter(&root);
        let node = frame(&scope, NODE);
        scope.enter(&node);
        {
            let _active = scope.activate();
            span("user's").error("it broke");
            drop(span("fine"));
        }
        scope.exit();
        scope.record(&SpanEnd { status: Status::Error, ..end(node) });
        scope.exit();
        scope.record(&SpanEnd { frame: Frame { start: if slow { Tick::ZERO } else { root.start }, ..root }, ..end(root) });
        recorder.flush(PATIENCE).unwrap();
        let mut states: Vec<_> = taken.spans().into_iter().map(|span| (span.name, span.trace_state)).collect();
        states.sort();
        states.into_iter().map(|(_, state)| state.trim_start_matches("ot=th:").to_owned()).collect::<Vec<_>>().join(" ")
    };
    let quarter = || Sampling::rate(0.25);
    // In this order: what went well, the node and the pipeline, and the user's span.
    assert_eq!(states(quarter(), false), "c 0 c 0");
    assert_eq!(states(quarter().promote_errors(false), false), "c c c c", "nothing but chance has a say");
    assert_eq!(states(quarter().keep_errors(), false), "c 0 c 0");
    assert_eq!(states(quarter().keep_slow(Duration::from_secs(3600)), false), "c c c c", "it failed, and wasn't slow");
    assert_eq!(states(quarter().keep_slow(Duration::from_nanos(1)), true), "c c 0 c");
}

#[test]
fn the_randomness_that_came_along_counts_instead_of_the_id() {
    let (half, _) = recorder(Sampling::rate(0.5));
    let trace = |end: &str| format!("0123456789abcdefff{end}").parse::<TraceId>().unwrap();
    for (end, randomness, is_chosen) in [
        ("6e6d1a75832a2f", "", false),
        ("6e6d1a75832a2f", "ot=rv:80000000000000", true),
        ("80000000000000", "", true),
        ("80000000000000", "ot=rv:7fffffffffffff", false),
        ("80000000000000", "ot=rv:7F", true),
    ] {
        let parent = format!("00-{}-1234567890123456-01", trace(end));
        let received = Propagation::from_headers([("traceparent", &*parent), ("tracestate", randomness)]);
        let _there = Context::from(received).enter();
        let verdict = half.sample(trace(end), "p", None);
        assert_eq!(verdict == Verdict::OnError, !is_chosen, "{end} {randomness}");
        // It says nothing of another trace.
        assert_ne!(half.sample(trace("ffffffffffffff"), "p", None), Verdict::OnError);
    }
}

#[test]
fn two_processes_choose_the_same_traces() {
    let (one, other) = (recorder(Sampling::rate(0.3)).0, recorder(Sampling::rate(0.3)).0);
    for _ in 0..1_000 {
        let trace = TraceId::random();
        assert_eq!(one.sample(trace, "p", None), other.sample(trace, "p", None));
    }
    assert_eq!(one.sample(TraceId::random(), "p", Some(true)), Verdict::Record);
}

#[test]
fn runs_on_many_threads_are_kept_or_let_go_whole() {
    const RUNS: usize = 300;
    let (recorder, taken) = recorder(Sampling::rate(0.2).keep_errors());
    std::thread::scope(|threads| {
        for thread in 0..3 {
            let recorder = &recorder;
            threads.spawn(move || (0..RUNS).for_each(|at| _ = run(recorder, (at + thread) % 10 == 0)));
        }
    });
    (0..2).for_each(|_| recorder.flush(PATIENCE).unwrap());
    let mut of_traces = std::collections::HashMap::<TraceId, (usize, bool)>::new();
    for span in taken.spans() {
        let (spans, has_failed) = of_traces.entry(span.trace_id).or_default();
        *spans += 1;
        *has_failed |= span.status == Status::Error;
    }
    assert!(of_traces.values().all(|(spans, _)| *spans == 7));
    assert_eq!(of_traces.values().filter(|(_, has_failed)| *has_failed).count(), 3 * RUNS / 10);
    let stats = recorder.stats();
    assert_eq!((stats.recorded + stats.let_go).spans, 7 * 3 * RUNS as u64);
    assert_conserved(&stats);
}
