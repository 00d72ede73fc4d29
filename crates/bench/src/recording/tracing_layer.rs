//! Flowglass: what libraries say by `tracing`, through its layer into a span of ours, and what `tracing` itself takes for it.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Batch, Sink, SinkError, SpanRef};
use flowglass_record::{Recorder, Sampling};
use tracing_subscriber::layer::SubscriberExt as _;

use super::check::Check;
use super::payload::{ATTEMPT, CACHED, CHILDREN, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling::{self, Cost};

const PATIENCE: Duration = Duration::from_secs(60);
/// A rate at which next to nothing is chosen.
const RARELY: f64 = 1e-12;

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
    let recorder = Recorder::builder().sink("check", Children(check.clone())).build();
    let cost = measure(SPANS, &recorder, child)?;
    check.result(sampling::batches() * SPANS)?;
    Ok(figures("tracing_layer", cost))
}

/// Measures the same in a trace that is recorded from an error on, if there ever is one.
pub(super) fn unsampled() -> Result<Figures, String> {
    let recorder = Recorder::builder().sink("check", Check::default()).sampling(Sampling::rate(RARELY)).build();
    let cost = measure(SPANS, &recorder, child)?;
    match recorder.stats().recorded.total() {
        0 => Ok(figures("tracing_layer_unsampled", cost)),
        recorded => Err(format!("{recorded} were recorded")),
    }
}

/// Measures what `tracing` takes of that where nobody records.
pub(super) fn alone() -> Result<Figures, String> {
    tracing::subscriber::set_global_default(tracing_subscriber::registry()).map_err(|error| error.to_string())?;
    Ok(figures("tracing_alone", spread(SPANS, &Recorder::in_memory(), child)?))
}

/// Measures events of `tracing` with the attributes of a child inside of a span of ours, over which that is spread.
pub(super) fn events() -> Result<Figures, String> {
    let check = Check::default();
    let recorder = Recorder::builder().sink("check", Roots(check.clone())).build();
    let cost = measure(TRACES * CHILDREN, &recorder, event)?;
    check.result(sampling::batches() * TRACES)?;
    Ok(figures("tracing_layer_event", cost))
}

fn figures(name: &str, cost: Cost) -> Figures {
    let mut figures = Figures::default();
    figures.add(&format!("{name}_ns"), cost.wall_ns);
    figures.add(&format!("{name}_allocs"), cost.allocations);
    figures
}

fn measure(pieces: usize, recorder: &Recorder, say: fn(&str)) -> Result<Cost, String> {
    let subscriber = tracing_subscriber::registry().with(flowglass::tracing_layer());
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())?;
    spread(pieces, recorder, say)
}

/// Measures what is said inside of roots, over so many pieces.
fn spread(pieces: usize, recorder: &Recorder, say: fn(&str)) -> Result<Cost, String> {
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
