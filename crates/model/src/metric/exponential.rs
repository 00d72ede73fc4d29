//! Distributions whose buckets grow exponentially: any range of values, with a known error.

use serde::{Deserialize, Serialize};

use super::Totals;
use super::buckets::{Buckets, index_of, middle_of};

/// A distribution in buckets that grow exponentially.
///
/// One made by [`record`](Self::record) tells each quantile within [`MAX_ERROR`](Self::MAX_ERROR) of the value, as long as
/// the largest absolute value is at most 2^40 (about a million million) times the smallest one that isn't zero; beyond
/// that, buckets become coarser rather than more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExponentialHistogram {
    /// Count, sum, smallest and largest.
    pub totals: Totals,
    /// How fine the buckets are: each is `2^(2^-scale)` times as wide as the one before.
    pub scale: i32,
    /// Values up to so far from zero count as zero.
    pub zero_threshold: f64,
    /// How many values count as zero.
    pub zero_count: u64,
    /// The positive values.
    pub positive: Buckets,
    /// The negative values, by their absolute value.
    pub negative: Buckets,
}

impl Default for ExponentialHistogram {
    fn default() -> Self {
        let (positive, negative) = (Buckets::default(), Buckets::default());
        Self { totals: Totals::default(), scale: Self::SCALE, zero_threshold: 0.0, zero_count: 0, positive, negative }
    }
}

impl ExponentialHistogram {
    /// The scale of a new histogram: a bucket is 1.09 % wide.
    pub const SCALE: i32 = 6;
    /// How far a quantile is from the value, as a share of it: half the width of a bucket, and what rounding adds.
    pub const MAX_ERROR: f64 = 0.006;
    /// So many buckets each sign has at most.
    pub const MAX_BUCKETS: usize = 40 << Self::SCALE;

    /// Returns which bucket of a new histogram a positive value falls into.
    #[must_use]
    pub fn index_of(value: f64) -> i64 {
        index_of(value, Self::SCALE)
    }

    /// Adds a value. What is no number, or infinite, is left out.
    pub fn record(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.totals.add(value);
        if value.abs() <= self.zero_threshold {
            self.zero_count = self.zero_count.saturating_add(1);
            return;
        }
        let mut index = index_of(value.abs(), self.scale);
        if !self.side(value < 0.0).has_room(index) {
            let by = self.side(value < 0.0).excess(&Buckets::of(index), Self::MAX_BUCKETS);
            self.coarsen(by);
            index = index_of(value.abs(), self.scale);
        }
        self.side(value < 0.0).add(index, 1);
    }

    /// Adds the values of another histogram, which may be finer or coarser; the coarser scale counts.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        self.align(&mut other);
        let excess = |one: &Buckets, more: &Buckets| one.excess(more, Self::MAX_BUCKETS);
        let by = excess(&self.positive, &other.positive).max(excess(&self.negative, &other.negative));
        self.coarsen(by);
        other.coarsen(by);
        self.totals.merge(&other.totals);
        self.zero_count = self.zero_count.saturating_add(other.zero_count);
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
    }

    /// Returns the value that a share of all values (0 to 1) don't exceed, interpolated between two values as NumPy does.
    /// Nothing where there are no values.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank that is off by one in 2^53 is in the same bucket"
    )]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.counted().checked_sub(1)?;
        let rank = share.clamp(0.0, 1.0) * last as f64;
        let (below, above) = (self.value_at(rank.floor() as u64)?, self.value_at(rank.ceil() as u64)?);
        Some(below + (above - below) * rank.fract())
    }

    /// Returns how many values the buckets have.
    fn counted(&self) -> u64 {
        self.zero_count.saturating_add(self.positive.count()).saturating_add(self.negative.count())
    }

    /// Returns about the value of a rank, from 0; those of the first and the last are known exactly.
    fn value_at(&self, rank: u64) -> Option<f64> {
        let known = [(0, self.totals.min), (self.counted().saturating_sub(1), self.totals.max)];
        if let Some(value) = known.into_iter().find_map(|(at, value)| value.filter(|_| at == rank)) {
            return Some(value);
        }
        let negative = self.negative.filled().rev().map(|(index, count)| (-middle_of(index, self.scale), count));
        let positive = self.positive.filled().map(|(index, count)| (middle_of(index, self.scale), count));
        let mut reached = 0u64;
        let mut values = negative.chain([(0.0, self.zero_count)]).chain(positive);
        let (value, _) = values.find(|(_, count)| {
            reached = reached.saturating_add(*count);
            reached > rank
        })?;
        let (low, high) = (self.totals.min.unwrap_or(f64::MIN), self.totals.max.unwrap_or(f64::MAX));
        Some(value.max(low).min(high))
    }

    /// Makes both as coarse as the coarser one, with the larger threshold.
    fn align(&mut self, other: &mut Self) {
        let scale = self.scale.min(other.scale);
        let threshold = self.zero_threshold.max(other.zero_threshold);
        for one in [self, other] {
            one.coarsen(one.scale.abs_diff(scale));
            one.raise_threshold(threshold);
        }
    }

    fn coarsen(&mut self, by: u32) {
        if by == 0 {
            return;
        }
        self.scale = self.scale.saturating_sub_unsigned(by);
        self.positive.coarsen(by);
        self.negative.coarsen(by);
    }

    /// Counts values as zero whose bucket lies below the threshold.
    fn raise_threshold(&mut self, threshold: f64) {
        if threshold <= self.zero_threshold || threshold.is_nan() {
            return;
        }
        self.zero_threshold = threshold;
        let first_kept = index_of(threshold, self.scale);
        for side in [&mut self.positive, &mut self.negative] {
            let swallowed = side.split_off_below(first_kept);
            self.zero_count = self.zero_count.saturating_add(swallowed);
        }
    }

    const fn side(&mut self, is_negative: bool) -> &mut Buckets {
        if is_negative { &mut self.negative } else { &mut self.positive }
    }
}

