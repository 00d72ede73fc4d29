//! Exponential histograms of durations: 64 buckets for each doubling, so that a bucket's middle is within 0.6 % of what is in it.
//!
//! The buckets are those of OpenTelemetry's exponential histogram with scale 6
//! (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>).

use flowglass_model::ExponentialHistogram;

use super::bits::{BitReader, BitWriter};
use crate::block::Damaged;
use crate::block::bytes::{Reader, put_stream, put_varint};

const BUCKETS_PER_DOUBLING: f64 = 64.0;
/// Durations of zero are in a bucket of their own, below all others.
const ZERO: i32 = -1;
/// The bucket of the longest duration that there is.
const LAST: i32 = 64 * 64;

const MOST_BUCKETS: usize = (LAST - ZERO + 1) as usize;
/// So few buckets are put between others one by one.
const FEW: usize = 3;

/// Returns the bucket of a duration.
pub(crate) fn bucket(duration_ns: u64) -> i32 {
    if duration_ns == 0 { ZERO } else { ((duration_ns as f64).log2() * BUCKETS_PER_DOUBLING) as i32 }
}

fn middle_ns(bucket: i32) -> f64 {
    if bucket == ZERO { 0.0 } else { ((f64::from(bucket) + 0.5) / BUCKETS_PER_DOUBLING).exp2() }
}

/// How many durations fell into each bucket, for those that aren't empty, in ascending order: most histograms are of few durations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    buckets: Vec<(i32, u64)>,
}

impl Histogram {
    /// Takes over the durations, in nanoseconds, that a histogram of the same scale counts.
    pub(crate) fn of(histogram: &ExponentialHistogram) -> Self {
        let mut taken = Self::default();
        if histogram.zero_count > 0 {
            taken.add(ZERO, histogram.zero_count);
        }
        // A nanosecond lies at the upper bound of the bucket below the first.
        let bucket = |index: i64| index.clamp(0, i64::from(LAST)) as i32;
        histogram.positive.filled().for_each(|(index, count)| taken.add(bucket(index), count));
        taken
    }

    /// Takes over counts of ascending buckets in place of its own.
    pub(crate) fn take_sorted(&mut self, buckets: impl Iterator<Item = (i32, u64)>) {
        self.buckets.clear();
        self.buckets.extend(buckets);
    }

    /// Counts durations of one bucket, at least one.
    pub(crate) fn add(&mut self, bucket: i32, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.merge_sorted(&other.buckets);
    }

