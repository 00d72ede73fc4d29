//! What the store is asked, and how long it takes to answer.

use std::hint::black_box;
use std::time::Instant;

use flowglass::store::{RunFilter, SpanFilter, SqliteStore, StoreError};
use flowglass_model::{AttributeValue, Status, TraceId, conventions};

use super::data::Samples;
use crate::figures::Figures;

const ROUNDS: usize = 101;
const SLOW_ROUNDS: usize = 7;

/// Asks everything, and adds the median times in milliseconds.
pub(super) fn ask(store: &SqliteStore, samples: &Samples, large: TraceId, figures: &mut Figures) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    figures.add("by_id_ms", median(ROUNDS, || by_id(store, pick(&samples.traces))).map_err(told)?);
    let runs = median(ROUNDS, || store.runs(&RunFilter::default())).map_err(told)?;
    let spans = median(ROUNDS, || store.spans(&SpanFilter::default())).map_err(told)?;
    figures.add("latest_ms", runs.max(spans));
    let present = || with(pick(&samples.attributes).clone());
    figures.add("attribute_ms", median(ROUNDS, || store.spans(&present())).map_err(told)?);
    figures.add("absent_attribute_ms", median(ROUNDS, || store.spans(&with(absent()))).map_err(told)?);
    figures.add("count_ms", median(ROUNDS, || store.count_spans(&present())).map_err(told)?);
    let rare = of_many_values(samples);
    figures.add("count_rare_ms", median(SLOW_ROUNDS, || store.count_spans(&with(pick(&rare).clone()))).map_err(told)?);
    let errors = SpanFilter { status: Some(Status::Error), ..SpanFilter::default() };
    let errors = median(ROUNDS, || store.spans(&errors)).map_err(told)?;
    let long = SpanFilter { min_duration_ns: 19_900_000, ..SpanFilter::default() };
    figures.add("errors_ms", errors.max(median(ROUNDS, || store.spans(&long)).map_err(told)?));
    figures.add("p95_by_name_ms", median(ROUNDS, || store.statistics(None, None)).map_err(told)?);
    figures.add("p95_by_name_exact_ms", median(SLOW_ROUNDS, || store.exact_quantiles(0.95)).map_err(told)?);
    figures.add("big_run_ms", median(SLOW_ROUNDS, || by_id(store, &large)).map_err(told)?);
    Ok(())
}

/// Says what is wrong with the answers, before anybody is told how fast they are.
pub(super) fn check(store: &SqliteStore, samples: &Samples, stored: u64) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let expect = |right: bool, what: &str| if right { Ok(()) } else { Err(format!("a wrong answer: {what}")) };
    expect(by_id(store, pick(&samples.traces)).map_err(told)? == 11, "a run has not all of its spans")?;
    let (node, count) = samples.nodes.iter().next().ok_or("nothing was stored")?;
    let counted = store.count_spans(&with((conventions::NODE_ID.into(), node.as_str().into()))).map_err(told)?;
    expect(counted == *count, "a count by attribute")?;
    expect(!store.spans(&with(pick(&samples.attributes).clone())).map_err(told)?.is_empty(), "an attribute is not found")?;
    expect(store.spans(&with(absent())).map_err(told)?.is_empty(), "what isn't there is found")?;
    let summed: u64 = store.statistics(None, None).map_err(told)?.iter().map(|name| name.count).sum();
    expect(summed == stored, "roll-ups")
}

fn by_id(store: &SqliteStore, trace: &TraceId) -> Result<usize, StoreError> {
    let run = store.find_run(&trace.to_string())?;
    store.trace(&run).map(|spans| spans.len())
}

fn with(attribute: (String, AttributeValue)) -> SpanFilter {
    SpanFilter { attributes: vec![attribute], ..SpanFilter::default() }
}

/// Returns those of the attributes whose key has thousands of values or more.
pub(super) fn of_many_values(samples: &Samples) -> Vec<(String, AttributeValue)> {
    const KEYS: [&str; 3] = [conventions::CACHE_DURATION_MS, "input.size_bytes", "output.size_bytes"];
    samples.attributes.iter().filter(|(key, _)| KEYS.contains(&key.as_str())).cloned().collect()
}

/// Returns a value that occurs nowhere, of a key that occurs or of one that doesn't.
pub(super) fn absent() -> (String, AttributeValue) {
    match fastrand::u8(0..4) {
        0 => (conventions::CACHE_SIGNATURE.into(), AttributeValue::Bytes((0..16).map(|_| fastrand::u8(..)).collect())),
        1 => (conventions::NODE_ID.into(), format!("nowhere_{}", fastrand::u32(..)).into()),
        2 => ("input.size_bytes".into(), AttributeValue::Int(fastrand::i64(1 << 40..1 << 50))),
        _ => (format!("no.key.{}", fastrand::u32(..)), "x".into()),
    }
}

/// Returns one of these.
pub(super) fn pick<T>(things: &[T]) -> &T {
    &things[fastrand::usize(0..things.len())]
}

/// Returns the median time of an answer in milliseconds.
pub(super) fn median<T>(rounds: usize, mut ask: impl FnMut() -> Result<T, StoreError>) -> Result<f64, StoreError> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(ask()?);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[rounds / 2])
}
