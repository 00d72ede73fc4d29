//! Exponential histograms of durations: 64 buckets for each doubling, so that a bucket's middle is within 0.6 % of what is in it.
//!
//! The buckets are those of OpenTelemetry's exponential histogram with scale 6
//! (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>).

use super::bits::{BitReader, BitWriter};
use crate::block::Damaged;
use crate::block::bytes::{Reader, put_stream, put_varint};

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

/// How many durations fell into each bucket, from the first one that isn't empty to the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    first: i32,
    counts: Vec<u64>,
}

impl Histogram {
    /// Counts durations of one bucket, at least one.
    pub(crate) fn add(&mut self, bucket: i32, count: u64) {
        self.cover(bucket, bucket);
        let place = &mut self.counts[(bucket - self.first) as usize];
        *place = place.saturating_add(count);
    }

    fn cover(&mut self, first: i32, last: i32) {
        if self.counts.is_empty() {
            self.first = first;
        }
        if first < self.first {
            let missing = (self.first - first) as usize;
            self.counts.splice(..0, std::iter::repeat_n(0, missing));
            self.first = first;
        }
        let len = (last - self.first + 1) as usize;
        self.counts.resize(self.counts.len().max(len), 0);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let Some(last) = other.counts.len().checked_sub(1) else { return };
        self.cover(other.first, other.first + last as i32);
        let counts = &mut self.counts[(other.first - self.first) as usize..];
        counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Returns the buckets that aren't empty.
    fn buckets(&self) -> impl Iterator<Item = (i32, u64)> + Clone {
        (self.first..).zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// Returns the duration below which this part of all durations lies, in nanoseconds; nothing if there are none.
    pub(crate) fn quantile_ns(&self, part: f64) -> Option<f64> {
        let rank = part.clamp(0.0, 1.0) * self.count().checked_sub(1)? as f64;
        let mut below = 0.0;
        for (bucket, count) in self.buckets() {
            below += count as f64;
            if below > rank {
                return Some(middle_ns(bucket));
            }
        }
        self.buckets().last().map(|(bucket, _)| middle_ns(bucket))
    }

    /// Writes gaps and counts as Rice codes that fit their means.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let number = self.buckets().count() as u64;
        put_varint(out, number);
        let Some(mean_gap) = (self.counts.len() as u64).checked_div(number) else { return };
        let low = |mean: u64| mean.checked_ilog2().unwrap_or(0).min(31);
        let (gap_low, count_low) = (low(mean_gap), low(self.count() / number));
        let mut bits = BitWriter::default();
        let mut next = self.first;
        for (bucket, count) in self.buckets() {
            bits.put_rice(u64::from(bucket.abs_diff(next)), gap_low);
            put_count(&mut bits, count - 1, count_low);
            next = bucket + 1;
        }
        put_varint(out, u64::from(self.first.abs_diff(ZERO)));
        out.extend([gap_low as u8, count_low as u8]);
        put_stream(out, &bits.finish());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut histogram = Self::default();
        histogram.add_stored(reader)?;
        Ok(histogram)
    }

    /// Adds what [`put`](Self::put) wrote.
    pub(crate) fn add_stored(&mut self, reader: &mut Reader<'_>) -> Result<(), Damaged> {
        let number = reader.varint()?;
        if number == 0 {
            return Ok(());
        }
        let mut next = u64::from(reader.varint32()?);
        let (gap_low, count_low) = (u32::from(reader.byte()?), u32::from(reader.byte()?));
        if gap_low > 31 || count_low > 31 {
            return Err(Damaged("a histogram has an unknown code"));
        }
        let mut bits = BitReader::new(reader.stream()?.rest());
        for _ in 0..number {
            let bucket = next.saturating_add(bits.rice(gap_low)?);
            let found = i32::try_from(bucket).ok().map(|bucket| bucket + ZERO).filter(|bucket| *bucket <= LAST);
            self.add(
                found.ok_or(Damaged("a histogram has no such bucket"))?,
                read_count(&mut bits, count_low)?.saturating_add(1),
            );
            next = bucket + 1;
        }
        Ok(())
    }
}

/// A count that is far above the mean would take very many bits: it is written whole behind a mark.
const MOST_ONES: u64 = 24;

fn put_count(bits: &mut BitWriter, count: u64, low: u32) {
    if count >> low < MOST_ONES {
        return bits.put_rice(count, low);
    }
    bits.put_rice(MOST_ONES << low, low);
    bits.put(count & 0xffff_ffff, 32);
    bits.put(count >> 32, 32);
}

fn read_count(bits: &mut BitReader<'_>, low: u32) -> Result<u64, Damaged> {
    let count = bits.rice(low)?;
    if count >> low < MOST_ONES { Ok(count) } else { Ok(bits.bits(32)? | bits.bits(32)? << 32) }
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
    fn uneven_counts_come_back_equal() {
        let mut histogram = Histogram::default();
        [(5, 1), (6, u64::MAX), (900, 3), (4096, 1 << 40)].into_iter().for_each(|(bucket, count)| histogram.add(bucket, count));
        let mut out = Vec::new();
        histogram.put(&mut out);
        assert!(out.len() < 60, "{}", out.len());
        let mut reader = Reader::new(&out);
        assert_eq!(Histogram::read(&mut reader).unwrap(), histogram);
        reader.finish().unwrap();
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
