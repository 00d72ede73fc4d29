//! What a PostgreSQL server that hangs does to runs under load: the chain, recorded into a store whose server never answers for a minute,
//! beside one whose server does, and beside a sink that drops everything at once. What was recorded meanwhile must be there, each span
//! once, when the server answers again.

use std::time::{Duration, Instant};

use flowglass::store::query::Query;
use flowglass::store::{SinkOptions, Store, create_or_open};
use flowglass::{Recorder, telemetry};

use super::graphs::{Graph, Shape, Telemetry};
use super::runtime;
use super::sinks::Nowhere;
use super::turns::{self, Series, TURNS};
use crate::arguments::Arguments;
use crate::figures::Figures;
use crate::process_memory::peak_mb;
use crate::relay::Relay;

/// How long it may take until everything has arrived.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Measures all in turns, which `--seconds` (60 if that isn't given) take together, with the server of
/// `--store postgres://user@host:port/database`, of which one store knows the way by a relay.
pub(crate) fn run(mut arguments: Arguments<'_>) -> Result<Figures, String> {
    let address = arguments.text("--store")?.ok_or("name a server: `--store postgres://user@host:port/database`")?.to_owned();
    let seconds = arguments.number("--seconds", 60)?;
    arguments.finish()?;
    let (runtime, relay) = (runtime()?, Relay::to(&address)?);
    let (store, store_away) = (opened(&address)?, opened(&relay.address)?);
    let before = spans(&*store)?;
    let nowhere = Recorder::builder().sink("sink", Nowhere).build();
    let (there, away) = (recorder(&*store)?, recorder(&*store_away)?);
    let chain = |recorder: &Recorder| Graph::new(Shape::Chain, Telemetry::On(recorder.clone()), &runtime).map(Box::new);
    let mut series = [("discarding", &nowhere), ("there", &there), ("away", &away)]
        .into_iter()
        .map(|(name, recorder)| Ok(Series::new(name.to_owned(), chain(recorder)?)))
        .collect::<Result<Vec<_>, String>>()?;
    relay.close(true);
    take_for(Duration::from_secs(seconds), &mut series)?;
    let flushed = |recorder: &Recorder| recorder.flush(PATIENCE).map_err(|error| told(&error));
    flushed(&there).and_then(|()| flushed(&away))?;
    let mut figures = Figures::default();
    figures.add("outage_ratio", series[2].p10_ns() / series[1].p10_ns());
    figures.add("outage_to_discarding_ratio", series[2].p10_ns() / series[0].p10_ns());
    figures.add("outage_peak_mb", peak_mb()?);
    let kept = delivered(&away);
    figures.add("outage_kept_spans", number(kept));
    figures.add("outage_dropped_spans", number(dropped(&away) + dropped(&there)));
    relay.close(false);
    let start = Instant::now();
    let wanted = before + delivered(&there) + kept;
    drop(series);
    away.shutdown(PATIENCE).map_err(|error| told(&error))?;
    while spans(&*store)? < wanted {
        if start.elapsed() > PATIENCE {
            return Err(format!("{wanted} spans should be there, and {} are", spans(&*store)?));
        }
        // Each sink goes on bringing what waits, for a while.
        drop(store_away.sink(SinkOptions::default()).map_err(|error| told(&error))?);
    }
    figures.add("outage_arrived_s", start.elapsed().as_secs_f64());
    match spans(&*store)? {
        found if found == wanted => Ok(figures),
        found => Err(format!("{wanted} spans were acknowledged, and {found} are there")),
    }
}

fn opened(address: &str) -> Result<std::sync::Arc<dyn Store>, String> {
    create_or_open(address).map_err(|error| told(&error))
}

fn recorder(store: &dyn Store) -> Result<Recorder, String> {
    Ok(telemetry::to_store(store, SinkOptions::default()).map_err(|error| told(&error))?.build())
}

/// Lets all take their turns at a pace that fills this time: a server keeps up with that, and whatever is away is away as long.
fn take_for(time: Duration, series: &mut [Series<'_>]) -> Result<(), String> {
    let turns = u32::try_from(TURNS * series.len()).unwrap_or(u32::MAX);
    let (start, mut taken) = (Instant::now(), 0);
    turns::take(series, || {
        taken += 1;
        let due = start + time / turns * taken;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        Ok(())
    })
}

fn delivered(recorder: &Recorder) -> u64 {
    recorder.stats().sinks.iter().map(|sink| sink.delivered.spans).sum()
}

fn dropped(recorder: &Recorder) -> u64 {
    recorder.stats().sinks.iter().map(|sink| sink.dropped_queue_full.spans).sum()
}

fn spans(store: &dyn Store) -> Result<u64, String> {
    store.count(&Query::spans()).map_err(|error| error.to_string())
}

fn told(error: &dyn std::fmt::Display) -> String {
    error.to_string()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
const fn number(count: u64) -> f64 {
    count as f64
}
