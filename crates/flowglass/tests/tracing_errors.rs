//! What libraries tell of errors by `tracing`: it fails their spans, and brings back traces that sampling has left out.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use flowglass::model::{AttributeValue, Span, Status};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{Context, Sampling, TracingLayer, tracing_layer};
use proptest::prelude::*;
use tracing::Instrument as _;
use tracing::field::Empty;
use tracing::span::EnteredSpan;
use tracing_subscriber::layer::SubscriberExt as _;

/// A rate at which next to nothing is chosen.
const RARELY: f64 = 1e-12;

fn telemetry(sampling: Sampling) -> TestRecorder {
    TestRecorder::from_builder(Recorder::builder().sampling(sampling))
}

fn rarely() -> TestRecorder {
    telemetry(Sampling::rate(RARELY))
}

fn listen<T>(layer: TracingLayer, work: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work)
}

/// Does something inside of a root, with the layer as it is by default.
fn inside(telemetry: &TestRecorder, work: impl FnOnce()) {
    listen(tracing_layer(), || {
        let _root = telemetry.recorder().root_span("root");
        work();
    });
}

fn refused() -> io::Error {
    io::Error::other("refused")
}

/// A driver of some database, which has trouble with every second row.
#[node(output = "rows")]
fn load(table: String) -> Vec<u64> {
    let _connection = tracing::info_span!("connection", table).entered();
    let fetch = |row| {
        tracing::info_span!("fetch", row).in_scope(|| match row % 2 {
            0 => tracing::info!("fetched"),
            _ => tracing::error!(error = %refused(), "no row"),
        });
        row
    };
    (0..3).map(fetch).collect()
}

fn load_all(telemetry: &TestRecorder) {
    let pipeline = Pipeline::builder("load").nodes(nodes![load]).build().unwrap();
    let run = pipeline.run(inputs! { table: "orders" }).telemetry(telemetry.recorder().clone());
    listen(tracing_layer(), || run.wait()).unwrap();
}

#[test]
fn an_event_that_tells_of_an_error_promotes_its_trace() {
    let telemetry = rarely();
    load_all(&telemetry);
    let spans = telemetry.spans();
    let fetches: Vec<&Span> = spans.iter().filter(|span| span.name == "fetch").collect();
    let [failed, after] = fetches[..] else { panic!("the first ended before the error:\n{}", telemetry.tree()) };
    assert_eq!((failed.status, &*failed.status_message, failed.events.len()), (Status::Error, "refused", 1));
    assert_eq!((after.status, after.attribute("row"), after.events.len()), (Status::Ok, Some(&2_i64.into()), 1));
    let connection = telemetry.span("connection").is_inside("node load").is_ok().has("level", "INFO").has_no("table");
    assert!(fetches.iter().all(|fetch| fetch.parent_id == connection.span().span_id));
    assert_eq!(failed.text("target"), Some("tracing_errors"));
    telemetry.span("node load").is_inside("pipeline load").is_ok();
    assert!(spans.iter().all(|span| span.attribute("trace.incomplete").is_some()), "{}", telemetry.tree());
}

#[test]
fn what_is_recorded_of_an_error_is_the_same_in_a_trace_that_was_chosen() {
    let telemetry = telemetry(Sampling::all());
    load_all(&telemetry);
    let of = |span: Span| (span.name, span.status, span.status_message);
    let failed: Vec<_> = telemetry.spans().into_iter().filter(|span| span.status != Status::Ok).map(of).collect();
    assert_eq!(failed, [("fetch".to_owned(), Status::Error, "refused".to_owned())]);
    telemetry.span("connection").has("table", "orders");
}

#[test]
fn nothing_is_recorded_where_errors_bring_nothing_back() {
    for sampling in [Sampling::rate(RARELY).promote_errors(false), Sampling::rate(0.0), Sampling::rate(0.0).keep_errors()] {
        let telemetry = telemetry(sampling);
        load_all(&telemetry);
        assert_eq!(telemetry.spans(), Vec::new());
        assert_eq!((telemetry.recorder().stats().recorded.spans, telemetry.recorder().stats().let_go.spans), (0, 0));
    }
}

#[test]
fn an_event_outside_of_any_span_of_theirs_promotes_too_and_blames_nobody() {
    for layer in [tracing_layer(), tracing_layer().events_as_logs()] {
        let telemetry = rarely();
        listen(layer, || {
            let _root = telemetry.recorder().root_span("root");
            tracing::error!("refused");
            drop(span("after"));
        });
        telemetry.span("after").is_ok().has("trace.incomplete", true);
    }
}

