//! Buckets that grow exponentially: which one a value falls into, and how they are made coarser.
//!
//! As OpenTelemetry defines them: at scale `s` the base is `2^(2^-s)`, and bucket `i` has what is above `base^i` and at
//! most `base^(i+1)` (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>).

use serde::{Deserialize, Serialize};

/// Counts of neighbouring buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Buckets {
    /// The index of the first bucket.
    pub offset: i32,
    /// How many values each bucket has.
    pub counts: Vec<u64>,
}

impl Buckets {
    /// Returns how many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |all, count| all.saturating_add(*count))
    }

    /// Returns the indexes of the buckets that have values, with their counts, ascending.
    pub fn filled(&self) -> impl DoubleEndedIterator<Item = (i64, u64)> + '_ {
        let offset = i64::from(self.offset);
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(at, &count)| (offset + at as i64, count))
    }

    /// Returns by how much the scale must fall so that these buckets and others take no more than `limit`.
    pub(super) fn excess(&self, other: &Self, limit: usize) -> u32 {
        let Some((low, high)) = span(self.ends(), other.ends()) else { return 0 };
        (0..63).find(|by| ((high >> by) - (low >> by)) < limit as i64).unwrap_or(63)
    }

    /// Makes the buckets coarser: `2^by` of them become one.
    pub(super) fn coarsen(&mut self, by: u32) {
        if by == 0 {
            return;
        }
        let mut coarse = Self::default();
        if let Some((low, high)) = self.ends() {
            let (low, high) = (low >> by.min(63), high >> by.min(63));
            coarse.offset = i32::try_from(low).unwrap_or_default();
            coarse.counts = vec![0; usize::try_from(high - low + 1).unwrap_or(1)];
            self.filled().for_each(|(index, count)| coarse.add(index >> by.min(63), count));
        }
        *self = coarse;
    }

    /// Adds values to a bucket; the buckets reach as far as they must.
    pub(super) fn add(&mut self, index: i64, count: u64) {
        let Ok(narrow) = i32::try_from(index) else { return };
        if self.counts.is_empty() {
            self.offset = narrow;
        }
        if narrow < self.offset {
            let missing = usize::try_from(i64::from(self.offset) - index).unwrap_or_default();
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = narrow;
        }
        let at = usize::try_from(index - i64::from(self.offset)).unwrap_or_default();
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
    }

    /// Adds the values of buckets of the same scale.
    pub(super) fn merge(&mut self, other: &Self) {
        other.filled().for_each(|(index, count)| self.add(index, count));
    }

    /// Takes the values below a bucket out; returns how many there were.
    pub(super) fn split_off_below(&mut self, first_kept: i64) -> u64 {
        let mut kept = Self::default();
        let mut taken = 0u64;
        for (index, count) in self.filled() {
            if index < first_kept { taken = taken.saturating_add(count) } else { kept.add(index, count) }
        }
        *self = kept;
        taken
    }

    /// A single value, for asking what it would take.
    pub(super) fn of(index: i64) -> Self {
        Self { offset: i32::try_from(index).unwrap_or_default(), counts: vec![1] }
    }

    /// Returns the indexes of the first and the last bucket that has values.
    fn ends(&self) -> Option<(i64, i64)> {
        let first = self.filled().next()?.0;
        Some((first, self.filled().next_back().map_or(first, |(last, _)| last)))
    }
}

fn span(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

/// Returns the index of the bucket that a positive value falls into. Smaller ones than a normal number can be count as
/// the smallest.
#[expect(clippy::cast_possible_truncation, reason = "an exponent times 2^20 is far below 2^53")]
pub(super) fn index_of(value: f64, scale: i32) -> i64 {
    let value = value.max(f64::MIN_POSITIVE);
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let is_power = bits & ((1 << 52) - 1) == 0;
    if scale <= 0 {
        return (exponent - i64::from(is_power)) >> scale.saturating_neg().min(62);
    }
    let scale = scale.min(20);
    if is_power {
        return (exponent << scale) - 1;
    }
    let fraction = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52).log2();
    let within = ((fraction * (1_i64 << scale) as f64).ceil() as i64 - 1).clamp(0, (1 << scale) - 1);
    (exponent << scale) + within
}

/// Returns the value in the middle of a bucket: its distance to both ends is the same share of them.
#[expect(clippy::cast_precision_loss, reason = "indexes of real numbers are far below 2^53")]
pub(super) fn middle_of(index: i64, scale: i32) -> f64 {
    let width = f64::from(-scale).exp2();
    let (low, high) = ((index as f64 * width).exp2(), ((index + 1) as f64 * width).exp2());
    if low == 0.0 || high.is_infinite() { if low == 0.0 { high } else { low } } else { 2.0 * low / (1.0 + low / high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_end_their_bucket() {
        for scale in [-3, 0, 1, 6, 20] {
            for exponent in [-1022, -7, 0, 1, 5, 1023] {
                let (at, above) = (f64::from(exponent).exp2(), f64::from(exponent).exp2() * 1.000_001);
                let index = index_of(at, scale);
                assert!(middle_of(index, scale) <= at, "scale {scale}, 2^{exponent}");
                if scale >= 0 {
                    assert_eq!(index_of(above, scale) > index, above.is_finite() && above > at, "scale {scale}, 2^{exponent}");
                }
            }
        }
        assert_eq!(index_of(5e-324, 0), index_of(f64::MIN_POSITIVE, 0), "too small to be told apart");
    }

    #[test]
    fn coarser_buckets_have_the_same_values() {
        let mut buckets = Buckets { offset: -3, counts: vec![1, 2, 3, 4, 5, 6, 7] };
        buckets.coarsen(1);
        assert_eq!(buckets, Buckets { offset: -2, counts: vec![1, 5, 9, 13] });
        assert_eq!(buckets.excess(&Buckets::of(1 << 20), 2), 21);
    }

    #[test]
    fn odd_buckets_of_others_do_no_harm() {
        let mut buckets = Buckets { offset: i32::MAX, counts: vec![1, 1, 0] };
        let far = Buckets { offset: i32::MIN, counts: vec![1] };
        let by = buckets.excess(&far, 4);
        buckets.coarsen(by);
        assert_eq!(buckets.count(), 2);
        buckets.coarsen(63);
        assert_eq!(buckets.count(), 2);
    }
}
