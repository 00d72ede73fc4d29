//! tracing-opentelemetry: `tracing` spans through its layer into the OpenTelemetry SDK.

use opentelemetry::trace::TracerProvider as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::check::Check;
use super::opentelemetry::provider;
use super::payload::{ATTEMPT, CACHED, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling;

/// Measures recorded spans.
pub(super) fn run() -> Result<Figures, String> {
    let check = Check::default();
    let provider = provider(&check);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).map_err(|error| error.to_string())?;
    let keys = keys();
    let batch = || {
        for _ in 0..TRACES {
            let _root = tracing::info_span!("root").entered();
            keys.iter().for_each(|key| child(key));
        }
    };
    let mut failure = None;
    let cost = sampling::measure(SPANS, batch, || failure = provider.force_flush().err().or(failure.take()));
    failure.map_or(Ok(()), |error| Err(error.to_string()))?;
    check.result(sampling::batches() * SPANS)?;
    let mut figures = Figures::default();
    figures.add("tracing_opentelemetry_ns", cost.wall_ns);
    Ok(figures)
}

#[inline(always)]
fn child(key: &str) {
    let _child =
        tracing::info_span!("child", model = MODEL, key = key, rows = ROWS, attempt = ATTEMPT, cached = CACHED, score = SCORE)
            .entered();
    tracing::info!("loaded");
}
