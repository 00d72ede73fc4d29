//! Pipelines whose work is done by copies of this test program: results, spans, errors, deaths.

mod behaviour;
mod cache;
mod counts;
mod deaths;
mod drivers;
mod equal;
mod graphs;
mod hooks;
mod lanes;
mod needed;
mod output;
mod pipelines;
mod references;
mod refusals;
mod sampling;
mod shapes;
mod spans;
mod travels;

use flowglass::{ProcessWorkers, RemoteBackend};

/// What the copies run: in a copy it becomes a worker, in this process it does nothing.
#[test]
fn worker_entry() {
    flowglass::worker(pipelines::all());
}

/// As `worker_entry`, for pipelines that are found by their names.
#[test]
fn shapes_entry() {
    flowglass::worker_of(|name| shapes::named(name).or_else(|| graphs::named(name)));
}

/// Workers that are this test program, told to run nothing but this test.
fn copies_at(workers: usize, entry: &str) -> ProcessWorkers {
    ProcessWorkers::new(workers).argument(entry).argument("--exact").argument("--nocapture")
}

fn copies(workers: usize) -> ProcessWorkers {
    copies_at(workers, "worker_entry")
}

fn workers(count: usize) -> RemoteBackend {
    flowglass::over(copies(count))
}
