//! Side by side with OpenTelemetry's library: runs hang on its spans, its spans on ours, and runs are mirrored into its providers.

use ::opentelemetry::KeyValue;
use ::opentelemetry::baggage::BaggageExt as _;
use ::opentelemetry::trace::{
    SpanContext, SpanId, Status as OtelStatus, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use flowglass::Callbacks;
use flowglass::model::Status;
use flowglass::opentelemetry::{self, JoinsOpenTelemetry as _};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

#[node(output = "even")]
fn halve(number: i64) -> Result<i64, String> {
    if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) }
}

fn pipeline() -> Pipeline {
    Pipeline::builder("halves").nodes(nodes![halve]).build().unwrap()
}

fn provider() -> (SdkTracerProvider, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    (SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build(), exporter)
}

#[test]
fn a_run_joins_the_trace_of_opentelemetrys_current_span() {
    let (provider, _exporter) = provider();
    let telemetry = TestRecorder::new();
    let run = || pipeline().run(inputs! { number: 2_i64 }).telemetry(telemetry.recorder().clone()).in_opentelemetry();
    run().wait().unwrap();
    let parent = provider.tracer("test").in_span("request", |context| {
        run().wait().unwrap();
        context.span().span_context().clone()
    });
    let roots: Vec<_> = telemetry.spans().into_iter().filter(|span| span.name == "pipeline halves").collect();
    assert!(roots[0].parent_id.is_none());
    assert_eq!(roots[1].trace_id.to_bytes(), parent.trace_id().to_bytes());
    assert_eq!(roots[1].parent_id.to_u64().to_be_bytes(), parent.span_id().to_bytes());
}

#[test]
fn a_recorder_can_take_all_its_runs_into_opentelemetrys_trace() {
    let (provider, _exporter) = provider();
    let telemetry = TestRecorder::from_builder(Recorder::builder().in_opentelemetry());
    let ask = node_fn!("told", |number: i64| -> String {
        let sent = flowglass::Context::current().propagation();
        format!("{number} {} {}", sent.state, sent.baggage.get("tenant").unwrap_or_default())
    });
    let ask = Pipeline::builder("ask").node(ask).build().unwrap();
    let run = |pipeline: &Pipeline| pipeline.run(inputs! { number: 2_i64 }).telemetry(telemetry.recorder().clone());
    let alone = run(&pipeline()).wait().unwrap();
    assert!(alone.id().joined_at.is_none(), "nothing is current");
    let told = |sampled: bool| {
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let state = TraceState::from_key_value([("vendor", "x")]).unwrap();
        let around = SpanContext::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]), flags, true, state);
        let context = ::opentelemetry::Context::new().with_remote_span_context(around);
        let _inside = context.with_baggage([KeyValue::new("tenant", "a")]).attach();
        run(&ask).wait().unwrap()
    };
    let (seen, unseen) = (told(true), told(false));
    assert_eq!([seen.id().trace, unseen.id().trace], [flowglass::model::TraceId::from_bytes([7; 16]); 2]);
    assert_eq!(seen.get::<String>("told").unwrap(), "2 vendor=x a");
    assert_eq!((seen.trace()[0].parent_id.to_u64(), seen.trace()[0].flags), (0x0808_0808_0808_0808, 0x301));
    assert!(unseen.trace().is_empty(), "it isn't recorded where it comes from");
    provider.tracer("test").in_span("request", |context| {
        assert!(run(&pipeline()).new_trace().wait().unwrap().id().joined_at.is_none());
        let _ours = telemetry.recorder().root_span("ours");
        let inside = run(&pipeline()).wait().unwrap();
        assert_ne!(inside.id().trace.to_bytes(), context.span().span_context().trace_id().to_bytes(), "ours is nearer");
    });
}

#[test]
fn spans_of_other_libraries_hang_on_the_node() {
    let (provider, exporter) = provider();
    let telemetry = TestRecorder::new();
    let tracer = provider.tracer("library");
    let call = node_fn!("answer", move |number: i64| -> i64 {
        let _inside = opentelemetry::context().attach();
        tracer.in_span("http get", |_| number)
    });
    let pipeline = Pipeline::builder("call").node(call).build().unwrap();
    pipeline.run(inputs! { number: 1_i64 }).telemetry(telemetry.recorder().clone()).wait().unwrap();
    let theirs = exporter.get_finished_spans().unwrap().remove(0);
    let node = telemetry.span("node answer");
    assert_eq!(theirs.parent_span_id.to_bytes(), node.span().span_id.to_u64().to_be_bytes());
    assert!(!::opentelemetry::Context::current().has_active_span(), "nothing is left behind");
}

fn named<'s>(spans: &'s [SpanData], name: &str) -> &'s SpanData {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

#[test]
fn a_run_is_mirrored_into_the_users_provider() {
    let (provider, exporter) = provider();
    let callbacks = Callbacks::new().with(opentelemetry::mirror(&provider));
    let map = pipeline().map(inputs! { number: vec![2_i64, 3] }, ["number"]).callbacks(callbacks);
    let request = provider.tracer("test").in_span("request", |context| {
        let done = map.wait().unwrap();
        assert_eq!(done.failed(), 1);
        context.span().span_context().span_id()
    });
    let spans = exporter.get_finished_spans().unwrap();
    let (root, map) = (named(&spans, "pipeline halves"), named(&spans, "map halves"));
    assert_eq!((root.parent_span_id, map.parent_span_id), (request, root.span_context.span_id()));
    let item = named(&spans, "item 1");
    assert_eq!(item.parent_span_id, map.span_context.span_id());
    let nodes: Vec<&SpanData> = spans.iter().filter(|span| span.name == "node halve").collect();
    assert_eq!(nodes.len(), 2);
    let failed = nodes.iter().find(|node| node.parent_span_id == item.span_context.span_id()).unwrap();
    assert!(matches!(&failed.status, OtelStatus::Error { description } if description.contains("3 is odd")), "{failed:?}");
    assert!(spans.iter().all(|span| span.start_time <= span.end_time && span.span_context.span_id() != SpanId::INVALID));
    assert_eq!(spans.len(), 7, "each once: {spans:?}");
}

#[test]
fn what_comes_from_the_cache_is_mirrored_too() {
    let (provider, exporter) = provider();
    let (telemetry, cache) = (TestRecorder::new(), MemoryCache::new());
    for _ in 0..2 {
        let run = pipeline().run(inputs! { number: 2_i64 }).cache(cache.clone()).telemetry(telemetry.recorder().clone());
        run.callbacks(Callbacks::new().with(opentelemetry::mirror(&provider))).wait().unwrap();
    }
    let spans = exporter.get_finished_spans().unwrap();
    let status = |span: &SpanData| {
        let attribute = span.attributes.iter().find(|attribute| attribute.key.as_str() == "cache.status");
        attribute.map(|attribute| attribute.value.as_str().into_owned())
    };
    let nodes: Vec<_> = spans.iter().filter(|span| span.name == "node halve").map(status).collect();
    assert_eq!(nodes, [Some("write".to_owned()), Some("hit".to_owned())]);
    assert!(telemetry.spans().iter().all(|span| span.status == Status::Ok));
}
