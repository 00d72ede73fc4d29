//! A distribution that many threads record into without a lock: buckets that are made when something falls into them.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

use flowglass_model::{Buckets, ExponentialHistogram, Totals};

use super::cells::{add_float, update};

/// Buckets between a number and its double.
const OCTAVE: usize = 1 << ExponentialHistogram::SCALE;
/// Octaves of which some are likely used together.
const GROUP: usize = 64;
/// All exponents of an `f64`, in groups.
const GROUPS: usize = 2048 / GROUP;
/// The index of the first bucket.
const FIRST: i64 = -1023 * OCTAVE as i64;

/// Values by the buckets that [`ExponentialHistogram`] has, whose error it shares.
#[derive(Debug)]
pub(super) struct Distribution {
    zero_count: AtomicU64,
    /// The bits of `f64`s.
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    positive: Side,
    negative: Side,
}

type Octave = [AtomicU64; OCTAVE];
type Group = [OnceLock<Box<Octave>>; GROUP];

/// The values of one sign.
#[derive(Debug, Default)]
struct Side {
    groups: [OnceLock<Box<Group>>; GROUPS],
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            zero_count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(f64::INFINITY.to_bits()),
            max: AtomicU64::new(f64::NEG_INFINITY.to_bits()),
            positive: Side::default(),
            negative: Side::default(),
        }
    }
}

impl Distribution {
    /// Adds a value. What is no number, or infinite, is left out.
    #[inline]
    pub(super) fn record(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        add_float(&self.sum, value);
        update(&self.min, |min| (value < min).then_some(value));
        update(&self.max, |max| (value > max).then_some(value));
        if value == 0.0 {
            self.zero_count.fetch_add(1, SeqCst);
            return;
        }
        let side = if value > 0.0 { &self.positive } else { &self.negative };
        side.bucket(ExponentialHistogram::index_of(value.abs())).fetch_add(1, SeqCst);
    }

    /// Returns what was recorded since the last time; nothing where nothing was.
    ///
    /// A value that is being recorded meanwhile may have its sum in this and its count in the next histogram: none is lost
    /// or told twice.
    pub(super) fn take(&self) -> Option<ExponentialHistogram> {
        let (positive, negative) = (self.positive.take(), self.negative.take());
        let zero_count = self.zero_count.swap(0, SeqCst);
        let count = zero_count + positive.count() + negative.count();
        if count == 0 {
            return None;
        }
        let taken = |bits: &AtomicU64, empty: f64| f64::from_bits(bits.swap(empty.to_bits(), SeqCst));
        let totals = Totals {
            count,
            sum: Some(taken(&self.sum, 0.0)),
            min: Some(taken(&self.min, f64::INFINITY)).filter(|min| min.is_finite()),
            max: Some(taken(&self.max, f64::NEG_INFINITY)).filter(|max| max.is_finite()),
        };
        let whole = ExponentialHistogram { totals, zero_count, positive, negative, ..ExponentialHistogram::default() };
        // Merging makes buckets coarser where there are too many of them.
        let mut bounded = ExponentialHistogram::default();
        bounded.merge(&whole);
        Some(bounded)
    }
}

impl Side {
    #[inline]
    fn bucket(&self, index: i64) -> &AtomicU64 {
        let at = usize::try_from(index - FIRST).unwrap_or_default().min(GROUPS * GROUP * OCTAVE - 1);
        let (octave, bucket) = (at / OCTAVE, at % OCTAVE);
        let group = self.groups[octave / GROUP].get_or_init(|| Box::new([const { OnceLock::new() }; GROUP]));
        let octave = group[octave % GROUP].get_or_init(|| Box::new([const { AtomicU64::new(0) }; OCTAVE]));
        &octave[bucket]
    }

    fn take(&self) -> Buckets {
        let mut taken: Vec<(usize, u64)> = Vec::new();
        for (at, octave) in self.octaves() {
            for (bucket, counter) in octave.iter().enumerate() {
                if counter.load(Relaxed) > 0 {
                    taken.push((at * OCTAVE + bucket, counter.swap(0, SeqCst)));
                }
            }
        }
        to_buckets(&taken)
    }

    fn octaves(&self) -> impl Iterator<Item = (usize, &Octave)> {
        let groups = self.groups.iter().enumerate().filter_map(|(at, group)| Some((at, group.get()?)));
        groups.flat_map(|(group_at, group)| {
            let octaves = group.iter().enumerate();
            octaves.filter_map(move |(at, octave)| Some((group_at * GROUP + at, &**octave.get()?)))
        })
    }
}

/// Turns counts, in order of their buckets, into neighbouring buckets.
fn to_buckets(taken: &[(usize, u64)]) -> Buckets {
    let (Some((first, _)), Some((last, _))) = (taken.first(), taken.last()) else { return Buckets::default() };
    let mut counts = vec![0; last - first + 1];
    taken.iter().for_each(|(at, count)| counts[at - first] = *count);
    let offset = i64::try_from(*first).unwrap_or_default() + FIRST;
    Buckets { offset: i32::try_from(offset).unwrap_or_default(), counts }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_threads_lose_nothing() {
        let distribution = Distribution::default();
        let taken = std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| (1..=1000).for_each(|value| distribution.record(f64::from(value))));
            }
            let mut all = ExponentialHistogram::default();
            while all.totals.count < 3000 {
                all.merge(&distribution.take().unwrap_or_default());
            }
            all
        });
        assert_eq!((taken.totals.count, distribution.take()), (3000, None));
    }

    proptest! {
        #[test]
        fn it_is_the_histogram_of_the_model(values in prop::collection::vec(prop::num::f64::ANY, 0..60)) {
            let (distribution, mut wanted) = (Distribution::default(), ExponentialHistogram::default());
            values.iter().for_each(|value| {
                distribution.record(*value);
                wanted.record(*value);
            });
            let found = distribution.take().unwrap_or_default();
            prop_assert_eq!(found.totals.count, wanted.totals.count);
            prop_assert_eq!((found.totals.min, found.totals.max), (wanted.totals.min, wanted.totals.max));
            let filled = |buckets: &Buckets| buckets.filled().collect::<Vec<_>>();
            prop_assert_eq!(filled(&found.positive), filled(&wanted.positive));
            prop_assert_eq!(filled(&found.negative), filled(&wanted.negative));
            prop_assert_eq!((found.scale, found.zero_count), (wanted.scale, wanted.zero_count));
        }
    }
}
