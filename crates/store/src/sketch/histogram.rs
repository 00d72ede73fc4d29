//! Exponential histograms of durations: 64 buckets for each doubling, so that a bucket's middle is within 0.6 % of what is in it.
//!
//! The buckets are those of OpenTelemetry's exponential histogram with scale 6
//! (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>).

use std::collections::BTreeMap;

use crate::block::Damaged;
use crate::block::bytes::{Reader, put_varint};

const BUCKETS_PER_DOUBLING: f64 = 64.0;
/// Durations of zero are in a bucket of their own, below all others.
const ZERO: i32 = -1;
/// The bucket of the longest duration that there is.
const LAST: i32 = 64 * 64;

/// Returns the bucket of a duration.
pub(crate) fn bucket(duration_ns: u64) -> i32 {
    if duration_ns == 0 { ZERO } else { ((duration_ns as f64).log2() * BUCKETS_PER_DOUBLING) as i32 }
}

fn middle_ns(bucket: i32) -> f64 {
    if bucket == ZERO { 0.0 } else { ((f64::from(bucket) + 0.5) / BUCKETS_PER_DOUBLING).exp2() }
}

/// How many durations fell into each bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram(BTreeMap<i32, u64>);

impl Histogram {
    pub(crate) fn add(&mut self, bucket: i32, count: u64) {
        let place = self.0.entry(bucket).or_default();
        *place = place.saturating_add(count);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(&bucket, &count)| self.add(bucket, count));
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Returns the duration below which this part of all durations lies, in nanoseconds; nothing if there are none.
    pub(crate) fn quantile_ns(&self, part: f64) -> Option<f64> {
        let rank = part.clamp(0.0, 1.0) * self.count().checked_sub(1)? as f64;
        let mut below = 0.0;
        for (&bucket, &count) in &self.0 {
            below += count as f64;
            if below > rank {
                return Some(middle_ns(bucket));
            }
        }
        self.0.keys().next_back().map(|&bucket| middle_ns(bucket))
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        let mut last = ZERO;
        for (&bucket, &count) in &self.0 {
            put_varint(out, u64::from(bucket.abs_diff(last)));
            put_varint(out, count);
            last = bucket;
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut histogram = Self::default();
        let mut bucket = ZERO;
        for _ in 0..reader.count()? {
            let next = i64::from(bucket) + i64::from(reader.varint32()?);
            bucket = i32::try_from(next).ok().filter(|&next| next <= LAST).ok_or(Damaged("a histogram has no such bucket"))?;
            histogram.add(bucket, reader.varint()?);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        durations.iter().for_each(|&duration| histogram.add(bucket(duration), 1));
        histogram
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_hundredth(mut durations in prop::collection::vec(1u64..1 << 40, 1..500), part in 0.0f64..=1.0) {
            let found = of(&durations).quantile_ns(part).unwrap();
            durations.sort_unstable();
            let exact = durations[(part * (durations.len() - 1) as f64) as usize] as f64;
            // Below a hundred nanoseconds buckets are narrower than one nanosecond.
            prop_assert!((found - exact).abs() <= exact * 0.01 + 1.0, "{found} for {exact}");
        }

        #[test]
        fn a_histogram_comes_back_equal(durations in prop::collection::vec(any::<u64>(), 0..100)) {
            let (histogram, mut out) = (of(&durations), Vec::new());
            histogram.put(&mut out);
            prop_assert_eq!(Histogram::read(&mut Reader::new(&out)).unwrap(), histogram);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(histogram) = Histogram::read(&mut Reader::new(&bytes)) {
                let _ = histogram.quantile_ns(0.5);
            }
        }
    }

    #[test]
    fn extremes_have_buckets() {
        assert_eq!(Histogram::default().quantile_ns(0.5), None);
        assert_eq!(of(&[0]).quantile_ns(1.0), Some(0.0));
        let mut both = of(&[u64::MAX]);
        both.merge(&of(&[0, 0]));
        assert_eq!((both.count(), both.quantile_ns(0.5)), (3, Some(0.0)));
    }
}
