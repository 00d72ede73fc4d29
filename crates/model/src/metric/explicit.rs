//! Distributions in buckets with given bounds, as other sources send them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Totals;

/// A distribution in buckets with given bounds: bucket `i` has what is above bound `i - 1` and at most bound `i`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExplicitHistogram {
    /// Count, sum, smallest and largest.
    pub totals: Totals,
    /// The bounds between the buckets, ascending.
    pub bounds: Vec<f64>,
    /// How many values each bucket has: one bucket more than bounds, or none at all.
    pub counts: Vec<u64>,
}

/// Two histograms can't be merged, because their buckets differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DifferentBounds;

impl fmt::Display for DifferentBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the histograms have different bounds: only those with equal ones can be merged")
    }
}

impl std::error::Error for DifferentBounds {}

impl ExplicitHistogram {
    /// Adds the values of another histogram.
    ///
    /// # Errors
    /// Their bounds differ; nothing has changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), DifferentBounds> {
        if self.bounds != other.bounds || self.counts.len() != other.counts.len() {
            return Err(DifferentBounds);
        }
        self.totals.merge(&other.totals);
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count = count.saturating_add(*more));
        Ok(())
    }

    /// Returns about the value that a share of all values (0 to 1) don't exceed: interpolated inside its bucket. Nothing
    /// where there are no values or no buckets.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the buckets are coarser by far")]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.counts.iter().fold(0, |all, count| all.saturating_add(*count));
        let wanted = share.clamp(0.0, 1.0) * all as f64;
        let mut before = 0.0;
        for (at, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let reached = before + count as f64;
            if reached >= wanted {
                let (low, high) = self.edges(at)?;
                return Some(low + (high - low) * ((wanted - before) / count as f64));
            }
            before = reached;
        }
        None
    }

    /// Returns between what the values of a bucket lie.
    fn edges(&self, bucket: usize) -> Option<(f64, f64)> {
        let low = bucket.checked_sub(1).and_then(|at| self.bounds.get(at)).copied();
        let high = self.bounds.get(bucket).copied();
        let (min, max) = (self.totals.min, self.totals.max);
        let low = low.map_or(min, |low| Some(min.map_or(low, |min| low.max(min)))).or(high)?;
        let high = high.map_or(max, |high| Some(max.map_or(high, |max| high.min(max)))).unwrap_or(low);
        Some((low, high.max(low)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [u64; 3]) -> ExplicitHistogram {
        let totals = Totals { count: counts.iter().sum(), sum: Some(1.0), min: None, max: None };
        ExplicitHistogram { totals, bounds: vec![1.0, 2.0], counts: counts.to_vec() }
    }

    #[test]
    fn equal_bounds_merge_and_others_do_not() {
        let mut one = histogram([1, 2, 3]);
        assert_eq!(one.merge(&histogram([4, 0, 1])), Ok(()));
        assert_eq!((one.counts.as_slice(), one.totals.count, one.totals.sum), (&[5, 2, 4][..], 11, Some(2.0)));
        let other = ExplicitHistogram { bounds: vec![1.0, 3.0], ..histogram([1, 1, 1]) };
        assert_eq!((one.merge(&other), one.totals.count), (Err(DifferentBounds), 11));
    }

    #[test]
    fn quantiles_lie_in_their_bucket() {
        let histogram = histogram([0, 4, 0]);
        assert_eq!(
            (histogram.quantile(0.0), histogram.quantile(0.5), histogram.quantile(1.0)),
            (Some(1.0), Some(1.5), Some(2.0))
        );
        assert_eq!(ExplicitHistogram::default().quantile(0.5), None);
        let open_ended = self::histogram([0, 0, 1]);
        assert_eq!(open_ended.quantile(0.5), Some(2.0), "above the last bound nothing is known but that bound");
    }
}
