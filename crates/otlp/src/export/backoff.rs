//! How long to wait before a request is tried again.

use std::time::Duration;

/// How long to wait before a request is tried again: each wait is twice as long as the one before, and a random part of it is
/// left out, so that many senders don't come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait; 1 second unless told.
    pub first: Duration,
    /// The longest wait; 30 seconds unless told. What a receiver asks for counts up to ten times as long.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// Returns the wait before attempt `attempt` (1 is the first after a failure): `chance` from 0 to 1 leaves out up to half. A
    /// receiver that asks for a time gets it.
    pub(super) fn wait(&self, attempt: u32, chance: f64, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.longest.saturating_mul(10));
        }
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        doubled.min(self.longest).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u64> = (1..8).map(|attempt| Backoff::default().wait(attempt, 0.0, None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(Backoff::default().wait(u32::MAX, 1.0, None), Duration::from_secs(15));
    }

    #[test]
    fn who_asks_for_a_time_gets_it_within_reason() {
        let wait = |seconds| Backoff::default().wait(9, 1.0, Some(Duration::from_secs(seconds)));
        assert_eq!((wait(0), wait(7), wait(u64::MAX)), (Duration::ZERO, Duration::from_secs(7), Duration::from_secs(300)));
    }
}
