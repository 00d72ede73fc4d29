//! Flowglass: what libraries say by `tracing`, through its layer into a span of ours.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Batch, Sink, SinkError, SpanRef};
use flowglass_record::Recorder;
use tracing_subscriber::layer::SubscriberExt as _;

use super::check::Check;
use super::payload::{ATTEMPT, CACHED, CHILDREN, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling::{self, Cost};

const PATIENCE: Duration = Duration::from_secs(60);

/// Looks into children, which say more than others: their level and their target.
struct Children(Check);

impl Sink for Children {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if self.0.count(batch.spans.len()) {
            for child in batch.spans().filter(|span| span.name() == "child") {
                let has_event =
                    || batch.events().any(|event| event.owner().1 == child.row().span_id && event.name() == "loaded");
                self.0.child(is_right(&child) && has_event());
            }
        }
        Ok(())
    }
}

/// Looks for events in roots.
struct Roots(Check);

impl Sink for Roots {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if self.0.count(batch.spans.len()) {
            for root in batch.spans() {
                let events = batch.events().filter(|event| event.owner().1 == root.row().span_id);
                self.0.child(events.filter(|event| event.attributes().count() == 8).count() == CHILDREN);
            }
        }
        Ok(())
    }
}

/// Measures spans of `tracing`, each with an event, inside of a span of ours.
pub(super) fn run() -> Result<Figures, String> {
    let check = Check::default();
    let cost = measure(SPANS, Children(check.clone()), child)?;
    check.result(sampling::batches() * SPANS)?;
    let mut figures = Figures::default();
    figures.add("tracing_layer_ns", cost.wall_ns);
    figures.add("tracing_layer_allocs", cost.allocations);
    Ok(figures)
}

/// Measures events of `tracing` with the attributes of a child inside of a span of ours, over which that is spread.
pub(super) fn events() -> Result<Figures, String> {
    let check = Check::default();
    let cost = measure(TRACES * CHILDREN, Roots(check.clone()), event)?;
    check.result(sampling::batches() * TRACES)?;
    let mut figures = Figures::default();
    figures.add("tracing_layer_event_ns", cost.wall_ns);
    figures.add("tracing_layer_event_allocs", cost.allocations);
    Ok(figures)
}

fn measure(pieces: usize, sink: impl Sink, say: fn(&str)) -> Result<Cost, String> {
    let recorder = Recorder::builder().sink("check", sink).build();
    let subscriber = tracing_subscriber::registry().with(flowglass::tracing_layer());
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())?;
    let keys = keys();
    let batch = || {
        for _ in 0..TRACES {
            let _root = recorder.root_span("root");
            keys.iter().for_each(|key| say(key));
        }
    };
    let mut failure = None;
    let cost = sampling::measure(pieces, batch, || failure = recorder.flush(PATIENCE).err().or(failure.take()));
    failure.map_or(Ok(cost), |error| Err(error.to_string()))
}

#[inline(always)]
fn child(key: &str) {
    let _child =
        tracing::info_span!("child", model = MODEL, key = key, rows = ROWS, attempt = ATTEMPT, cached = CACHED, score = SCORE)
            .entered();
    tracing::info!("loaded");
}

fn event(key: &str) {
    tracing::info!(model = MODEL, key = key, rows = ROWS, attempt = ATTEMPT, cached = CACHED, score = SCORE, "loaded");
}

fn is_right(child: &SpanRef<'_>) -> bool {
    let span = child.to_span();
    let has_key = span.text("key").is_some_and(|key| key.len() == 16);
    has_key && span.attributes.len() == 8 && span.text("level") == Some("INFO")
}
