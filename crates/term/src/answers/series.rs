//! A time series as a table with bars.

use flowglass_insight::answers::Bucket;
use flowglass_insight::quantity;

use super::table;
use crate::Options;
use crate::bar::left_block;
use crate::ink::Ink;
use crate::table::Column;

/// Columns of the longest bar.
const BAR: u64 = 24;

/// Draws a line a period; `times` are the texts of their beginnings, `metric` the mean of a metric in each, if
/// one is to stand beside them. Each line ends with a line break.
#[must_use]
pub fn series(buckets: &[Bucket], times: &[String], metric: Option<&[Option<f64>]>, options: &Options) -> String {
    if buckets.is_empty() {
        return "nothing has ended in this time\n".to_owned();
    }
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0).max(1);
    let numbers = |title, rank, of: &dyn Fn(&Bucket) -> String| Column::numbers(title, rank, buckets.iter().map(of));
    let unless_empty = |bucket: &Bucket, text: String| if bucket.count == 0 { String::new() } else { text };
    let bars = buckets.iter().map(|bucket| {
        let ink = if bucket.errors > 0 { Ink::Failed } else { Ink::Ok };
        vec![(ink, bar(bucket.count, most, *options))]
    });
    let failed = |bucket: &Bucket| match bucket.errors {
        0 => String::new(),
        errors => format!("{} ({})", quantity::count(errors), quantity::percent(bucket.error_rate)),
    };
    let mut columns = vec![
        Column::text("TIME", 0, times.iter().map(|time| vec![(Ink::Plain, time.clone())]).collect()),
        numbers("COUNT", 0, &|bucket| quantity::count(bucket.count)),
        Column::text("", 4, bars.collect()),
        numbers("FAILED", 1, &failed),
        numbers("MEAN", 3, &|bucket| unless_empty(bucket, quantity::duration(bucket.mean_ns))),
        numbers("P95", 2, &|bucket| unless_empty(bucket, quantity::duration(bucket.p95_ns))),
    ];
    if let Some(means) = metric {
        let mean = |mean: &Option<f64>| mean.map(|mean| format!("{mean:.3}")).unwrap_or_default();
        columns.push(Column::numbers("METRIC", 1, means.iter().map(mean)));
    }
    table(columns, *options)
}

fn bar(count: u64, most: u64, options: Options) -> String {
    let eighths = count.saturating_mul(BAR * 8) / most;
    let full = if options.unicode { "█" } else { "#" };
    let mut bar = full.repeat((eighths / 8) as usize);
    if options.unicode && !eighths.is_multiple_of(8) {
        bar.push(left_block(eighths % 8));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_period() {
        let bucket = |start_unix_ns: i64, count: u64, errors: u64| Bucket {
            start_unix_ns,
            count,
            errors,
            cached: 0,
            error_rate: if count > 0 { errors as f64 / count as f64 } else { 0.0 },
            mean_ns: 1_500_000,
            p95_ns: 2_000_000,
        };
        let buckets = [bucket(0, 8, 0), bucket(1, 0, 0), bucket(2, 3, 1)];
        let times = ["10:00", "10:05", "10:10"].map(str::to_owned);
        insta::assert_snapshot!(series(&buckets, &times, None, &Options::plain(80)), @"
        TIME   COUNT                              FAILED   MEAN    P95
        10:00      8  ████████████████████████            1.5ms  2.0ms
        10:05      0
        10:10      3  █████████                 1 (33 %)  1.5ms  2.0ms
        ");
        let beside = series(&buckets, &times, Some(&[Some(0.5), None, Some(0.125)]), &Options::plain(80));
        assert!(beside.lines().next().unwrap().ends_with("METRIC") && beside.contains("2.0ms   0.500\n"), "{beside}");
        assert!(series(&[], &[], None, &Options::plain(80)).contains("nothing"));
    }
}
