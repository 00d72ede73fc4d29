//! What telemetry and progress together add to nodes that take a millisecond: into memory, and into the embedded store.
//!
//! Runs with and without take turns, and those of one round are compared with each other, so that a slower hour of the machine
//! counts for both. What they are compared by is the time of all threads on processors, from the run's start until what was recorded
//! has arrived, because nothing else on the machine adds to that. A run that ends waits for its commit, which takes what it takes
//! however short the run was: so runs of a tenth of a second and of a second are told beside each other, and what the nodes between
//! them add, which is what telemetry costs a run that goes on. What other threads than the run's take is hardly disturbed by
//! anything, and is told by itself.

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
const FEW_ROUNDS: usize = 15;
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
    let short = Rounds::of(NODES, steps, &recorders, ROUNDS)?;
    let long = Rounds::of(MANY_NODES, steps, &recorders, FEW_ROUNDS)?;
    let mut figures = Figures::default();
    figures.add("quiet_node_ms", short.alone_ns() / (f64::from(NODES) * NODE_NS));
    figures.add("quiet_memory_ratio", 1.0 + short.added_ns(MEMORY) / short.alone_ns());
    figures.add("quiet_store_ratio", 1.0 + short.added_ns(STORE) / short.alone_ns());
    figures.add("quiet_second_memory_ratio", 1.0 + long.added_ns(MEMORY) / long.alone_ns());
    figures.add("quiet_second_store_ratio", 1.0 + long.added_ns(STORE) / long.alone_ns());
    let (added_ns, others_ns) = (long.added_ns(STORE) - short.added_ns(STORE), long.others_ns(STORE) - short.others_ns(STORE));
    figures.add("quiet_steady_store_ratio", 1.0 + added_ns / (long.alone_ns() - short.alone_ns()));
    figures.add("quiet_run_others_us", short.others_ns(STORE) / 1e3);
    figures.add("quiet_steady_others_ratio", others_ns / (long.alone_ns() - short.alone_ns()));
    Ok(figures)
}

/// Places among the recorders.
const MEMORY: usize = 1;
const STORE: usize = 2;

/// What runs took, of each round one with each recorder.
struct Rounds(Vec<[Took; 3]>);

/// Time on processors.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    all_ns: f64,
    /// That of other threads than the one that runs the nodes.
    others_ns: f64,
}

impl Rounds {
    fn of(nodes: u32, steps: u64, recorders: &[Option<Recorder>; 3], rounds: usize) -> Result<Self, String> {
        let chain = chain(nodes)?;
        let mut taken = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let mut took = [Took::default(); 3];
            for turn in 0..recorders.len() {
                let which = (round + turn) % recorders.len();
                took[which] = once(&chain, steps, recorders[which].as_ref())?;
            }
            taken.push(took);
        }
        Ok(Self(taken))
    }

    fn alone_ns(&self) -> f64 {
        self.median(|took| took[0].all_ns)
    }

    fn added_ns(&self, recorder: usize) -> f64 {
        self.median(|took| took[recorder].all_ns - took[0].all_ns)
    }

    fn others_ns(&self, recorder: usize) -> f64 {
        self.median(|took| took[recorder].others_ns)
    }

    fn median(&self, of: impl Fn(&[Took; 3]) -> f64) -> f64 {
        median(self.0.iter().map(of).collect())
    }
}

/// Runs the chain once.
fn once(chain: &Pipeline, steps: u64, recorder: Option<&Recorder>) -> Result<Took, String> {
    let (before, own_before) = (process_cpu_ns(), cpu_ns());
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
    let (all_ns, own_ns) = (process_cpu_ns() - before, cpu_ns() - own_before);
    let made: u64 = run.and_then(|run| run.get(LAST)).map_err(|error| error.to_string())?;
    if made == steps { Ok(Took { all_ns, others_ns: all_ns - own_ns }) } else { Err(format!("the chain gave {made}")) }
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
