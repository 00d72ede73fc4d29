//! Roll-ups: counts and durations of the spans of one name over one time, which outlive the spans.

use serde::{Deserialize, Serialize};

use crate::ExponentialHistogram;

/// Counts and durations of the ended spans with one pipeline, name and node that started in one period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollup {
    /// When the period begins, in nanoseconds since 1970 UTC; nothing where there is one period over all.
    pub start_unix_ns: Option<i64>,
    /// The pipeline of the spans: their attribute `pipeline.name`, or empty.
    pub pipeline: String,
    /// The name of the spans.
    pub name: String,
    /// The node of the spans: their attribute `node.id`, or empty.
    pub node: String,
    /// How many there are.
    pub count: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many of them came from the cache.
    pub cached: u64,
    /// How long they took together, in nanoseconds.
    pub total_ns: u64,
    /// How long the longest took, in nanoseconds.
    pub max_ns: u64,
    /// Their durations, in nanoseconds.
    pub durations: ExponentialHistogram,
}

impl Rollup {
    /// Adds what another one counts, whatever its period and names.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.errors = self.errors.saturating_add(other.errors);
        self.cached = self.cached.saturating_add(other.cached);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.durations.merge(&other.durations);
    }

    /// Returns the duration that a share of the spans (0 to 1) don't exceed, in nanoseconds, within 1 %; 0 of no spans.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are whole numbers from 0")]
    pub fn quantile_ns(&self, share: f64) -> u64 {
        self.durations.quantile(share).map_or(0, |duration_ns| duration_ns.round() as u64).min(self.max_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_quantiles_stay_below_the_longest() {
        let of = |durations: &[u32]| {
            let mut rollup = Rollup { count: durations.len() as u64, ..Rollup::default() };
            for &duration in durations {
                rollup.durations.record(f64::from(duration));
                rollup.total_ns += u64::from(duration);
                rollup.max_ns = rollup.max_ns.max(duration.into());
            }
            rollup
        };
        let mut all = of(&[100, 200]);
        all.merge(&of(&[300]));
        all.merge(&Rollup::default());
        assert_eq!((all.count, all.total_ns, all.max_ns, all.quantile_ns(1.0)), (3, 600, 300, 300));
        assert!(all.quantile_ns(0.5).abs_diff(200) <= 2);
        assert_eq!(Rollup::default().quantile_ns(0.5), 0);
    }
}