#[test]
fn a_trace_that_is_held_is_kept_for_an_error_that_is_no_spans() {
    let refuse = node_fn!("refused", |number: i64| -> i64 {
        if number < 0 {
            tracing::error!("refused");
        }
        number
    });
    let pipeline = Pipeline::builder("refuse").node(refuse).build().unwrap();
    for (sampling, number, kept) in [
        (Sampling::rate(RARELY).keep_errors(), -1_i64, 2),
        (Sampling::rate(RARELY).keep_errors(), 1, 0),
        (Sampling::rate(RARELY).keep_slow(Duration::MAX), -1, 0),
    ] {
        let telemetry = telemetry(sampling);
        let run = pipeline.run(inputs! { number: number }).telemetry(telemetry.recorder().clone());
        listen(tracing_layer(), || run.wait()).unwrap();
        let spans = telemetry.spans();
        assert_eq!(spans.len(), kept, "{}", telemetry.tree());
        assert!(spans.iter().all(|span| span.status == Status::Ok && span.attribute("trace.incomplete").is_none()));
    }
}

/// Opens a span of a library's.
type Open = fn() -> tracing::Span;

#[test]
fn fields_of_a_span_say_that_it_fails() {
    let ways: [(Open, &str); 7] = [
        (|| tracing::info_span!("work", rows = 1, error = true), ""),
        (|| tracing::info_span!("work", rows = 1, error = "refused"), "refused"),
        (|| tracing::info_span!("work", rows = 1, error = %refused()), "refused"),
        (|| tracing::info_span!("work", rows = 1, error = as_error(&refused())), "refused"),
        (|| tracing::info_span!("work", rows = 1, cause = as_error(&refused())), "cause: refused"),
        (|| tracing::info_span!("work", rows = 1, otel.status_code = "ERROR"), ""),
        (|| tracing::info_span!("work", rows = 1, otel.status_description = "refused", otel.status_code = %"error"), "refused"),
    ];
    for ((open, why), sampling) in ways.into_iter().flat_map(|way| [(way, Sampling::all()), (way, Sampling::rate(RARELY))]) {
        let telemetry = telemetry(sampling);
        inside(&telemetry, || drop(open()));
        let work = telemetry.span("work").is(Status::Error).has("rows", 1).has("level", "INFO");
        assert_eq!(work.span().status_message, why);
    }
}

fn as_error(error: &io::Error) -> &(dyn std::error::Error + 'static) {
    error
}

#[test]
fn what_only_sounds_like_an_error_is_none() {
    let ways: [Open; 5] = [
        || tracing::info_span!("work", error = false),
        || tracing::info_span!("work", error = ""),
        || tracing::info_span!("work", error = 0),
        || tracing::info_span!("work", errors = "many", status = "error"),
        || tracing::info_span!("work", otel.status_code = "OK", otel.status_description = "error"),
    ];
    for open in ways {
        let say = || open().in_scope(|| tracing::warn!(error = "refused", "trying again"));
        let (all, rarely) = (TestRecorder::new(), rarely());
        inside(&all, say);
        inside(&rarely, say);
        all.span("work").is_ok().has_event("trying again");
        assert_eq!(rarely.spans(), Vec::new());
    }
}

#[test]
fn a_span_may_say_later_that_it_fails() {
    for sampling in [Sampling::all(), Sampling::rate(RARELY)] {
        let telemetry = telemetry(sampling);
        inside(&telemetry, || {
            let work = tracing::info_span!("work", rows = Empty, error = Empty, otel.status_code = Empty);
            work.in_scope(|| {
                tracing::info_span!("inside").in_scope(|| work.record("error", tracing::field::display(refused())))
            });
            // Who says only that it failed takes the reason for it back no more than the failure.
            work.record("otel.status_code", "ERROR").record("rows", 3).record("error", false);
        });
        telemetry.span("work").failed_with("refused").has("rows", 3);
        telemetry.span("inside").is_inside("work").is_ok();
    }
}

#[test]
fn only_the_innermost_span_is_blamed() {
    let telemetry = TestRecorder::new();
    inside(&telemetry, || {
        let outer = tracing::info_span!("outer").entered();
        let ours = span("ours");
        tracing::error!("in ours");
        drop(ours);
        tracing::info_span!("inner").in_scope(|| tracing::error!(parent: None, "of nobody"));
        drop(outer);
        let named = tracing::info_span!("named");
        tracing::error!(parent: &named, "in named");
    });
    telemetry.span("ours").is_ok().has_event("in ours").is_inside("outer");
    telemetry.span("outer").is_ok();
    telemetry.span("inner").is_ok();
    telemetry.span("named").failed_with("in named").has_event("in named");
}

#[test]
fn an_error_reaches_the_trace_of_the_span_that_it_is_in() {
    let (around, telemetry) = (rarely(), rarely());
    inside(&telemetry, || {
        let work = tracing::info_span!("work").in_scope(|| tracing::info_span!("on another thread"));
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        let on_thread = || tracing::dispatcher::with_default(&subscriber, || work.in_scope(|| tracing::error!("refused")));
        std::thread::scope(|threads| threads.spawn(on_thread).join()).unwrap();
        // What is current where it is told has nothing to do with it.
        let _around = around.recorder().root_span("around");
        tracing::error!(parent: &work, "once more");
    });
    assert_eq!(around.spans(), Vec::new());
    telemetry.span("on another thread").failed_with("once more").has_event("refused").has_event("once more").is_inside("work");
    telemetry.span("work").is_ok();
}

