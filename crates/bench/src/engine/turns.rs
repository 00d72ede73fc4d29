//! Batches of several contenders that take turns.

use std::time::Instant;

use super::number;
use crate::allocations;

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
    allocations: Vec<f64>,
}

impl<'a> Series<'a> {
    pub(super) fn new(name: String, batch: Box<dyn Batch + 'a>) -> Self {
        Self { name, batch, ns: Vec::new(), allocations: Vec::new() }
    }

    /// Returns the tenth percentile of its batches' times, in nanoseconds.
    pub(super) fn p10_ns(&self) -> f64 {
        percentile(&self.ns, 10)
    }

    /// Returns how many allocations most of its batches made.
    pub(super) fn allocations(&self) -> f64 {
        percentile(&self.allocations, 50)
    }

    fn turn(&mut self) -> Result<(f64, f64), String> {
        self.batch.prepare();
        let (before, start) = (allocations::count(), Instant::now());
        self.batch.run();
        let ns = start.elapsed().as_secs_f64() * 1e9;
        let allocated = allocations::count() - before;
        self.batch.check()?;
        Ok((ns, number(usize::try_from(allocated).unwrap_or(usize::MAX))))
    }
}

/// Lets all take turns; `flush` runs between two turns.
pub(super) fn take(series: &mut [Series<'_>], mut flush: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    for at in 0..TURNS {
        for one in &mut *series {
            let (ns, allocations) = one.turn()?;
            if at >= WARM_UP {
                one.ns.push(ns);
                one.allocations.push(allocations);
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
