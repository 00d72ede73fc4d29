//! Runs that start inside of something else's trace: of spans opened by hand, of nodes, of other recorders, of other processes.

use flowglass::model::{Propagation, RunId, Span, SpanId, Status, TraceId, TraceParent, flags};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{Context, Error, InSpan as _, Run, RunBuilder, Sampling, current, span, traced};

#[node(output = "half")]
fn halve(number: i64) -> Result<i64, String> {
    if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

fn halves() -> Pipeline {
    Pipeline::builder("halves").nodes(nodes![halve]).build().unwrap()
}

fn run_of(number: i64) -> RunBuilder {
    halves().run(inputs! { number: number })
}

#[traced(name = "handle request")]
fn handle_request() -> Result<Run, Error> {
    run_of(2).wait()
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {:?}", names(spans)))
}

fn remote(sampled: bool) -> TraceParent {
    TraceParent { trace_id: TraceId::from_bytes([7; 16]), parent_id: SpanId::from_u64(7), sampled }
}

fn rarely() -> TestRecorder {
    TestRecorder::from_builder(Recorder::builder().sampling(Sampling::rate(1e-12)))
}

#[test]
fn a_run_hangs_on_the_span_that_is_current() {
    let telemetry = TestRecorder::new();
    let main = telemetry.recorder().root_span("main");
    let run = handle_request().unwrap();
    let trace = current().unwrap().trace_id();
    drop(main);
    let spans = telemetry.spans();
    assert_eq!(names(&spans), ["main", "handle request", "pipeline halves", "node halve"]);
    assert!(spans.windows(2).all(|pair| pair[1].parent_id == pair[0].span_id && pair[1].trace_id == trace), "{spans:#?}");
    let root = &spans[2];
    assert_eq!((root.is_run_root(), root.flags), (true, flags::SAMPLED | flags::IS_RUN_ROOT));
    assert_eq!(run.id(), RunId { trace, joined_at: root.span_id });
    assert_eq!(names(&run.trace()), ["pipeline halves", "node halve"]);
}

#[test]
fn each_of_several_runs_in_one_trace_has_its_own_spans() {
    let telemetry = TestRecorder::new();
    let under = |parent: TraceParent| run_of(2).parent(parent).telemetry(telemetry.recorder().clone()).wait().unwrap();
    for (one, other) in [(under(remote(true)), under(remote(true))), {
        let _main = telemetry.recorder().root_span("main");
        (run_of(2).wait().unwrap(), run_of(4).wait().unwrap())
    }] {
        assert_eq!(one.id().trace, other.id().trace);
        assert_ne!(one.id(), other.id());
        for run in [one, other] {
            let spans = run.trace();
            assert_eq!((names(&spans), spans[0].span_id), (vec!["pipeline halves", "node halve"], run.root()));
        }
    }
}

#[node(output = "quarter")]
async fn quarter(number: i64) -> Result<i64, Error> {
    let half: i64 = run_of(number).await?.get("half")?;
    run_of(half).await?.get("half")
}

#[test]
fn a_run_that_a_node_starts_is_in_the_nodes_trace() {
    let telemetry = TestRecorder::new();
    let pipeline = Pipeline::builder("quarters").nodes(nodes![quarter]).build().unwrap();
    let run = pipeline.run(inputs! { number: 8_i64 }).telemetry(telemetry.recorder().clone()).wait().unwrap();
    let spans = run.trace();
    let all = ["pipeline quarters", "node quarter", "pipeline halves", "node halve", "pipeline halves", "node halve"];
    assert_eq!(names(&spans), all);
    assert_eq!([spans[2].parent_id, spans[4].parent_id], [spans[1].span_id; 2]);
    assert_eq!(spans.iter().map(Span::is_run_root).collect::<Vec<_>>(), [true, false, true, false, true, false]);
    assert_eq!(run.id(), RunId::from(spans[0].trace_id));
}

#[test]
fn what_is_not_recorded_has_runs_that_are_not() {
    let telemetry = rarely();
    let main = telemetry.recorder().root_span("main");
    let runs = [run_of(2).wait().unwrap(), run_of(2).wait().unwrap()];
    drop(main);
    assert_eq!((telemetry.spans(), runs[0].trace()), (Vec::new(), Vec::new()));
    assert_eq!((runs[0].id().trace == runs[1].id().trace, runs[0].id() == runs[1].id()), (true, false));
    assert_eq!((telemetry.counted("pipeline.executions"), telemetry.counted("node.executions")), (2.0, 2.0));
}

#[test]
fn an_error_in_a_run_brings_its_trace_back() {
    let telemetry = rarely();
    let main = telemetry.recorder().root_span("main");
    let failed = handle_request_of(3);
    let later = span("later");
    drop((later, main));
    let spans = telemetry.spans();
    assert_eq!(names(&spans), ["pipeline halves", "node halve", "handle request", "later"], "and not what ended before");
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    let run = RunId { trace: spans[0].trace_id, joined_at: spans[0].span_id };
    assert_eq!((failed.err().unwrap().run(), spans[0].status), (Some(run), Status::Error));
}

#[traced(name = "handle request")]
fn handle_request_of(number: i64) -> Result<Run, Error> {
    run_of(number).wait()
}

#[test]
fn a_trace_that_is_held_is_kept_or_let_go_with_its_runs() {
    for (number, wanted) in [(2, vec![]), (3, vec!["main", "handle request", "pipeline halves", "node halve"])] {
        let sampling = Sampling::rate(1e-12).keep_errors();
        let telemetry = TestRecorder::from_builder(Recorder::builder().sampling(sampling));
        let main = telemetry.recorder().root_span("main");
        let _ = handle_request_of(number);
        drop(main);
        assert_eq!(names(&telemetry.spans()), wanted, "{number}");
    }
}

#[test]
fn a_rate_of_zero_is_off_inside_of_a_span_too() {
    let sampling = Sampling::all().pipeline("halves", 0.0);
    let telemetry = TestRecorder::from_builder(Recorder::builder().sampling(sampling));
    let main = telemetry.recorder().root_span("main");
    let _ = run_of(3).wait();
    drop(main);
    assert_eq!(names(&telemetry.spans()), ["main"]);
}

#[test]
fn a_run_with_another_recorder_hangs_on_the_span_as_on_one_elsewhere() {
    let (around, own) = (TestRecorder::new(), TestRecorder::new());
    let main = around.recorder().root_span("main");
    let here = current().unwrap();
    run_of(2).telemetry(own.recorder().clone()).wait().unwrap();
    drop(main);
    assert_eq!(names(&around.spans()), ["main"]);
    let spans = own.spans();
    let root = named(&spans, "pipeline halves");
    assert_eq!((root.trace_id, root.parent_id), (here.trace_id(), here.span_id()));
    assert_eq!(root.flags, flags::SAMPLED | flags::HAS_IS_REMOTE | flags::IS_REMOTE);
    let (around, own) = (rarely(), TestRecorder::new());
    let _main = around.recorder().root_span("main");
    run_of(2).telemetry(own.recorder().clone()).wait().unwrap();
    assert!(own.spans().is_empty(), "what is around isn't recorded");
}

#[test]
fn what_the_run_says_itself_comes_first() {
    let telemetry = TestRecorder::new();
    let main = telemetry.recorder().root_span("main");
    let joined = run_of(2).parent(remote(true)).wait().unwrap();
    let alone = run_of(2).new_trace().wait().unwrap();
    let off = run_of(2).no_telemetry().wait().unwrap();
    let trace = current().unwrap().trace_id();
    drop(main);
    assert_eq!(joined.id(), RunId { trace: remote(true).trace_id, joined_at: joined.root() });
    assert!(alone.id().joined_at.is_none() && alone.id().trace != trace && off.id().trace != trace);
    let spans = telemetry.spans();
    assert_eq!(names(&spans).len(), 5, "all that is recorded is recorded by what is around: {spans:#?}");
}

#[test]
fn a_run_hangs_on_a_span_that_was_started_by_its_id() {
    let telemetry = TestRecorder::new();
    let recorder = telemetry.recorder();
    let trace = recorder.start_trace("import");
    let parse = recorder.start_span(trace, SpanId::NONE, "parse");
    let inside = recorder.context_of(parse);
    inside.wrap(|| drop(span("row")))();
    let run = inside.wrap(|| run_of(2).wait().unwrap())();
    recorder.end_span(parse, Status::Ok, "");
    recorder.end_trace(trace, Status::Ok, "");
    assert_eq!(run.id(), RunId { trace, joined_at: run.root() });
    telemetry.span("row").is_inside("parse");
    telemetry.span("pipeline halves").is_inside("parse");
    recorder.context_of(parse).wrap(|| assert!(current().is_none(), "it isn't open any more"))();
}

#[test]
fn a_call_from_elsewhere_is_what_a_run_hangs_on() {
    for sampled in [true, false] {
        let telemetry = TestRecorder::new();
        let received = Propagation { parent: Some(remote(sampled)), ..Propagation::default() };
        let _inside = Context::from(received).with_correlation_id("order-7").enter();
        let run = run_of(2).telemetry(telemetry.recorder().clone()).wait().unwrap();
        assert_eq!(run.id().trace, remote(true).trace_id);
        let spans = telemetry.spans();
        assert_eq!(spans.len(), if sampled { 2 } else { 0 });
        assert!(spans.iter().take(1).all(|root| root.parent_id == remote(true).parent_id && root.flags == 0x301));
    }
}

#[test]
fn the_context_goes_along_to_threads_tasks_and_nodes() {
    let telemetry = TestRecorder::new();
    let ask = node_fn!("id", |number: i64| -> String {
        format!("{number} {}", Context::current().correlation_id().unwrap_or_default())
    });
    let pipeline = Pipeline::builder("ask").node(ask).build().unwrap();
    let main = telemetry.recorder().root_span("main");
    let inside = Context::current().with_correlation_id("order-7");
    let entered = inside.enter();
    let asked = pipeline.run(inputs! { number: 1_i64 }).into_future();
    let on_thread = inside.wrap(|| run_of(2).wait().unwrap().id());
    drop(entered);
    let (asked, id) = std::thread::scope(|threads| {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asked = threads.spawn(move || runtime().block_on(asked).unwrap());
        (asked.join().unwrap(), threads.spawn(on_thread).join().unwrap())
    });
    assert_eq!(asked.get::<String>("id").unwrap(), "1 order-7");
    assert_eq!([asked.id().trace, id.trace], [current().unwrap().trace_id(); 2]);
    let main_id = main.id();
    drop(main);
    let spans = telemetry.spans();
    assert_eq!([named(&spans, "pipeline ask").parent_id, named(&spans, "pipeline halves").parent_id], [main_id; 2]);
}

#[test]
fn a_run_starts_inside_of_the_span_that_its_future_was_given() {
    let telemetry = TestRecorder::new();
    let main = telemetry.recorder().root_span("main");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(run_of(2).into_future().in_span("work")).unwrap();
    drop(main);
    telemetry.span("pipeline halves").is_inside("work");
}

#[test]
fn maps_and_streams_hang_on_the_current_span_too() {
    let telemetry = TestRecorder::new();
    let main = telemetry.recorder().root_span("main");
    let done = halves().map(inputs! { number: vec![2_i64, 4] }, ["number"]).wait().unwrap();
    let stream = halves().map(inputs! { number: vec![2_i64] }, ["number"]).stream().unwrap();
    drop(stream);
    let id = main.id();
    drop(main);
    let spans = telemetry.spans();
    let roots: Vec<&Span> = spans.iter().filter(|span| span.name == "pipeline halves" && span.parent_id == id).collect();
    assert_eq!((roots.len(), roots.iter().all(|root| root.is_run_root())), (2, true));
    assert_eq!(done.trace().len(), 6);
}

#[test]
fn what_a_run_without_telemetry_does_by_hand_stays_in_the_span_around() {
    let telemetry = TestRecorder::new();
    let by_hand = node_fn!("by_hand", |number: i64| -> i64 {
        let _inside = span("by hand");
        number
    });
    let main = telemetry.recorder().root_span("main");
    Pipeline::builder("quiet").node(by_hand).build().unwrap().run(inputs! { number: 1_i64 }).no_telemetry().wait().unwrap();
    drop(main);
    assert_eq!(names(&telemetry.spans()), ["main", "by hand"]);
}
