//! Times short batches of work, many times: the median over batches shrugs off what else the machine does.

use std::time::Instant;

use crate::{allocations, thread_time};

/// So many batches run before the first one that counts.
const WARM_UP: usize = 40;
/// So many batches count.
const BATCHES: usize = 400;
/// After so many batches whatever was recorded is flushed, untimed.
const BATCHES_A_FLUSH: usize = 8;

/// What a piece of work costs the thread that does it: the median over batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall_ns: f64,
    pub(crate) cpu_ns: f64,
    pub(crate) allocations: f64,
}

/// Returns how many batches [`measure`] runs.
pub(crate) const fn batches() -> usize {
    WARM_UP + BATCHES
}

/// Measures what one of `pieces` pieces in a batch costs; `flush` runs outside the measured time.
pub(crate) fn measure(pieces: usize, mut batch: impl FnMut(), mut flush: impl FnMut()) -> Cost {
    for _ in 0..WARM_UP {
        batch();
        flush();
    }
    let mut samples: Vec<Cost> = Vec::with_capacity(BATCHES);
    for at in 0..BATCHES {
        samples.push(sample(pieces, &mut batch));
        if at % BATCHES_A_FLUSH == BATCHES_A_FLUSH - 1 {
            flush();
        }
    }
    Cost {
        wall_ns: median(&samples, |cost| cost.wall_ns),
        cpu_ns: median(&samples, |cost| cost.cpu_ns),
        allocations: median(&samples, |cost| cost.allocations),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn sample(pieces: usize, batch: &mut impl FnMut()) -> Cost {
    let (allocations, cpu_ns, start) = (allocations::count(), thread_time::cpu_ns(), Instant::now());
    batch();
    let wall_ns = start.elapsed().as_nanos() as f64;
    let (cpu_ns, allocations) = (thread_time::cpu_ns() - cpu_ns, allocations::count() - allocations);
    let pieces = pieces as f64;
    Cost { wall_ns: wall_ns / pieces, cpu_ns: cpu_ns / pieces, allocations: allocations as f64 / pieces }
}

fn median(samples: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    let mut figures: Vec<f64> = samples.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
