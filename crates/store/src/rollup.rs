//! Which counts and durations of many spans are asked for: by time and pipeline.

const NS_PER_S: i64 = 1_000_000_000;
const NS_PER_MINUTE: i64 = 60 * NS_PER_S;

/// Which counts are wanted, and how finely they are told apart in time. The default asks for everything in one period.
///
/// Only whole minutes are counted: a time within a minute leaves the minute out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Only spans that started at this time or later, in nanoseconds since 1970 UTC.
    pub start_unix_ns: Option<i64>,
    /// Only spans that started before this time, in nanoseconds since 1970 UTC.
    pub end_unix_ns: Option<i64>,
    /// Only spans of the pipeline with exactly this name.
    pub pipeline: Option<String>,
    /// How many minutes each period has; nothing for one period over all.
    pub period_minutes: Option<u32>,
}

impl RollupFilter {
    /// Returns the first minute since 1970 that is wanted, and the one behind the last.
    #[must_use]
    pub fn minutes(&self) -> std::ops::Range<i64> {
        let first = self.start_unix_ns.map_or(i64::MIN, |start| minute(start.saturating_sub(1)).saturating_add(1));
        first..self.end_unix_ns.map_or(i64::MAX, minute)
    }

    /// Says whether spans that started then, in a pipeline of this name, are wanted.
    #[must_use]
    pub fn wants(&self, start_unix_ns: i64, pipeline: &str) -> bool {
        self.minutes().contains(&minute(start_unix_ns)) && self.pipeline.as_ref().is_none_or(|name| name == pipeline)
    }

    /// Returns when the period begins that a time is in, in nanoseconds since 1970 UTC; nothing if there is one over all.
    #[must_use]
    pub fn period_of(&self, unix_ns: i64) -> Option<i64> {
        let period_ns = i64::from(self.period_minutes?.max(1)).saturating_mul(NS_PER_MINUTE);
        Some(unix_ns.div_euclid(period_ns).saturating_mul(period_ns))
    }
}

const fn minute(unix_ns: i64) -> i64 {
    unix_ns.div_euclid(NS_PER_MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_minutes_are_wanted() {
        let filter = RollupFilter {
            start_unix_ns: Some(NS_PER_MINUTE + 1),
            end_unix_ns: Some(4 * NS_PER_MINUTE - 1),
            ..RollupFilter::default()
        };
        assert_eq!(filter.minutes(), 2..3);
        assert!(filter.wants(2 * NS_PER_MINUTE, "p") && !filter.wants(NS_PER_MINUTE + 5, "p"));
        assert!(RollupFilter::default().wants(i64::MIN, "") && RollupFilter::default().wants(i64::MAX - NS_PER_MINUTE, ""));
        let hourly = RollupFilter { period_minutes: Some(60), ..RollupFilter::default() };
        assert_eq!(hourly.period_of(61 * NS_PER_MINUTE), Some(60 * NS_PER_MINUTE));
        assert_eq!(hourly.period_of(-1), Some(-60 * NS_PER_MINUTE));
    }
}
