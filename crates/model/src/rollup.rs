//! Roll-ups: counts and durations of the spans of one name over one time, which outlive the spans.

use serde::{Deserialize, Serialize};

use crate::conventions::{CACHE_STATUS, MAP_UNSAMPLED, MAP_UNSAMPLED_CACHED, MAP_UNSAMPLED_DURATIONS};
use crate::metric::{Buckets, Totals};
use crate::{AttributeValue, CacheStatus, ExponentialHistogram, Span, Status};

/// The buckets of the shortest duration that isn't zero, a nanosecond, and behind that of the longest.
const LOWEST_BUCKET: i32 = -1;
const BUCKETS_END: i32 = 64 << ExponentialHistogram::SCALE;

/// Counts and durations of the ended spans with one pipeline, name and node that started in one period.
///
/// Spans that have numbers for names count together ([`name_of`](Self::name_of)), and items that sampling left without a span count
/// too, as their map's span tells of them ([`of_unsampled`](Self::of_unsampled)).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollup {
    /// When the period begins, in nanoseconds since 1970 UTC; nothing where there is one period over all.
    pub start_unix_ns: Option<i64>,
    /// The pipeline of the spans: their attribute `pipeline.name`, or empty.
    pub pipeline: String,
    /// The name of the spans; `item *` for all items of a map, `attempt *` for all attempts of a node.
    pub name: String,
    /// The node of the spans: their attribute `node.id`, or empty.
    pub node: String,
    /// How many there are.
    pub count: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many of them came from the cache.
    pub cached: u64,
    /// How long they took together, in nanoseconds.
    pub total_ns: u64,
    /// How long the longest took, in nanoseconds.
    pub max_ns: u64,
    /// Their durations, in nanoseconds.
    pub durations: ExponentialHistogram,
}

impl Rollup {
    /// The name under which all items of a map count.
    pub const ALL_ITEMS: &str = "item *";
    /// The name under which all attempts of a node count.
    pub const ALL_ATTEMPTS: &str = "attempt *";

    /// Returns the name under which spans of this name count: a map's items are one, and so are a node's attempts.
    #[must_use]
    pub fn name_of(span_name: &str) -> &str {
        let is_number = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match span_name.split_once(' ') {
            Some(("item", number)) if is_number(number) => Self::ALL_ITEMS,
            Some(("attempt", number)) if is_number(number) => Self::ALL_ATTEMPTS,
            _ => span_name,
        }
    }

    /// Reads what a map's span tells of its items that have no span: their counts and durations, with the name of all items. Nothing
    /// where each has one, or where it isn't told rightly.
    #[must_use]
    pub fn of_unsampled(attribute: impl Fn(&str) -> Option<AttributeValue>) -> Option<Self> {
        let number = |key| attribute(key).as_ref().and_then(natural);
        let count = number(MAP_UNSAMPLED).filter(|&count| count > 0)?;
        let AttributeValue::Map(told) = attribute(MAP_UNSAMPLED_DURATIONS)? else { return None };
        let told = |key: &str| told.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        let durations = durations(told).filter(|durations| durations.totals.count == count)?;
        Some(Self {
            name: Self::ALL_ITEMS.to_owned(),
            count,
            cached: number(MAP_UNSAMPLED_CACHED).unwrap_or_default().min(count),
            total_ns: told("sum_ns").and_then(natural)?,
            max_ns: told("max_ns").and_then(natural)?,
            durations,
            ..Self::default()
        })
    }

    /// Counts an ended span.
    #[expect(clippy::cast_precision_loss, reason = "a bucket is wider than what a float leaves out")]
    pub fn count(&mut self, span: &Span) {
        self.count += 1;
        self.errors += u64::from(span.status == Status::Error);
        self.cached += u64::from(span.text(CACHE_STATUS) == Some(CacheStatus::Hit.as_str()));
        self.total_ns = self.total_ns.saturating_add(span.duration_ns);
        self.max_ns = self.max_ns.max(span.duration_ns);
        self.durations.record(span.duration_ns as f64);
    }

    /// Adds what another one counts, whatever its period and names.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.errors = self.errors.saturating_add(other.errors);
        self.cached = self.cached.saturating_add(other.cached);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.durations.merge(&other.durations);
    }

    /// Returns the duration that a share of the spans (0 to 1) don't exceed, in nanoseconds, within 1 %; 0 of no spans.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are whole numbers from 0")]
    pub fn quantile_ns(&self, share: f64) -> u64 {
        self.durations.quantile(share).map_or(0, |duration_ns| duration_ns.round() as u64).min(self.max_ns)
    }
}

