//! What a node costs: graphs of 1,000 trivial async nodes, a chain and a wide one, with telemetry and without, and elsewhere.
//!
//! In a chain each node reads the one before; in a wide graph 998 nodes read the first and the last reads them all. A
//! figure is the tenth percentile of batches that take turns in one process: what the machine does besides falls on all
//! of them alike, and mostly on other batches. A batch is one run, from inputs to outputs; building the graph and dropping
//! what the run gave are not counted. With telemetry, every span is looked at by the sink.

mod cache;
mod graphs;
mod hits;
mod map;
mod neighbour;
pub(crate) mod outage;
mod quiet;
mod sinks;
mod spans;
mod tasks;
mod turns;
pub(crate) mod workers;

use std::time::Duration;

use flowglass::Recorder;
use tokio::runtime::Runtime;

use crate::contender;
use crate::figures::Figures;
use graphs::{Graph, Shape, Telemetry};
use spans::SpanCheck;
use turns::{Batch, Series};

const NAME: &str = "engine";
/// Nodes of a graph.
const NODES: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the benchmark's parts, each in a process of its own.
pub(crate) fn run() -> Result<Figures, String> {
    let mut figures = Figures::default();
    for (name, _) in PARTS {
        figures.extend(contender::run(NAME, name)?);
    }
    Ok(figures)
}

/// Runs one part in this process.
pub(crate) fn contend(name: &str) -> Result<Figures, String> {
    let (_, run) = PARTS.iter().find(|(known, _)| *known == name).ok_or("no such part")?;
    run()
}

/// A part of the benchmark and its name.
type Part = (&'static str, fn() -> Result<Figures, String>);

const PARTS: &[Part] = &[
    ("nodes", nodes),
    ("tasks", tasks::run),
    ("map", map::run),
    ("cache", cache::run),
    ("hits", hits::run),
    ("sinks", sinks::run),
    ("quiet", quiet::run),
    ("workers", workers::run),
];

/// Measures graphs here and in the neighbour, in turns.
fn nodes() -> Result<Figures, String> {
    let runtime = runtime()?;
    let check = SpanCheck::default();
    let recorder = Recorder::builder().sink("check", check.clone()).build();
    let graph = |shape, telemetry| Graph::new(shape, telemetry, &runtime).map(|graph| Box::new(graph) as Box<dyn Batch>);
    let mut series = Vec::new();
    for (shape, name) in [(Shape::Chain, "chain"), (Shape::Wide, "wide")] {
        let on = graph(shape, Telemetry::On(recorder.clone()))?;
        series.push(Series::new(format!("{name}_ns_per_node"), on));
        series.push(Series::new(format!("{name}_off_ns_per_node"), graph(shape, Telemetry::Off)?));
        let neighbour = Box::new(neighbour::Neighbour::new(shape, &runtime));
        series.push(Series::new(format!("{name}_neighbour_ns_per_node"), neighbour));
    }
    turns::take(&mut series, || recorder.flush(PATIENCE).map_err(|error| error.to_string()))?;
    check.result(2 * turns::TURNS * (NODES + 1))?;
    let mut figures = Figures::default();
    for one in &series {
        figures.add(&one.name, one.p10_ns() / number(NODES));
    }
    figures.add("span_allocs", (series[0].allocations() - series[1].allocations()) / number(NODES));
    Ok(figures)
}

/// A runtime of the calling thread alone, so that nothing hops between processors.
fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "a count of nodes or batches")]
const fn number(count: usize) -> f64 {
    count as f64
}
