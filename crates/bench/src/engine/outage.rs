//! What a PostgreSQL server that hangs does to runs: the chain, recorded into a store whose server never answers, beside a sink that
//! drops everything at once. What was recorded meanwhile must be there when the server answers again.

use std::time::{Duration, Instant};

use flowglass::store::query::Query;
use flowglass::store::{SinkOptions, Store, create_or_open};
use flowglass::{Recorder, telemetry};

use super::graphs::{Graph, Shape, Telemetry};
use super::runtime;
use super::sinks::Nowhere;
use super::turns::{self, Series};
use crate::arguments::Arguments;
use crate::figures::Figures;
use crate::process_memory::peak_mb;
use crate::relay::Relay;

/// How long it may take until everything has arrived.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Measures both in turns, with the server of `--store postgres://user@host:port/database` behind a relay.
pub(crate) fn run(mut arguments: Arguments<'_>) -> Result<Figures, String> {
    let address = arguments.text("--store")?.ok_or("name a server: `--store postgres://user@host:port/database`")?;
    arguments.finish()?;
    let (runtime, relay) = (runtime()?, Relay::to(address)?);
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let store = create_or_open(&relay.address).map_err(|error| told(&error))?;
    let before = spans(&*store)?;
    let nowhere = Recorder::builder().sink("sink", Nowhere).build();
    let away = telemetry::to_store(&*store, SinkOptions::default()).map_err(|error| told(&error))?.build();
    let chain = |recorder: &Recorder| Graph::new(Shape::Chain, Telemetry::On(recorder.clone()), &runtime).map(Box::new);
    let mut series = [Series::new("discarding".to_owned(), chain(&nowhere)?), Series::new("away".to_owned(), chain(&away)?)];
    relay.close(true);
    turns::take(&mut series, || Ok(()))?;
    away.flush(PATIENCE).map_err(|error| told(&error))?;
    let mut figures = Figures::default();
    figures.add("outage_ratio", series[1].p10_ns() / series[0].p10_ns());
    figures.add("outage_peak_mb", peak_mb()?);
    let stats = away.stats();
    let kept = stats.sinks.iter().map(|sink| sink.delivered.spans).sum::<u64>();
    figures.add("outage_kept_spans", number(kept));
    figures.add("outage_dropped_spans", number(stats.sinks.iter().map(|sink| sink.dropped_queue_full.spans).sum()));
    relay.close(false);
    let start = Instant::now();
    drop(series);
    away.shutdown(PATIENCE).map_err(|error| told(&error))?;
    while spans(&*store)? < before + kept {
        if start.elapsed() > PATIENCE {
            return Err(format!("{kept} spans were kept, and {} have arrived", spans(&*store)? - before));
        }
        // Each sink goes on bringing what waits, for a while.
        drop(store.sink(SinkOptions::default()).map_err(|error| told(&error))?);
    }
    figures.add("outage_arrived_s", start.elapsed().as_secs_f64());
    Ok(figures)
}

fn spans(store: &dyn Store) -> Result<u64, String> {
    store.count(&Query::spans()).map_err(|error| error.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
const fn number(count: u64) -> f64 {
    count as f64
}