    fn merge_sorted(&mut self, other: &[(i32, u64)]) {
        if other.len() <= FEW {
            return other.iter().for_each(|&(bucket, count)| self.add(bucket, count));
        }
        let room = Vec::with_capacity(self.buckets.len() + other.len());
        let ours = std::mem::replace(&mut self.buckets, room);
        let (mut ours, mut theirs) = (ours.as_slice(), other);
        while let ([first, rest @ ..], [other, others @ ..]) = (ours, theirs) {
            let count = if first.0 == other.0 { first.1.saturating_add(other.1) } else { first.min(other).1 };
            self.buckets.push((first.0.min(other.0), count));
            ours = if first.0 <= other.0 { rest } else { ours };
            theirs = if other.0 <= first.0 { others } else { theirs };
        }
        self.buckets.extend_from_slice(ours);
        self.buckets.extend_from_slice(theirs);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Returns the buckets that aren't empty, in ascending order.
    pub(crate) fn buckets(&self) -> impl ExactSizeIterator<Item = (i32, u64)> + Clone {
        self.buckets.iter().copied()
    }

    /// Returns how many durations are zero, the bucket of the others that is first, and the counts from there on.
    pub(crate) fn above_zero(&self) -> (u64, i32, Vec<u64>) {
        let zeros = self.buckets.partition_point(|(bucket, _)| *bucket == ZERO);
        let zero_count = self.buckets[..zeros].iter().map(|(_, count)| count).sum();
        let others = &self.buckets[zeros..];
        let Some((&(first, _), &(last, _))) = others.first().zip(others.last()) else { return (zero_count, 0, Vec::new()) };
        let mut counts = vec![0; (last - first + 1) as usize];
        others.iter().for_each(|(bucket, count)| counts[(bucket - first) as usize] = *count);
        (zero_count, first, counts)
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
        let number = self.buckets.len() as u64;
        put_varint(out, number);
        let (Some(&(first, _)), Some(&(last, _))) = (self.buckets.first(), self.buckets.last()) else { return };
        let low = |mean: u64| mean.checked_ilog2().unwrap_or(0).min(31);
        let span = u64::from(last.abs_diff(first)) + 1;
        let (gap_low, count_low) = (low(span / number), low(self.count() / number));
        let mut bits = BitWriter::default();
        let mut next = first;
        for (bucket, count) in self.buckets() {
            bits.put_rice(u64::from(bucket.abs_diff(next)), gap_low);
            put_count(&mut bits, count - 1, count_low);
            next = bucket + 1;
        }
        put_varint(out, u64::from(first.abs_diff(ZERO)));
        out.extend([gap_low as u8, count_low as u8]);
        put_stream(out, &bits.finish());
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
        let mut found = Vec::with_capacity((number as usize).min(MOST_BUCKETS));
        for _ in 0..number {
            let bucket = next.saturating_add(bits.rice(gap_low)?);
            found.push((checked(bucket)?, read_count(&mut bits, count_low)?.saturating_add(1)));
            next = bucket + 1;
        }
        self.merge_sorted(&found);
        Ok(())
    }

    /// Writes gaps and counts as plain numbers, quickly: for what is soon merged into others.
    pub(crate) fn put_quickly(buckets: impl ExactSizeIterator<Item = (i32, u64)>, out: &mut Vec<u8>) {
        put_varint(out, buckets.len() as u64);
        let mut next = ZERO;
        for (bucket, count) in buckets {
            put_varint(out, u64::from(bucket.abs_diff(next)) << 1 | u64::from(count > 1));
            if count > 1 {
                put_varint(out, count);
            }
            next = bucket + 1;
        }
    }

    /// Adds what [`put_quickly`](Self::put_quickly) wrote.
    pub(crate) fn add_quickly_stored(&mut self, reader: &mut Reader<'_>) -> Result<(), Damaged> {
        let number = reader.count()?;
        let mut found = Vec::with_capacity(number.min(MOST_BUCKETS));
        let mut next = 0u64;
        for _ in 0..number {
            let code = reader.varint()?;
            let bucket = next.saturating_add(code >> 1);
            found.push((checked(bucket)?, if code & 1 == 1 { reader.varint()? } else { 1 }));
            next = bucket + 1;
        }
        self.merge_sorted(&found);
        Ok(())
    }
}

/// Takes a bucket as it is stored: counted from the one of zero.
fn checked(bucket: u64) -> Result<i32, Damaged> {
    let found = i32::try_from(bucket).ok().map(|bucket| bucket + ZERO).filter(|bucket| *bucket <= LAST);
    found.ok_or(Damaged("a histogram has no such bucket"))
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

    fn read(reader: &mut Reader<'_>) -> Result<Histogram, Damaged> {
        let mut histogram = Histogram::default();
        histogram.add_stored(reader).map(|()| histogram)
    }

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
            prop_assert_eq!(&read(&mut Reader::new(&out)).unwrap(), &histogram);
            let (mut quick, mut back) = (Vec::new(), Histogram::default());
            Histogram::put_quickly(histogram.buckets(), &mut quick);
            back.add_quickly_stored(&mut Reader::new(&quick)).unwrap();
            prop_assert_eq!(back, histogram);
        }

        #[test]
        fn merging_is_counting_together(a in prop::collection::vec(0u64..5000, 0..60), b in prop::collection::vec(0u64..5000, 0..60)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(histogram) = read(&mut Reader::new(&bytes)) {
                let _ = histogram.quantile_ns(0.5);
            }
            let _ = Histogram::default().add_quickly_stored(&mut Reader::new(&bytes));
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
        assert_eq!(read(&mut reader).unwrap(), histogram);
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
