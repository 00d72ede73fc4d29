//! What a long map costs: a million trivial items, with the telemetry that every run has.

use std::future::IntoFuture;
use std::time::Instant;

use flowglass::{MapRun, Pipeline, inputs, node};

use super::{number, runtime};
use crate::figures::Figures;
use crate::process_memory::{current_mb, peak_mb};

const ITEMS: u64 = 1_000_000;
const ROUNDS: usize = 5;

#[node(output = "next")]
fn add_one(number: u64) -> u64 {
    number + 1
}

/// Measures the first map's memory, and the fastest of some.
pub(super) fn run() -> Result<Figures, String> {
    let runtime = runtime()?;
    let pipeline = Pipeline::builder("numbers").node(add_one {}).build().map_err(|error| error.to_string())?;
    let numbers: Vec<u64> = (0..ITEMS).collect();
    let before_mb = current_mb()?;
    let mut figures = Figures::default();
    let mut fastest = f64::INFINITY;
    for round in 0..ROUNDS {
        let map = pipeline.map(inputs! { number: numbers.clone() }, ["number"]);
        let started = Instant::now();
        let run = runtime.block_on(map.into_future()).map_err(|error| error.to_string())?;
        fastest = fastest.min(started.elapsed().as_secs_f64());
        if round == 0 {
            // What the results take stays; the rest of the peak is what running the map took besides.
            figures.add("map_results_mb", current_mb()? - before_mb);
            figures.add("map_peak_mb", peak_mb()? - (current_mb()? - before_mb));
        }
        check(&run)?;
    }
    figures.add("map_items_per_s", number(ITEMS as usize) / fastest);
    Ok(figures)
}

fn check(run: &MapRun) -> Result<(), String> {
    let column = run.column::<u64>("next").map_err(|error| error.to_string())?;
    if column.iter().copied().eq(1..=ITEMS) { Ok(()) } else { Err("the map's results are wrong".to_owned()) }
}
