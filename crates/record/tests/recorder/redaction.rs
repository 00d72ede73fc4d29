//! No secret leaves a recorder, whichever way it came in and whoever takes what leaves.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, BatchBuilder, Graph, GraphInput, REDACTED, Redaction, Resource, Severity, Span, SpanId, Status, TraceId,
    TraceParent,
};
use flowglass_record::{Recorder, SpanLimits, Value, log, span};
use proptest::prelude::*;

use crate::support::{PATIENCE, Taken, recorder, recorder_of};

/// A part of every secret below, which must not be seen again.
const PLANTED: &str = "q7XkP2mV9sT4wB8nL6cR3dF1hJ5gZ0yA";

fn graph(shown: &str) -> Arc<Graph> {
    let port =
        |name: &str| GraphInput { name: name.into(), type_name: "text".into(), default: Some(shown.into()), bound: true };
    let inputs = vec![port("password"), port("plain")];
    let graph = Graph { fingerprint: Default::default(), name: "g".into(), version: String::new(), inputs, nodes: Vec::new() };
    Arc::new(graph)
}

fn another_processes(secret: &str) -> BatchBuilder {
    let attributes = vec![("secret".to_owned(), secret.into()), ("text".to_owned(), format!("Bearer {secret}").into())];
    let resource = Resource { attributes: attributes.clone(), ..Resource::default() };
    let mut builder = BatchBuilder::new(Default::default(), 1, Arc::new(resource));
    builder.push(&Span { trace_id: TraceId::random(), span_id: SpanId::random(), attributes, ..Span::default() });
    builder
}

/// Says a secret in every way in which something can be said.
fn tell(recorder: &Recorder, secret: &str) {
    let sentence = format!("password={secret} is wrong");
    let nested =
        AttributeValue::Map(vec![("api_key".to_owned(), secret.into()), ("note".to_owned(), sentence.as_str().into())]);
    let all: [(&'static str, Value<'_>); 4] = [
        ("db.password", secret.into()),
        ("note", sentence.as_str().into()),
        ("bytes", sentence.as_bytes().into()),
        ("map", (&nested).into()),
    ];
    recorder.graph(&graph(&sentence));
    let root = recorder.root_span("root");
    all.iter().for_each(|(key, value)| _ = root.attr(key, *value));
    root.event("said", &all).error(&sentence);
    let to = TraceParent { trace_id: TraceId::random(), parent_id: SpanId::random(), sampled: true };
    root.link(to, &all);
    log(Severity::ERROR, &sentence, &all);
    recorder.counter("tried").add(1, &all);
    let trace = recorder.start_trace(&sentence);
    let by_id = recorder.start_span(trace, SpanId::NONE, &sentence);
    recorder.event_of(by_id, &sentence, &all);
    recorder.end_span(by_id, Status::Error, &sentence);
    recorder.end_trace(trace, Status::Error, &sentence);
    recorder.relay(another_processes(secret).finish());
    recorder.pass_on(Arc::new(another_processes(secret).finish()));
}

fn seen(taken: &Taken) -> String {
    let texts = |batch: &Arc<flowglass_model::Batch>| {
        let arena = (0..batch.arena.len() as u32)
            .map(|sym| format!("{:?} ", String::from_utf8_lossy(batch.arena.bytes(flowglass_model::Sym(sym)))));
        format!("{:?} {:?} {}", batch.resource, batch.graphs, arena.collect::<String>())
    };
    taken.batches().iter().map(texts).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_planted_secret_reaches_a_sink(head in "[a-zA-Z0-9]{0,8}", kind in 0..4) {
        let key = format!("{head}{PLANTED}");
        let secret = [key.clone(), format!("sk-{key}"), format!("ghp_{key}"), format!("redis://u:{key}@h/0")][kind as usize].clone();
        let mut resource = Resource::default();
        resource.attributes.push(("deploy.token".to_owned(), secret.as_str().into()));
        let builder = Recorder::builder().resource(resource).attribute("team.secret", secret.as_str());
        let (recorder, taken) = recorder_of(builder);
        tell(&recorder, &secret);
        recorder.flush(PATIENCE).unwrap();
        let seen = seen(&taken);
        prop_assert!(!seen.contains(PLANTED), "{seen}");
        prop_assert!(seen.contains(REDACTED) && seen.contains("is wrong"));
        prop_assert!(recorder.stats().redacted_values > 20);
    }
}

#[test]
fn spans_that_still_run_and_traces_that_are_read_back_hide_secrets_too() {
    let (recorder, taken) = recorder();
    let root = recorder.root_span("root");
    let retained = recorder.retain(flowglass_record::current().unwrap().trace_id());
    let inner = span("inner");
    inner.attr("password", PLANTED);
    root.attr("note", format!("token={PLANTED}").as_str());
    recorder.flush(PATIENCE).unwrap();
    assert!(!format!("{:?}", retained.spans()).contains(PLANTED));
    assert!(format!("{:?}", retained.spans()).contains(REDACTED));
    drop((inner, root));
    assert!(!format!("{:?}", retained.spans()).contains(PLANTED));
    recorder.flush(PATIENCE).unwrap();
    assert!(!seen(&taken).contains(PLANTED) && seen(&taken).contains(REDACTED));
}

#[test]
fn nothing_is_hidden_where_that_is_switched_off() {
    let (recorder, taken) = recorder_of(Recorder::builder().redaction(Redaction::off()));
    recorder.root_span("root").attr("password", PLANTED);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.span("root").attributes, [("password".to_owned(), PLANTED.into())]);
    assert_eq!(recorder.stats().redacted_values, 0);
}

#[test]
fn a_limit_of_values_is_kept_and_counted() {
    let limits = SpanLimits { value_bytes: 4, ..SpanLimits::default() };
    let (recorder, taken) = recorder_of(Recorder::builder().limits(limits));
    recorder.root_span("a long name").attr("text", "abcdef").attr("short", "ab");
    recorder.flush(PATIENCE).unwrap();
    let expected = [("text".to_owned(), "abcd".into()), ("short".to_owned(), "ab".into())];
    assert_eq!(taken.span("a long name").attributes, expected);
    assert_eq!(recorder.stats().truncated_values, 1);
}
