//! What the store is asked, and how long it takes to answer.

use std::hint::black_box;
use std::time::Instant;

use flowglass::store::{RunFilter, SpanFilter, SqliteStore, StoreError};
use flowglass_model::{AttributeValue, Status, TraceId, conventions};

use super::Filled;
use super::data::Samples;
use crate::figures::Figures;

const ROUNDS: usize = 101;
const SLOW_ROUNDS: usize = 7;
/// So often each of two stores is asked.
const TURNS: usize = 301;

/// A question whose answer has a limit, and the figure that the slowest of those with one name make.
type Limited<'a> = (&'static str, Box<dyn Fn() -> Result<(), StoreError> + 'a>);

/// Returns the questions that must not take longer because more is stored.
fn limited<'a>(store: &'a SqliteStore, samples: &'a Samples) -> Vec<Limited<'a>> {
    fn no_answer<T>(answer: Result<T, StoreError>) -> Result<(), StoreError> {
        answer.map(|answer| drop(black_box(answer)))
    }
    let present = || with(pick(&samples.attributes).clone());
    let errors = SpanFilter { status: Some(Status::Error), ..SpanFilter::default() };
    let long = SpanFilter { min_duration_ns: 19_900_000, ..SpanFilter::default() };
    vec![
        ("by_id", Box::new(|| no_answer(by_id(store, pick(&samples.traces))))),
        ("latest", Box::new(|| no_answer(store.runs(&RunFilter::default())))),
        ("latest", Box::new(|| no_answer(store.spans(&SpanFilter::default())))),
        ("attribute", Box::new(move || no_answer(store.spans(&present())))),
        ("absent_attribute", Box::new(|| no_answer(store.spans(&with(absent()))))),
        ("count", Box::new(move || no_answer(store.count_spans(&present())))),
        ("errors", Box::new(move || no_answer(store.spans(&errors)))),
        ("errors", Box::new(move || no_answer(store.spans(&long)))),
    ]
}

/// Asks everything, and adds the median times in milliseconds.
pub(super) fn ask(Filled { store, samples, large }: &Filled, figures: &mut Figures) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let mut slowest: Vec<(&str, f64)> = Vec::new();
    for (name, ask) in limited(store, samples) {
        let took = median(ROUNDS, ask).map_err(told)?;
        match slowest.last_mut().filter(|(last, _)| *last == name) {
            Some((_, slowest)) => *slowest = slowest.max(took),
            None => slowest.push((name, took)),
        }
    }
    slowest.into_iter().for_each(|(name, took)| figures.add(&format!("{name}_ms"), took));
    let rare = of_many_values(samples);
    figures.add("count_rare_ms", median(SLOW_ROUNDS, || store.count_spans(&with(pick(&rare).clone()))).map_err(told)?);
    figures.add("p95_by_name_ms", median(ROUNDS, || store.statistics(None, None)).map_err(told)?);
    figures.add("p95_by_name_exact_ms", median(SLOW_ROUNDS, || store.exact_quantiles(0.95)).map_err(told)?);
    figures.add("big_run_ms", median(SLOW_ROUNDS, || by_id(store, large)).map_err(told)?);
    Ok(())
}

/// Asks both stores in turns, and adds how many times as long the first one takes: the machine's moods are then those of both.
pub(super) fn compare(one: &Filled, other: &Filled, figures: &mut Figures) -> Result<(), String> {
    let mut slowest: Vec<(&str, [f64; 2])> = Vec::new();
    for ((name, ask_one), (_, ask_other)) in
        limited(&one.store, &one.samples).into_iter().zip(limited(&other.store, &other.samples))
    {
        let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            of_one.push(milliseconds(&ask_one).map_err(|error| error.to_string())?);
            of_other.push(milliseconds(&ask_other).map_err(|error| error.to_string())?);
        }
        let took = [middle(of_one), middle(of_other)];
        match slowest.last_mut().filter(|(last, _)| *last == name) {
            Some((_, slowest)) if slowest[0] >= took[0] => {}
            Some((_, slowest)) => *slowest = took,
            None => slowest.push((name, took)),
        }
    }
    slowest.into_iter().for_each(|(name, [one, other])| figures.add(&format!("{name}_ratio"), one / other));
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
    (0..rounds).map(|_| milliseconds(&mut ask)).collect::<Result<_, _>>().map(middle)
}

fn milliseconds<T>(mut ask: impl FnMut() -> Result<T, StoreError>) -> Result<f64, StoreError> {
    let start = Instant::now();
    black_box(ask()?);
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
