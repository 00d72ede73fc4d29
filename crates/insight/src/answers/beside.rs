//! How runs went beside a metric, period by period: do they fail, or take long, when it is high?

use std::collections::BTreeMap;

use serde::Serialize;

use super::Bucket;

/// A value that was measured at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// When, in nanoseconds since 1970 UTC.
    pub unix_ns: i64,
    /// What.
    pub value: f64,
}

/// Periods with the mean of a metric in each, and how both go together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// The mean of the metric in each period; nothing where it wasn't measured.
    pub means: Vec<Option<f64>>,
    /// How the part that failed goes with the metric: 1 if it rises with it, -1 if it falls, 0 if neither. Nothing if one of both
    /// is always the same, or there are fewer than three periods with both.
    ///
    /// It is [Pearson's coefficient](https://en.wikipedia.org/wiki/Pearson_correlation_coefficient) over the periods.
    pub with_error_rate: Option<f64>,
    /// How the mean duration goes with the metric, likewise.
    pub with_mean_duration: Option<f64>,
}

/// The fewest periods that tell anything.
const LEAST_PERIODS: usize = 3;

/// Puts a metric beside periods of this length.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a mean for people")]
pub fn beside(buckets: &[Bucket], period_ns: i64, measured: &[Measured]) -> Beside {
    let mut sums: BTreeMap<i64, (f64, u64)> = BTreeMap::new();
    for one in measured.iter().filter(|one| one.value.is_finite()) {
        let sum = sums.entry(one.unix_ns.div_euclid(period_ns.max(1))).or_default();
        *sum = (sum.0 + one.value, sum.1 + 1);
    }
    let mean = |bucket: &Bucket| sums.get(&bucket.start_unix_ns.div_euclid(period_ns.max(1))).map(|(sum, n)| sum / *n as f64);
    let means: Vec<Option<f64>> = buckets.iter().map(mean).collect();
    let with = |of: fn(&Bucket) -> f64| {
        let both = buckets.iter().zip(&means).filter(|(bucket, _)| bucket.count > 0);
        correlation(&both.filter_map(|(bucket, mean)| Some(((*mean)?, of(bucket)))).collect::<Vec<_>>())
    };
    let (with_error_rate, with_mean_duration) = (with(|bucket| bucket.error_rate), with(|bucket| bucket.mean_ns as f64));
    Beside { means, with_error_rate, with_mean_duration }
}

#[expect(clippy::cast_precision_loss, reason = "a few periods")]
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
    let (xy, xx, yy) = (sum(&|x, y| x * y), sum(&|x, _| x * x), sum(&|_, y| y * y));
    let coefficient = xy / (xx.sqrt() * yy.sqrt());
    (pairs.len() >= LEAST_PERIODS && coefficient.is_finite()).then(|| coefficient.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(hour: i64, errors: u64, mean_ns: u64) -> Bucket {
        let error_rate = errors as f64 / 10.0;
        Bucket { start_unix_ns: hour * 100, count: 10, errors, cached: 0, error_rate, mean_ns, p95_ns: 0 }
    }

    #[test]
    fn failures_that_rise_with_a_metric_are_seen() {
        let buckets =
            [bucket(0, 0, 9), bucket(1, 2, 8), bucket(2, 4, 7), Bucket { count: 0, ..bucket(3, 0, 0) }, bucket(4, 9, 1)];
        let at = |unix_ns, value| Measured { unix_ns, value };
        let measured = [at(5, 10.0), at(99, 20.0), at(150, 35.0), at(250, 55.0), at(310, 99.0), at(-1, f64::NAN)];
        let found = beside(&buckets, 100, &measured);
        assert_eq!(found.means, [Some(15.0), Some(35.0), Some(55.0), Some(99.0), None]);
        assert!((found.with_error_rate.unwrap() - 1.0).abs() < 1e-9, "{found:?}");
        assert!((found.with_mean_duration.unwrap() + 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(beside(&buckets[..2], 100, &measured).with_error_rate, None, "two periods tell nothing");
        assert_eq!(beside(&buckets, 100, &[at(5, 1.0), at(150, 1.0), at(250, 1.0)]).with_error_rate, None, "always the same");
    }

    proptest! {
        #[test]
        fn any_numbers_are_fine(values in prop::collection::vec((any::<i64>(), any::<f64>()), 0..20), period in any::<i64>()) {
            let measured: Vec<_> = values.into_iter().map(|(unix_ns, value)| Measured { unix_ns, value }).collect();
            let found = beside(&[bucket(0, 1, 1), bucket(i64::MAX / 100, 2, 2), bucket(5, 3, 4)], period, &measured);
            prop_assert!(found.with_error_rate.is_none_or(|with| (-1.0..=1.0).contains(&with)));
        }
    }
}
