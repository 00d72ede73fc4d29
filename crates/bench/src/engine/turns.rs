//! Batches of several contenders that take turns.

use std::time::Instant;

use super::number;
use crate::allocations;
use crate::thread_time::cpu_ns;

/// So many turns are taken before the first one that counts.
const WARM_UP: usize = 30;
/// So many turns are taken in all.
pub(super) const TURNS: usize = 530;

/// What one contender does in a turn.
pub(super) trait Batch {
    /// Makes ready, untimed.
    fn prepare(&mut self) {}

    /// Does the work that is timed.
    fn run(&mut self);

    /// Looks at what came of it and drops it, untimed.
    fn check(&mut self) -> Result<(), String>;
}

/// A contender's name and what its batches took.
pub(super) struct Series<'a> {
    pub(super) name: String,
    batch: Box<dyn Batch + 'a>,
    ns: Vec<f64>,
    cpu_ns: Vec<f64>,
    allocations: Vec<f64>,
}

impl<'a> Series<'a> {
    pub(super) fn new(name: String, batch: Box<dyn Batch + 'a>) -> Self {
        Self { name, batch, ns: Vec::new(), cpu_ns: Vec::new(), allocations: Vec::new() }
    }

    /// Returns the tenth percentile of its batches' times, in nanoseconds.
    pub(super) fn p10_ns(&self) -> f64 {
        percentile(&self.ns, 10)
    }

    /// Returns the tenth percentile of the time that this thread was on a processor for its batches, in nanoseconds: what long
    /// batches are compared by, which a busy machine always interrupts.
    pub(super) fn p10_cpu_ns(&self) -> f64 {
        percentile(&self.cpu_ns, 10)
    }

    /// Returns how many allocations most of its batches made.
    pub(super) fn allocations(&self) -> f64 {
        percentile(&self.allocations, 50)
    }

    fn turn(&mut self) -> Result<Turn, String> {
        self.batch.prepare();
        let (before, cpu_start, start) = (allocations::count(), cpu_ns(), Instant::now());
        self.batch.run();
        let ns = start.elapsed().as_secs_f64() * 1e9;
        let cpu_ns = cpu_ns() - cpu_start;
        let allocated = allocations::count() - before;
        self.batch.check()?;
        Ok(Turn { ns, cpu_ns, allocations: number(usize::try_from(allocated).unwrap_or(usize::MAX)) })
    }
}

/// What one batch took.
struct Turn {
    ns: f64,
    cpu_ns: f64,
    allocations: f64,
}

/// Lets all take turns; `flush` runs between two turns.
pub(super) fn take(series: &mut [Series<'_>], mut flush: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    for at in 0..TURNS {
        for one in &mut *series {
            let turn = one.turn()?;
            if at >= WARM_UP {
                one.ns.push(turn.ns);
                one.cpu_ns.push(turn.cpu_ns);
                one.allocations.push(turn.allocations);
            }
            flush()?;
        }
    }
    Ok(())
}

fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
