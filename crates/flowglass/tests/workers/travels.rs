//! What travels with a trace - its state, its baggage, the correlation id - reaches what a worker runs, and goes on from there.

use flowglass::model::{Propagation, Span};
use flowglass::prelude::*;
use flowglass::{Context, RunBuilder};

use crate::pipelines::carriers;
use crate::workers;

const HEADERS: [(&str, &str); 4] = [
    ("traceparent", "00-12345678901234567890123456789012-1234567890123456-01"),
    ("tracestate", "vendor=a"),
    ("baggage", "tenant=M%C3%BCller"),
    ("x-correlation-id", "order-7"),
];

/// Runs in the context of a caller elsewhere.
fn called(change: impl FnOnce(RunBuilder) -> RunBuilder) -> Run {
    let _inside = Context::from(Propagation::from_headers(HEADERS)).enter();
    change(carriers().unwrap().run(inputs! { number: 1_u64 })).backend(workers(1)).wait().unwrap()
}

fn outgoing(run: &Run, output: &str) -> Propagation {
    let headers: Vec<(String, String)> = run.get(output).unwrap();
    Propagation::from_headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

#[test]
fn a_workers_nodes_see_it_and_pass_it_on() {
    let run = called(|run| run);
    let spans = run.trace();
    let span = |name: &str| -> &Span { spans.iter().find(|span| span.name == name).unwrap() };
    for (output, node) in [("at_once", "node carried"), ("later", "node carried_later"), ("blocking", "node carried_blocking")]
    {
        let carried = outgoing(&run, output);
        assert_eq!(carried.baggage.get("tenant"), Some("Müller"), "{output}");
        assert_eq!(carried.baggage.correlation_id(), Some("order-7"), "{output}");
        assert_eq!(carried.state.to_string(), "vendor=a", "{output}");
        let parent = carried.parent.unwrap();
        assert_eq!((parent.trace_id, parent.parent_id, parent.sampled), (run.id().trace, span(node).span_id, true), "{output}");
    }
    assert_eq!(span("in carried").trace_state, "vendor=a", "what a worker records has the trace's state");
}

#[test]
fn it_does_without_telemetry_too() {
    let run = called(RunBuilder::no_telemetry);
    for output in ["at_once", "later", "blocking"] {
        let carried = outgoing(&run, output);
        assert_eq!((carried.baggage.get("tenant"), carried.baggage.correlation_id()), (Some("Müller"), Some("order-7")));
    }
}

#[test]
fn attributes_of_all_spans_are_on_a_workers_too() {
    let run = called(|run| run.attribute("team", "red"));
    assert!(run.trace().iter().all(|span| span.text("team") == Some("red")), "{:#?}", run.trace());
}
