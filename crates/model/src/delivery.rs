//! How well something is delivered: how long it takes, and how full what waits for it becomes.

use std::time::Duration;

/// How long something takes that is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    count: u64,
    total: Duration,
    last: Duration,
}

impl Timing {
    /// Notes how long it took this time.
    pub const fn add(&mut self, took: Duration) {
        self.count = self.count.saturating_add(1);
        self.total = self.total.saturating_add(took);
        self.last = took;
    }

    /// Returns how often it was done.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns how long it took the last time; zero if it was never done.
    #[must_use]
    pub const fn last(&self) -> Duration {
        self.last
    }

    /// Returns how long it took on average; zero if it was never done.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let nanoseconds = self.total.as_nanos().checked_div(u128::from(self.count)).unwrap_or_default();
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// How often something that has a limit became nearly full: nine tenths. It counts anew when it was at most half full in between, so that
/// going up and down at the mark counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fullness {
    times: u64,
    is_nearly_full: bool,
}

impl Fullness {
    /// Notes how much of the most that there may be is used now.
    pub const fn note(&mut self, used: u64, most: u64) {
        if used <= most / 2 {
            self.is_nearly_full = false;
        } else if !self.is_nearly_full && used >= most - most / 10 {
            self.is_nearly_full = true;
            self.times += 1;
        }
    }

    /// Returns how often it became nearly full.
    #[must_use]
    pub const fn times(&self) -> u64 {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_seen_in_the_mean() {
        let mut timing = Timing::default();
        assert_eq!((timing.count(), timing.last(), timing.mean()), (0, Duration::ZERO, Duration::ZERO));
        [9, 2, 1].into_iter().for_each(|took| timing.add(Duration::from_millis(took)));
        assert_eq!((timing.count(), timing.last(), timing.mean()), (3, Duration::from_millis(1), Duration::from_millis(4)));
        timing.add(Duration::MAX);
        assert!(timing.mean() > Duration::from_secs(1_000_000));
    }

    #[test]
    fn each_crossing_counts_once() {
        let mut fullness = Fullness::default();
        let times = [0, 89, 90, 100, 60, 95, 51, 90, 50, 89, 91, 0].map(|used| {
            fullness.note(used, 100);
            fullness.times()
        });
        assert_eq!(times, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
        let mut none = Fullness::default();
        none.note(0, 0);
        assert_eq!(none.times(), 0, "what may hold nothing is never nearly full");
    }
}
