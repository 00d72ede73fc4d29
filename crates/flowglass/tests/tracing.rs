//! What libraries say by `tracing` or `log` lands in the span of the node that called them.

use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{Sampling, TracingLayer, tracing_layer};
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

#[node(output = "rows")]
fn load(path: String) -> usize {
    let query = tracing::info_span!("query", table = "orders", rows = tracing::field::Empty, share = 0.5, retried = true);
    let _entered = query.enter();
    tracing::warn!(attempt = 2, path, "the connection was lost");
    tracing::debug!("nobody wants this");
    let _ours = span("ours, inside");
    tracing::info_span!("inner").in_scope(|| query.record("rows", 3));
    path.len()
}

fn listen<T>(layer: TracingLayer, work: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work)
}

fn run(telemetry: &TestRecorder) {
    let pipeline = Pipeline::builder("load").nodes(nodes![load]).build().unwrap();
    pipeline.run(inputs! { path: "a.csv" }).telemetry(telemetry.recorder().clone()).wait().unwrap();
}

#[test]
fn spans_and_events_land_in_the_nodes_span() {
    let telemetry = TestRecorder::new();
    listen(tracing_layer(), || run(&telemetry));
    let query = telemetry.span("query").is_inside("node load").has("table", "orders").has("rows", 3).has("share", 0.5);
    query.has("retried", true).has("level", "INFO").has("target", "tracing").has_event("the connection was lost");
    telemetry.span("inner").is_inside("ours, inside");
    telemetry.span("ours, inside").is_inside("query");
    let spans = telemetry.spans();
    let events: Vec<_> = spans.iter().flat_map(|span| &span.events).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    let attribute = |key: &str| events[0].attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    assert_eq!((attribute("attempt"), attribute("level")), (Some(2_i64.into()), Some("WARN".into())));
    assert_eq!(attribute("path"), Some("a.csv".into()));
}

#[test]
fn the_level_and_the_form_are_as_asked_for() {
    let telemetry = TestRecorder::new();
    listen(tracing_layer().level(tracing::Level::WARN).events_as_logs(), || run(&telemetry));
    assert!(telemetry.spans().iter().all(|span| span.name != "query" && span.events.is_empty()));
    let logs = telemetry.logs();
    let [log] = &logs[..] else { panic!("{logs:?}") };
    assert_eq!((log.body.as_str(), log.severity), (Some("the connection was lost"), flowglass::Severity::WARN));
    assert_eq!(log.span_id, telemetry.span("node load").span().span_id);
}

#[test]
fn a_span_goes_along_with_its_future() {
    let telemetry = TestRecorder::new();
    let fetch = node_fn!("fetched", async |page: u64| -> u64 {
        let inside = async {
            tokio::task::yield_now().await;
            drop(span("after the wait"));
            page + 1
        };
        inside.instrument(tracing::info_span!("fetch", page)).await
    });
    let pipeline = Pipeline::builder("fetch").node(fetch).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let map = pipeline.map(inputs! { page: vec![1_u64, 2, 3] }, ["page"]).telemetry(telemetry.recorder().clone());
    let layer = tracing_layer();
    listen(layer, || runtime.block_on(async { map.await })).unwrap();
    let spans = telemetry.spans();
    for page in 1..=3_i64 {
        let fetch = spans.iter().find(|span| span.name == "fetch" && span.attribute("page") == Some(&page.into())).unwrap();
        let parent = spans.iter().find(|span| span.span_id == fetch.parent_id).unwrap();
        assert_eq!(parent.name, "node fetched");
        assert!(spans.iter().any(|span| span.name == "after the wait" && span.parent_id == fetch.span_id));
    }
}

#[test]
fn what_is_said_elsewhere_begins_traces_only_where_that_is_wanted() {
    let telemetry = TestRecorder::new();
    let say = || {
        let request = tracing::info_span!("request").entered();
        tracing::info!("served");
        drop(request);
        tracing::info!("alone");
    };
    listen(tracing_layer(), say);
    assert!(telemetry.spans().is_empty() && telemetry.loose_events().is_empty());
    listen(tracing_layer().elsewhere(telemetry.recorder().clone()), say);
    telemetry.span("request").has_event("served");
    assert_eq!(telemetry.loose_events()[0].name, "alone");
}

#[test]
fn a_trace_that_is_not_sampled_stays_so() {
    let telemetry = TestRecorder::from_builder(Recorder::builder().sampling(Sampling::rate(0.0)));
    listen(tracing_layer().elsewhere(telemetry.recorder().clone()), || run(&telemetry));
    assert!(telemetry.spans().is_empty() && telemetry.loose_events().is_empty());
}

#[test]
fn spans_inside_of_one_that_was_not_chosen_begin_no_traces() {
    let sampling = Sampling::rate(1e-12).pipeline("query", 1.0);
    let telemetry = TestRecorder::from_builder(Recorder::builder().sampling(sampling));
    listen(tracing_layer().elsewhere(telemetry.recorder().clone()), || {
        let _request = tracing::info_span!("request").entered();
        tracing::info_span!("query").in_scope(|| tracing::info!("asked"));
    });
    assert!(telemetry.spans().is_empty(), "{}", telemetry.tree());
}

#[test]
fn an_error_by_hand_brings_back_the_spans_around_it() {
    let telemetry = TestRecorder::from_builder(Recorder::builder().sampling(Sampling::rate(1e-12)));
    listen(tracing_layer(), || {
        let _root = telemetry.recorder().root_span("root");
        tracing::info_span!("before").in_scope(|| tracing::info!("said"));
        tracing::info_span!("around").in_scope(|| _ = flowglass::span("work").error("refused"));
        tracing::info_span!("after").in_scope(|| tracing::info!("told"));
    });
    telemetry.span("work").is_inside("around");
    telemetry.span("around").is_ok().has("level", "INFO").has("target", "tracing").has("trace.incomplete", true);
    telemetry.span("after").has_event("told").has("trace.incomplete", true);
    assert_eq!(telemetry.spans().len(), 3, "{}", telemetry.tree());
}

#[test]
fn a_value_that_speaks_while_it_is_formatted_hurts_nobody() {
    struct Loud;
    impl std::fmt::Debug for Loud {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!("formatting");
            f.write_str("loud")
        }
    }
    let telemetry = TestRecorder::new();
    listen(tracing_layer(), || {
        let _root = telemetry.recorder().root_span("root");
        let _span = tracing::info_span!("span", value = ?Loud).entered();
        tracing::info!(value = ?Loud, "said");
    });
    telemetry.span("span").has("value", "loud").is_inside("root");
    let events: usize = telemetry.spans().iter().map(|span| span.events.len()).sum();
    assert!(events >= 1, "{}", telemetry.tree());
}

/// `log` has one logger a process, so that this is the only test that sets it.
#[test]
fn what_is_said_by_log_lands_there_too() {
    tracing_log::LogTracer::init().unwrap();
    let telemetry = TestRecorder::new();
    listen(tracing_layer(), || {
        let _root = telemetry.recorder().root_span("root");
        log::warn!(target: "driver", "the pool is full");
    });
    let spans = telemetry.spans();
    let event = &spans[0].events[0];
    assert_eq!(event.name, "the pool is full");
    let keys: Vec<_> = event.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect();
    assert_eq!(keys, [("level", "WARN"), ("target", "driver")]);
}
