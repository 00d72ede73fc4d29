//! Flowglass: spans as the engine makes them, whose keys are interned in a template and whose ends are read off the clock once.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Attributes, Batch, Sink, SinkError, SpanId, SpanKind, SpanType, TraceId, flags};
use flowglass_record::{Frame, NO_INDEX, Recorder, Scope, ScopeSpec, SpanMeter, SpanTemplate, Tick, Value, Verdict};

use super::check::Check;
use super::instructions::count_instructions;
use super::payload::{ATTEMPT, CACHED, CHILDREN, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling::{self, Cost};

const PATIENCE: Duration = Duration::from_secs(60);

/// Looks into nodes.
struct Nodes(Check);

impl Sink for Nodes {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if self.0.count(batch.spans.len()) {
            for node in batch.spans().filter(|span| span.name() == "node child") {
                let has_key =
                    node.attribute("key").is_some_and(|key| key.to_value().as_str().is_some_and(|key| key.len() == 16));
                self.0.child(has_key && node.attributes().count() == 6 && !node.row().parent_id.is_none());
            }
        }
        Ok(())
    }
}

/// Passes that a long run makes over its children: nearly as many spans as a batch of short runs has.
const PASSES: usize = TRACES;

/// Measures recorded spans of short runs: what a run costs besides is spread over its few nodes.
pub(super) fn recorded() -> Result<Figures, String> {
    let cost = measure(SPANS, |recorder, templates, keys| (0..TRACES).for_each(|_| run(recorder, templates, keys, 1)))?;
    let mut figures = Figures::default();
    figures.add("node_span_ns", cost.wall_ns);
    figures.add("node_span_allocs", cost.allocations);
    Ok(figures)
}

/// Measures recorded spans of a long run, which is hardly more than what a node costs.
pub(super) fn of_long_run() -> Result<Figures, String> {
    let cost = measure(PASSES * CHILDREN + 1, |recorder, templates, keys| run(recorder, templates, keys, PASSES))?;
    let mut figures = Figures::default();
    figures.add("node_span_long_run_ns", cost.wall_ns);
    Ok(figures)
}

/// Records nodes of a long run while their instructions are counted.
pub(super) fn counted() -> Result<Figures, String> {
    let recorder = Recorder::builder().sink("check", Nodes(Check::default())).build();
    let (templates, keys) = (templates(), keys());
    run(&recorder, &templates, &keys, PASSES);
    recorder.flush(PATIENCE).map_err(|error| error.to_string())?;
    let spans = (PASSES * CHILDREN + 1) as u32;
    Ok(count_instructions(spans, &mut || run(&recorder, &templates, &keys, PASSES)))
}

fn measure(spans: usize, batch: impl Fn(&Recorder, &Arc<[SpanTemplate]>, &[String])) -> Result<Cost, String> {
    let check = Check::default();
    let recorder = Recorder::builder().sink("check", Nodes(check.clone())).build();
    let (templates, keys) = (templates(), keys());
    let mut failure = None;
    let batch = || batch(&recorder, &templates, &keys);
    let cost = sampling::measure(spans, batch, || failure = recorder.flush(PATIENCE).err().or(failure.take()));
    failure.map_or(Ok(()), |error| Err(error.to_string()))?;
    check.result(sampling::batches() * spans)?;
    Ok(cost)
}

fn run(recorder: &Recorder, templates: &Arc<[SpanTemplate]>, keys: &[String], passes: usize) {
    let spec = ScopeSpec {
        trace_id: TraceId::random(),
        verdict: Verdict::Record,
        templates: Arc::clone(templates),
        attributes: Attributes::new(),
    };
    let scope = recorder.scope(spec);
    let mut now = Tick::now();
    let root = enter(&scope, 0, SpanId::NONE, now);
    for _ in 0..passes {
        for key in keys {
            let node = enter(&scope, 1, root.span, now);
            now = Tick::now();
            let values = [
                Value::Str(MODEL),
                Value::Str(key),
                Value::Int(ROWS),
                Value::Int(ATTEMPT),
                Value::Bool(CACHED),
                Value::Float(SCORE),
            ];
            scope.leave(&node, now, &values);
        }
    }
    scope.leave(&root, now, &[]);
}

/// Opens a span as the engine does, which knows the parent.
fn enter(scope: &Scope, template: u32, parent: SpanId, start: Tick) -> Frame {
    let frame = Frame { span: scope.next_span(), parent, template, index: NO_INDEX, start, flags: flags::SAMPLED };
    scope.enter(&frame);
    frame
}

fn templates() -> Arc<[SpanTemplate]> {
    [
        template("pipeline root", SpanType::Pipeline, &[]),
        template("node child", SpanType::Node, &["model", "key", "rows", "attempt", "cached", "score"]),
    ]
    .into()
}

fn template(name: &str, span_type: SpanType, keys: &[&'static str]) -> SpanTemplate {
    SpanTemplate {
        name: name.to_owned(),
        indexed: false,
        kind: SpanKind::Internal,
        span_type,
        attributes: Attributes::new(),
        keys: keys.to_vec(),
        meter: SpanMeter::default(),
    }
}