impl Buckets {
    /// Says whether a value can be added without looking for room.
    fn has_room(&self, index: i64) -> bool {
        let at = index - i64::from(self.offset);
        self.counts.is_empty()
            || (0..self.counts.len() as i64).contains(&at)
            || (0..ExponentialHistogram::MAX_BUCKETS as i64).contains(&at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> ExponentialHistogram {
        let mut histogram = ExponentialHistogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    fn exact(values: &[f64], share: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = share * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
        below + (above - below) * rank.fract()
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let histogram = of(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!((histogram.totals.count, histogram.quantile(0.5)), (0, None));
    }

    #[test]
    fn zeros_and_both_signs_are_told_apart() {
        let histogram = of(&[-2.0, 0.0, 0.0, 2.0]);
        assert_eq!((histogram.zero_count, histogram.totals.min, histogram.totals.max), (2, Some(-2.0), Some(2.0)));
        assert_eq!(
            (histogram.quantile(0.0), histogram.quantile(0.5), histogram.quantile(1.0)),
            (Some(-2.0), Some(0.0), Some(2.0))
        );
    }

    #[test]
    fn any_range_fits_into_bounded_buckets() {
        let histogram = of(&[f64::MIN_POSITIVE, 1.0, f64::MAX, 5e-324]);
        assert!(histogram.positive.counts.len() <= ExponentialHistogram::MAX_BUCKETS);
        assert_eq!((histogram.positive.count(), histogram.totals.count), (4, 4));
        assert!(histogram.scale < ExponentialHistogram::SCALE);
    }

    #[test]
    fn a_larger_threshold_swallows_small_values() {
        let mut one = of(&[0.001, 5.0]);
        let other = ExponentialHistogram { zero_threshold: 0.1, ..of(&[3.0]) };
        one.merge(&other);
        assert_eq!((one.zero_count, one.positive.count(), one.totals.count), (1, 2, 3));
    }

    proptest! {
        #[test]
        fn quantiles_are_as_exact_as_stated(
            values in prop::collection::vec(1e-6f64..1e6, 1..200),
            share in 0.0f64..=1.0,
        ) {
            let (found, wanted) = (of(&values).quantile(share).unwrap(), exact(&values, share));
            prop_assert!((found - wanted).abs() <= wanted * ExponentialHistogram::MAX_ERROR, "{found} for {wanted}");
        }

        #[test]
        fn merging_is_recording_everything(
            one in prop::collection::vec(-1e9f64..1e9, 0..80),
            other in prop::collection::vec(prop::num::f64::ANY, 0..80),
        ) {
            let mut merged = of(&one);
            merged.merge(&of(&other));
            let all: Vec<f64> = one.iter().chain(&other).copied().collect();
            let whole = of(&all);
            prop_assert_eq!(merged.totals.count, whole.totals.count);
            prop_assert_eq!(merged.totals.min, whole.totals.min);
            prop_assert_eq!(merged.totals.max, whole.totals.max);
            prop_assert_eq!(merged.scale, whole.scale);
            let filled = |buckets: &Buckets| buckets.filled().collect::<Vec<_>>();
            prop_assert_eq!(filled(&merged.positive), filled(&whole.positive));
            prop_assert_eq!(filled(&merged.negative), filled(&whole.negative));
            prop_assert_eq!(merged.zero_count, whole.zero_count);
        }

        #[test]
        fn histograms_of_others_do_no_harm(
            scale in -40i32..40,
            offset in any::<i32>(),
            counts in prop::collection::vec(any::<u64>(), 0..20),
            threshold in prop::num::f64::ANY,
            share in prop::num::f64::ANY,
        ) {
            let positive = Buckets { offset, counts };
            let odd = ExponentialHistogram { scale, zero_threshold: threshold, positive, ..ExponentialHistogram::default() };
            let mut merged = of(&[1.0, 1e300, -1e-300]);
            merged.merge(&odd);
            prop_assert!(merged.positive.counts.len() <= ExponentialHistogram::MAX_BUCKETS);
            merged.record(2.0);
            let _ = (odd.quantile(share), merged.quantile(share));
        }
    }
}
