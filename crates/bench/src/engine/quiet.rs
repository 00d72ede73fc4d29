//! What telemetry and progress together add to nodes that take a millisecond: into memory, and into the embedded store.
//!
//! Runs with and without take turns. What they are compared by is the time of all threads on processors, from the run's start until
//! what was recorded has arrived, because nothing else on the machine adds to that. A run that ends waits for its commit, which takes
//! what it takes however short the run was: so runs of a tenth of a second and of a second are told beside each other, and what the
//! nodes between them add, which is what telemetry costs a run that goes on.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::Mutex;

use flowglass::insight::Progress;
use flowglass::{NodeExt, Pipeline, Recorder, inputs, node, telemetry};

use super::PATIENCE;
use crate::figures::Figures;
use crate::thread_time::{cpu_ns, process_cpu_ns};

/// Nodes of the short chain.
const NODES: u32 = 100;
/// Nodes of the long one.
const MANY_NODES: u32 = 1_000;
/// Short runs of each kind.
const ROUNDS: usize = 31;
/// Long ones.
const FEW_ROUNDS: usize = 7;
/// What a node takes, in nanoseconds.
const NODE_NS: f64 = 1e6;

/// What the last node of a chain makes.
const LAST: &str = "last";

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
    let steps = steps_of_a_node();
    let [alone, memory, kept] = each(&chain(NODES)?, steps, &recorders, ROUNDS)?;
    let [long_alone, long_memory, long_kept] = each(&chain(MANY_NODES)?, steps, &recorders, FEW_ROUNDS)?;
    let mut figures = Figures::default();
    figures.add("quiet_node_ms", alone / (f64::from(NODES) * NODE_NS));
    figures.add("quiet_memory_ratio", memory / alone);
    figures.add("quiet_store_ratio", kept / alone);
    figures.add("quiet_second_memory_ratio", long_memory / long_alone);
    figures.add("quiet_second_store_ratio", long_kept / long_alone);
    figures.add("quiet_steady_store_ratio", (long_kept - kept) / (long_alone - alone));
    Ok(figures)
}

/// Returns what a run of the chain takes with each of these recorders, in nanoseconds.
fn each(chain: &Pipeline, steps: u64, recorders: &[Option<Recorder>; 3], rounds: usize) -> Result<[f64; 3], String> {
    let mut samples = [const { Vec::new() }; 3];
    for round in 0..rounds {
        for turn in 0..recorders.len() {
            let which = (round + turn) % recorders.len();
            samples[which].push(once(chain, steps, recorders[which].as_ref())?);
        }
    }
    Ok(samples.map(median))
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
    let made: u64 = run.and_then(|run| run.get(LAST)).map_err(|error| error.to_string())?;
    if made == steps { Ok(took) } else { Err(format!("the chain gave {made}")) }
}

fn chain(nodes: u32) -> Result<Pipeline, String> {
    let value = |at: u32| if at == nodes { LAST.to_owned() } else { format!("v{at}") };
    let link = |at: u32| busy {}.named(format!("n{at}")).input("steps", value(at)).output("done", value(at + 1));
    let chain = (0..nodes).fold(Pipeline::builder("busy"), |chain, at| chain.node(link(at)));
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
