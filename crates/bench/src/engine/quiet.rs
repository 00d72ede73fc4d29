//! What telemetry and progress together add to nodes that take a millisecond: into memory, and into the embedded store.
//!
//! Runs with and without take turns. What they are compared by is the time of all threads on processors, from the run's start until
//! what was recorded has arrived, because nothing else on the machine adds to that.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::Mutex;

use flowglass::insight::Progress;
use flowglass::{NodeExt, Pipeline, Recorder, inputs, node, telemetry};

use super::PATIENCE;
use crate::figures::Figures;
use crate::thread_time::{cpu_ns, process_cpu_ns};

/// Nodes of the chain.
const NODES: u32 = 100;
/// Runs of each kind.
const ROUNDS: usize = 31;
/// What a node takes, in nanoseconds.
const NODE_NS: f64 = 1e6;

/// Steps of arithmetic, nothing but time of a processor.
fn work(steps: u64) -> u64 {
    (0..steps).fold(1, |state: u64, step| black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step)))
}

#[node(output = "done")]
fn busy(steps: u64) -> u64 {
    black_box(work(steps));
    steps
}

/// Measures both, each against runs of nothing but nodes.
pub(super) fn run() -> Result<Figures, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let store = telemetry::sqlite(folder.path().join("flowglass.db")).map_err(|error| error.to_string())?;
    let recorders = [None, Some(Recorder::in_memory()), Some(store)];
    let (chain, steps) = (chain()?, steps_of_a_node());
    let mut samples = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        for turn in 0..recorders.len() {
            let which = (round + turn) % recorders.len();
            samples[which].push(once(&chain, steps, recorders[which].as_ref())?);
        }
    }
    let [alone, memory, kept] = samples.map(|samples| median(samples) / (f64::from(NODES) * NODE_NS));
    let mut figures = Figures::default();
    figures.add("quiet_node_ms", alone);
    figures.add("quiet_memory_ratio", memory / alone);
    figures.add("quiet_store_ratio", kept / alone);
    Ok(figures)
}

/// Runs the chain once; returns what that took all threads, in nanoseconds.
fn once(chain: &Pipeline, steps: u64, recorder: Option<&Recorder>) -> Result<f64, String> {
    let before = process_cpu_ns();
    let run = chain.run(inputs! { v0: steps });
    let run = match recorder {
        None => run.no_telemetry().wait(),
        Some(recorder) => {
            let progress = Arc::new(Mutex::new(Progress::new(&run.sites())));
            let follow = Arc::clone(&progress);
            let run = run.telemetry(recorder.clone()).observe(move |event| {
                if let Ok(mut progress) = follow.lock() {
                    progress.apply(event);
                }
            });
            let run = run.wait();
            recorder.flush(PATIENCE).map_err(|error| error.to_string())?;
            if !progress.lock().is_ok_and(|progress| progress.is_over()) {
                return Err("progress didn't see the run end".to_owned());
            }
            run
        }
    };
    let took = process_cpu_ns() - before;
    let made: u64 = run.and_then(|run| run.get(&format!("v{NODES}"))).map_err(|error| error.to_string())?;
    if made == steps { Ok(took) } else { Err(format!("the chain gave {made}")) }
}

fn chain() -> Result<Pipeline, String> {
    let link =
        |at: u32| busy {}.named(format!("n{at}")).input("steps", format!("v{at}")).output("done", format!("v{}", at + 1));
    let chain = (0..NODES).fold(Pipeline::builder("busy"), |chain, at| chain.node(link(at)));
    chain.build().map_err(|error| error.to_string())
}

/// Finds out how many steps take a millisecond here, by the best of some attempts.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of steps")]
fn steps_of_a_node() -> u64 {
    const STEPS: u32 = 500_000;
    let attempt = || {
        let before = cpu_ns();
        black_box(work(u64::from(STEPS)));
        cpu_ns() - before
    };
    let best = (0..9).map(|_| attempt()).fold(f64::INFINITY, f64::min).max(1.0);
    (f64::from(STEPS) * NODE_NS / best) as u64
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
