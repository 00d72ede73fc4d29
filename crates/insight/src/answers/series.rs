//! Counts and durations over time, a bucket a period.

use std::collections::BTreeMap;

use flowglass_model::Rollup;
use serde::Serialize;

use super::nodes::part;

/// What happened in one period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bucket {
    /// When the period begins, in nanoseconds since 1970 UTC.
    pub start_unix_ns: i64,
    /// How many spans that began then have ended.
    pub count: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many of them came from the cache.
    pub cached: u64,
    /// The part of them that failed, 0 to 1.
    pub error_rate: f64,
    /// The mean duration, in nanoseconds.
    pub mean_ns: u64,
    /// What 95 of 100 don't exceed, in nanoseconds, within 1 %.
    pub p95_ns: u64,
}

/// The most periods in which nothing happened that are told one by one.
const MOST_EMPTY: i64 = 10_000;

/// Returns a bucket for each period from the first to the last that has something, by time; `period_ns` is how long one is.
/// What the roll-ups don't tell apart by time is left out.
#[must_use]
pub fn series(rollups: &[Rollup], period_ns: i64) -> Vec<Bucket> {
    let mut sums: BTreeMap<i64, Rollup> = BTreeMap::new();
    for rollup in rollups {
        if let Some(start) = rollup.start_unix_ns {
            sums.entry(start).or_default().merge(rollup);
        }
    }
    if let (Some((&first, _)), Some((&last, _))) = (sums.first_key_value(), sums.last_key_value())
        && period_ns > 0
        && last.saturating_sub(first) / period_ns <= MOST_EMPTY
    {
        let starts = std::iter::successors(Some(first), |start| start.checked_add(period_ns).filter(|next| *next < last));
        for start in starts.collect::<Vec<_>>() {
            sums.entry(start).or_default();
        }
    }
    sums.iter().map(|(start, sum)| bucket(*start, sum)).collect()
}

fn bucket(start_unix_ns: i64, sum: &Rollup) -> Bucket {
    Bucket {
        start_unix_ns,
        count: sum.count,
        errors: sum.errors,
        cached: sum.cached,
        error_rate: part(sum.errors, sum.count),
        mean_ns: sum.total_ns.checked_div(sum.count).unwrap_or_default(),
        p95_ns: sum.quantile_ns(0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::nodes::rollup;

    #[test]
    fn periods_in_which_nothing_happened_are_told_too() {
        let buckets = series(&[rollup("a", 0, &[100, 300], 1), rollup("b", 120, &[50], 0), rollup("a", 0, &[200], 0)], 60);
        let plain = |bucket: &Bucket| (bucket.start_unix_ns, bucket.count, bucket.errors, bucket.mean_ns);
        assert_eq!(buckets.iter().map(plain).collect::<Vec<_>>(), [(0, 3, 1, 200), (60, 0, 0, 0), (120, 1, 0, 50)]);
        let far = series(&[rollup("a", i64::MIN, &[1], 0), rollup("a", i64::MAX, &[1], 0)], 1);
        assert_eq!((far.len(), series(&[], 60).len()), (2, 0));
    }
}