#[test]
fn spans_of_futures_are_recorded_from_their_start() {
    let telemetry = rarely();
    let fetch = node_fn!("fetched", async |page: u64| -> u64 {
        let inside = async {
            tokio::task::yield_now().await;
            if page == 2 {
                tracing::error!("refused");
            }
            tokio::task::yield_now().await;
            page
        };
        inside.instrument(tracing::info_span!("fetch", page)).await
    });
    let pipeline = Pipeline::builder("fetch").node(fetch).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let map = pipeline.map(inputs! { page: vec![1_u64, 2, 3] }, ["page"]).telemetry(telemetry.recorder().clone());
    listen(tracing_layer(), || runtime.block_on(async { map.await })).unwrap();
    let spans = telemetry.spans();
    let fetches: Vec<&Span> = spans.iter().filter(|span| span.name == "fetch").collect();
    assert_eq!(fetches.len(), 3, "all of them wait when the second one says it:\n{}", telemetry.tree());
    for fetch in fetches {
        let parent = spans.iter().find(|span| span.span_id == fetch.parent_id).unwrap();
        assert_eq!(parent.name, "node fetched");
        assert!(parent.start_unix_ns <= fetch.start_unix_ns);
    }
}

/// What a program of a library's does next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Open,
    Close,
    Say,
    Fail,
    /// Goes on on another thread, inside of the innermost span.
    GoElsewhere,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::*;
    let step = prop_oneof![4 => Just(Open), 3 => Just(Close), 2 => Just(Say), 1 => Just(Fail), 1 => Just(GoElsewhere)];
    proptest::collection::vec(step, 0..24)
}

/// A library's program at work: its spans have the numbers of the steps that open them.
#[derive(Default)]
struct Program {
    open: Vec<i64>,
    has_failed: bool,
    /// The spans that were open when the first error was told of, and those that were opened later.
    wanted: Vec<i64>,
}

impl Program {
    fn perform(&mut self, steps: &[(i64, Step)]) {
        let mut spans = Vec::new();
        for (at, (number, step)) in steps.iter().enumerate() {
            match step {
                Step::Open => spans.push(self.open(*number)),
                Step::Close => spans.pop().into_iter().for_each(|span| self.close(span)),
                Step::Say => tracing::info!("said"),
                Step::Fail => self.fail(),
                Step::GoElsewhere => {
                    self.go_elsewhere(&steps[at + 1..]);
                    break;
                }
            }
        }
        spans.into_iter().rev().for_each(|span| self.close(span));
    }

    fn open(&mut self, number: i64) -> EnteredSpan {
        self.open.push(number);
        if self.has_failed {
            self.wanted.push(number);
        }
        tracing::info_span!("work", number = Empty).entered()
    }

    /// What a span says before an error isn't recorded, so that it says its number last.
    fn close(&mut self, span: EnteredSpan) {
        span.record("number", self.open.pop().unwrap());
    }

    fn fail(&mut self) {
        tracing::error!("refused");
        if !std::mem::replace(&mut self.has_failed, true) {
            self.wanted.clone_from(&self.open);
        }
    }

    fn go_elsewhere(&mut self, rest: &[(i64, Step)]) {
        let (subscriber, context) = (tracing::dispatcher::get_default(Clone::clone), Context::current());
        let here = tracing::Span::current();
        let on_thread = || {
            let _listening = tracing::dispatcher::set_default(&subscriber);
            let _inside = (context.enter(), here.enter());
            self.perform(rest);
        };
        std::thread::scope(|threads| threads.spawn(on_thread).join()).unwrap();
    }
}

/// Returns the number of each span, and of the one that it is in: none, if that is the root.
fn numbers(telemetry: &TestRecorder) -> BTreeMap<i64, Option<i64>> {
    let spans = telemetry.spans();
    let number = |span: &Span| match span.attribute("number") {
        Some(AttributeValue::Int(number)) => Some(*number),
        _ => None,
    };
    let parent = |span: &Span| number(spans.iter().find(|parent| parent.span_id == span.parent_id)?);
    spans.iter().filter(|span| span.name == "work").map(|span| (number(span).unwrap(), parent(span))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_comes_back_stands_where_it_does_in_the_whole_trace(steps in steps()) {
        let steps: Vec<(i64, Step)> = (0..).zip(steps).collect();
        let (all, rarely) = (TestRecorder::new(), rarely());
        inside(&all, || Program::default().perform(&steps));
        let mut program = Program::default();
        inside(&rarely, || program.perform(&steps));
        program.wanted.sort_unstable();
        let (whole, found) = (numbers(&all), numbers(&rarely));
        prop_assert_eq!(found.keys().copied().collect::<Vec<_>>(), program.wanted);
        for (number, parent) in found {
            prop_assert_eq!(whole.get(&number), Some(&parent));
        }
    }
}