/// Reads durations as a map's span tells them; nothing where no duration could be counted so.
#[expect(clippy::cast_precision_loss, reason = "a bucket is wider than what a float leaves out")]
fn durations<'a>(told: impl Fn(&str) -> Option<&'a AttributeValue>) -> Option<ExponentialHistogram> {
    let number = |key| told(key).and_then(natural);
    let AttributeValue::List(counts) = told("counts")? else { return None };
    let counts: Vec<u64> = counts.iter().map(natural).collect::<Option<_>>()?;
    let offset = i32::try_from(told("offset")?.as_int()?).ok()?;
    let end = offset.checked_add(i32::try_from(counts.len()).ok()?)?;
    let is_ours = told("scale")?.as_int() == Some(i64::from(ExponentialHistogram::SCALE));
    if !is_ours || offset < LOWEST_BUCKET || end > BUCKETS_END {
        return None;
    }
    let (zero_count, positive) = (number("zero")?, Buckets { offset, counts });
    let totals = Totals {
        count: positive.count().saturating_add(zero_count),
        sum: number("sum_ns").map(|sum| sum as f64),
        min: number("min_ns").map(|min| min as f64),
        max: number("max_ns").map(|max| max as f64),
    };
    Some(ExponentialHistogram { totals, zero_count, positive, ..ExponentialHistogram::default() })
}

fn natural(value: &AttributeValue) -> Option<u64> {
    value.as_int().and_then(|number| u64::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_quantiles_stay_below_the_longest() {
        let of = |durations: &[u32]| {
            let mut rollup = Rollup { count: durations.len() as u64, ..Rollup::default() };
            for &duration in durations {
                rollup.durations.record(f64::from(duration));
                rollup.total_ns += u64::from(duration);
                rollup.max_ns = rollup.max_ns.max(duration.into());
            }
            rollup
        };
        let mut all = of(&[100, 200]);
        all.merge(&of(&[300]));
        all.merge(&Rollup::default());
        assert_eq!((all.count, all.total_ns, all.max_ns, all.quantile_ns(1.0)), (3, 600, 300, 300));
        assert!(all.quantile_ns(0.5).abs_diff(200) <= 2);
        assert_eq!(Rollup::default().quantile_ns(0.5), 0);
    }

    #[test]
    fn names_with_numbers_count_together() {
        let names = ["item 0", "item 1234", "attempt 2", "item", "item x", "item 1 ", "items 1", "node item 1"];
        let counted = names.map(Rollup::name_of);
        assert_eq!(counted, ["item *", "item *", "attempt *", "item", "item x", "item 1 ", "items 1", "node item 1"]);
        assert_eq!(Rollup::name_of("item *"), "item *", "what counts together counts so again");
    }

    fn told(count: i64, offset: i64, counts: &[i64]) -> Option<Rollup> {
        let int = AttributeValue::Int;
        let counts = AttributeValue::List(counts.iter().map(|&count| int(count)).collect());
        let entries = [
            ("scale", int(6)),
            ("zero", int(1)),
            ("offset", int(offset)),
            ("counts", counts),
            ("sum_ns", int(2_150)),
            ("min_ns", int(0)),
            ("max_ns", int(1_100)),
        ];
        let durations = AttributeValue::Map(entries.map(|(key, value)| (key.to_owned(), value)).into());
        Rollup::of_unsampled(|key| match key {
            MAP_UNSAMPLED => Some(int(count)),
            MAP_UNSAMPLED_CACHED => Some(int(1)),
            MAP_UNSAMPLED_DURATIONS => Some(durations.clone()),
            _ => None,
        })
    }

    #[test]
    fn items_without_spans_are_read_from_their_map() {
        let bucket = |ns: f64| ExponentialHistogram::index_of(ns);
        let counts: Vec<i64> =
            (bucket(1_050.0)..=bucket(1_100.0)).map(|at| i64::from(at == bucket(1_050.0) || at == bucket(1_100.0))).collect();
        let items = told(3, bucket(1_050.0), &counts).unwrap();
        assert_eq!((items.name.as_str(), items.count, items.errors, items.cached), ("item *", 3, 0, 1));
        assert_eq!((items.total_ns, items.max_ns, items.quantile_ns(1.0), items.quantile_ns(0.0)), (2_150, 1_100, 1_100, 0));
        assert!(items.quantile_ns(0.5).abs_diff(1_050) <= 11);
    }

    #[test]
    fn what_no_map_tells_counts_nothing() {
        assert_eq!(Rollup::of_unsampled(|_| None), None);
        assert_eq!(told(0, 0, &[]), None, "each has a span");
        assert_eq!(told(9, 0, &[1]), None, "it isn't so many");
        assert_eq!(told(0, 0, &[-1]), None);
        for offset in [i64::MIN, -2, 4_096, i64::from(i32::MAX), i64::MAX] {
            assert_eq!(told(2, offset, &[1]), None);
        }
        assert!(told(2, 4_095, &[1]).is_some() && told(2, -1, &[1]).is_some());
    }
}
