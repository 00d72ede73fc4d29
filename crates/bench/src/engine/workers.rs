//! What it costs to hand work to two workers, which are this program once more: jobs of one trivial call each, and a map's
//! items in jobs of the size that the engine chooses.

use std::future::IntoFuture;
use std::time::Instant;

use flowglass::{Chunk, Pipeline, RemoteBackend, inputs, node};
use tokio::runtime::Runtime;

use super::{number, runtime};
use crate::figures::Figures;

const WORKERS: usize = 2;
const JOBS: u64 = 2_000;
const ITEMS: u64 = 50_000;
const ROUNDS: usize = 7;

#[node(output = "next")]
fn add_one(number: u64) -> u64 {
    number + 1
}

/// The pipeline that workers know.
pub(crate) fn numbers() -> Result<Pipeline, flowglass::Error> {
    Pipeline::builder("numbers for workers").node(add_one {}).build()
}

/// Measures the fastest of some rounds, in which both take turns.
pub(super) fn run() -> Result<Figures, String> {
    let (runtime, pipeline) = (runtime()?, numbers().map_err(|error| error.to_string())?);
    let backend = flowglass::processes(WORKERS);
    let single = backend.clone().chunk(Chunk::Items(1));
    // The workers are started, and their program's pages read.
    map(&runtime, &pipeline, &backend, JOBS)?;
    let (mut jobs_s, mut items_s) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        jobs_s = jobs_s.min(map(&runtime, &pipeline, &single, JOBS)?);
        items_s = items_s.min(map(&runtime, &pipeline, &backend, ITEMS)?);
    }
    let mut figures = Figures::default();
    figures.add("worker_jobs_per_s", number(JOBS as usize) / jobs_s);
    figures.add("worker_item_ns", items_s * 1e9 / number(ITEMS as usize));
    Ok(figures)
}

/// Maps over so many numbers; returns how long that took, in seconds.
fn map(runtime: &Runtime, pipeline: &Pipeline, backend: &RemoteBackend, items: u64) -> Result<f64, String> {
    let numbers: Vec<u64> = (0..items).collect();
    let map = pipeline.map(inputs! { number: numbers }, ["number"]).backend(backend.clone());
    let started = Instant::now();
    let run = runtime.block_on(map.into_future()).map_err(|error| error.to_string())?;
    let took_s = started.elapsed().as_secs_f64();
    let column = run.column::<u64>("next").map_err(|error| error.to_string())?;
    if column.iter().copied().eq(1..=items) { Ok(took_s) } else { Err("the map's results are wrong".to_owned()) }
}
