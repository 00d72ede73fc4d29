//! The same of any store by its address: what writing costs this process, and the server where it is on this machine, how much room it
//! takes, and how fast it answers.

use std::hint::black_box;
use std::time::{Duration, Instant};

use flowglass::store::query::Query;
use flowglass::store::{PostgresOptions, RollupFilter, SinkOptions, Store, StoreError, create_or_open_with};
use flowglass_model::{AttributeValue, Sink, Status, TraceId};

use super::data::Data;
use super::questions::{absent, median, of_many_values, pick};
use super::server_time::ServerTime;
use super::{BATCHES_AT_ONCE, LARGE_RUN_SPANS};
use crate::figures::Figures;
use crate::{process_memory, thread_time};

const ROUNDS: usize = 51;
const SLOW_ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(600);

/// Stores spans and asks for them. What is there already makes it slower, and no answer wrong.
pub(super) fn measure(address: &str, wanted: u64) -> Result<Figures, Box<dyn std::error::Error>> {
    // What writing costs the server is what is measured, and not how soon a batch goes into a folder instead.
    let patient = PostgresOptions { hold: PATIENCE, ..PostgresOptions::default() };
    let store = create_or_open_with(address, patient)?;
    let (mut data, mut figures) = (Data::new(), Figures::default());
    let (mut spans, mut making_ns, mut making_s) = (0.0, 0.0, 0.0);
    let (began_ns, began) = (thread_time::process_cpu_ns(), Instant::now());
    let server = ServerTime::of(&*store).map(|server| (server.cpu_s(), server));
    let mut sink = store.sink(SinkOptions::default())?;
    while spans < wanted as f64 {
        let (making, start) = (thread_time::cpu_ns(), Instant::now());
        let batches: Vec<_> = (0..BATCHES_AT_ONCE).map(|_| data.batch()).collect();
        (making_ns, making_s) = (making_ns + thread_time::cpu_ns() - making, making_s + start.elapsed().as_secs_f64());
        sink.write_all(&mut batches.as_slice())?;
        spans += batches.iter().map(|batch| batch.spans.len()).sum::<usize>() as f64;
    }
    let rest = data.rest();
    sink.write_all(&mut rest.as_slice())?;
    spans += rest.iter().map(|batch| batch.spans.len()).sum::<usize>() as f64;
    sink.flush()?;
    figures.add("ingest_cpu_s_per_million", (thread_time::process_cpu_ns() - began_ns - making_ns) / 1e3 / spans);
    figures.add("ingest_s_per_million", (began.elapsed().as_secs_f64() - making_s) * 1e6 / spans);
    if let Some((before_s, server)) = server {
        figures.add("server_cpu_s_per_million", (server.cpu_s() - before_s) * 1e6 / spans);
    }
    if let Ok(info) = store.info() {
        figures.add("bytes_per_span", info.size_bytes as f64 / info.spans.max(1) as f64);
    }
    figures.add("peak_mb", process_memory::peak_mb()?);
    let (large, batches) = data.large_run(LARGE_RUN_SPANS);
    sink.write_all(&mut batches.as_slice())?;
    drop(sink);
    if by_id(&*store, pick(&data.samples.traces))? != 11 {
        return Err("a wrong answer: a run has not all of its spans".into());
    }
    ask(&*store, &data, large, &mut figures)?;
    Ok(figures)
}

fn ask(store: &dyn Store, data: &Data, large: TraceId, figures: &mut Figures) -> Result<(), StoreError> {
    let samples = &data.samples;
    let first = |query: Query| store.query(&query.limit(20));
    figures.add("by_id_ms", median(ROUNDS, || by_id(store, pick(&samples.traces)))?);
    let runs = median(ROUNDS, || first(Query::runs()))?;
    figures.add("latest_ms", runs.max(median(ROUNDS, || first(Query::spans()))?));
    let present = || with(pick(&samples.attributes));
    figures.add("attribute_ms", median(ROUNDS, || first(present()))?);
    figures.add("absent_attribute_ms", median(ROUNDS, || first(with(&absent())))?);
    figures.add("count_ms", median(ROUNDS, || store.count(&present()))?);
    let rare = of_many_values(samples);
    figures.add("count_rare_ms", median(SLOW_ROUNDS, || store.count(&with(pick(&rare))))?);
    let errors = median(ROUNDS, || first(Query::spans().status(Status::Error)))?;
    let long = Query::spans().longer_than(Duration::from_micros(19_900));
    figures.add("errors_ms", errors.max(median(ROUNDS, || first(long.clone()))?));
    figures.add("p95_by_name_ms", median(ROUNDS, || store.rollups(&RollupFilter::default()))?);
    figures.add("big_run_ms", median(SLOW_ROUNDS, || by_id(store, &large))?);
    Ok(())
}

fn by_id(store: &dyn Store, trace: &TraceId) -> Result<usize, StoreError> {
    let run = store.find_run(&trace.to_string())?;
    black_box(store.trace(run.id)).map(|spans| spans.len())
}

fn with((key, value): &(String, AttributeValue)) -> Query {
    let spans = Query::spans();
    match value {
        AttributeValue::Int(number) => spans.equals(key.as_str(), *number as f64),
        AttributeValue::Float(number) => spans.equals(key.as_str(), *number),
        // Bytes are asked for by their digits.
        other => spans.is(key.as_str(), other.to_json().as_str().unwrap_or_default()),
    }
}
