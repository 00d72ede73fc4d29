//! Pipelines whose work is done by copies of this test program: results, spans, errors, deaths.

mod behaviour;
mod cache;
mod counts;
mod deaths;
mod graphs;
mod pipelines;
mod refusals;
mod spans;
mod travels;

use flowglass::{ProcessWorkers, RemoteBackend};

/// What the copies run: in a copy it becomes a worker, in this process it does nothing.
#[test]
fn worker_entry() {
    flowglass::worker(pipelines::all());
}

/// Workers that are this test program, told to run nothing but `worker_entry`.
fn copies(workers: usize) -> ProcessWorkers {
    ProcessWorkers::new(workers).argument("worker_entry").argument("--exact").argument("--nocapture")
}

fn workers(count: usize) -> RemoteBackend {
    flowglass::over(copies(count))
}
