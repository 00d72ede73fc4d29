//! The spread of a set of durations: least, median, 95th percentile, greatest.

use serde::Serialize;

/// How a set of durations is spread. All zeros where there are none.
///
/// Percentiles interpolate linearly between the two nearest values, as
/// [NumPy's default](https://numpy.org/doc/stable/reference/generated/numpy.percentile.html) does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// How many durations there are.
    pub count: u64,
    /// All of them together, in nanoseconds.
    pub total_ns: u64,
    /// The least, in nanoseconds.
    pub min_ns: u64,
    /// The median, in nanoseconds.
    pub p50_ns: u64,
    /// What 95 of 100 do not pass, in nanoseconds.
    pub p95_ns: u64,
    /// The greatest, in nanoseconds.
    pub max_ns: u64,
}

impl Distribution {
    /// Measures durations given in nanoseconds, in any order; they come back sorted.
    #[must_use]
    pub fn of(durations_ns: &mut [u64]) -> Self {
        durations_ns.sort_unstable();
        Self {
            count: durations_ns.len() as u64,
            total_ns: durations_ns.iter().fold(0, |sum, &duration_ns| sum.saturating_add(duration_ns)),
            min_ns: durations_ns.first().copied().unwrap_or_default(),
            p50_ns: quantile(durations_ns, 0.5),
            p95_ns: quantile(durations_ns, 0.95),
            max_ns: durations_ns.last().copied().unwrap_or_default(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a list; what is interpolated stays between two u64"
)]
fn quantile(sorted: &[u64], q: f64) -> u64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0 };
    let position = last as f64 * q;
    let below = position.floor() as usize;
    let (low, high) = (sorted[below], sorted[last.min(below + 1)]);
    low + ((high - low) as f64 * (position - below as f64)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        let spread = Distribution::of(&mut [40, 10, 30, 20]);
        assert_eq!((spread.min_ns, spread.p50_ns, spread.p95_ns, spread.max_ns), (10, 25, 38, 40));
        assert_eq!((spread.count, spread.total_ns), (4, 100));
    }

    #[test]
    fn edges_hold() {
        assert_eq!(Distribution::of(&mut []), Distribution::default());
        assert_eq!(Distribution::of(&mut [7]).p95_ns, 7);
        let huge = Distribution::of(&mut [u64::MAX, 0, u64::MAX]);
        assert_eq!((huge.total_ns, huge.max_ns, huge.p50_ns), (u64::MAX, u64::MAX, u64::MAX));
    }
}
