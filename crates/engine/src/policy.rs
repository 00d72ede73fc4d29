//! What a node may do when it fails or takes long: retries with backoff, a timeout an attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, ErrorKind};

/// How the wait grows from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backoff {
    /// Always the delay.
    Constant,
    /// The delay times the number of the attempt that failed.
    Linear,
    /// The delay, doubled after each further failure.
    #[default]
    Exponential,
}

type Filter = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

/// How often a failed node is tried again, after which waits, and for which errors.
#[derive(Clone)]
pub struct Retry {
    attempts: u32,
    delay: Duration,
    max_delay: Duration,
    backoff: Backoff,
    jitter: f64,
    filter: Option<Filter>,
}

impl Retry {
    /// Allows this many attempts in all, with waits of 1 s, 2 s, 4 s, … up to 60 s, each off by up to 25 %.
    #[must_use]
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            backoff: Backoff::Exponential,
            jitter: 0.25,
            filter: None,
        }
    }

    /// Sets the first wait.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the longest wait.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// Sets how the waits grow.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets by which fraction a wait may be off, in [0, 1].
    #[must_use]
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter.clamp(0.0, 1.0);
        self
    }

    /// Retries only errors for which this says yes.
    #[must_use]
    pub fn on(mut self, filter: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(filter));
        self
    }

    /// Returns how many attempts are made at most.
    #[must_use]
    pub const fn most_attempts(&self) -> u32 {
        self.attempts
    }

    /// Says whether another attempt follows this failed one (counted from 1).
    pub(crate) fn again(&self, attempt: u32, error: &Error) -> bool {
        let was_stopped = error.kind() == ErrorKind::Cancelled;
        attempt < self.attempts && !was_stopped && self.filter.as_ref().is_none_or(|filter| filter(error))
    }

    /// Returns the wait after this failed attempt; `random` is in [0, 1).
    pub(crate) fn wait(&self, attempt: u32, random: f64) -> Duration {
        let factor = match self.backoff {
            Backoff::Constant => 1.0,
            Backoff::Linear => f64::from(attempt),
            Backoff::Exponential => 2f64.powi(attempt.saturating_sub(1).min(63).cast_signed()),
        };
        let seconds = (self.delay.as_secs_f64() * factor).min(self.max_delay.as_secs_f64());
        let jittered = seconds * (1.0 + self.jitter * (2.0 * random - 1.0));
        Duration::try_from_secs_f64(jittered).unwrap_or(self.max_delay)
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("delay", &self.delay)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let retry = Retry::attempts(9).delay(Duration::from_millis(100)).max_delay(Duration::from_secs(1)).jitter(0.0);
        let waits = |retry: &Retry| (1..=5).map(|attempt| retry.wait(attempt, 0.5).as_millis()).collect::<Vec<_>>();
        assert_eq!(waits(&retry), [100, 200, 400, 800, 1000]);
        assert_eq!(waits(&retry.clone().backoff(Backoff::Linear)), [100, 200, 300, 400, 500]);
        assert_eq!(waits(&retry.clone().backoff(Backoff::Constant)), [100; 5]);
        assert_eq!(retry.wait(u32::MAX, 0.5).as_secs(), 1);
    }

    #[test]
    fn jitter_stays_within_its_fraction() {
        let retry = Retry::attempts(2).delay(Duration::from_secs(1));
        assert_eq!(retry.wait(1, 0.0).as_millis(), 750);
        assert!(retry.wait(1, 0.999).as_millis() <= 1250);
    }

    #[test]
    fn attempts_count_all_tries() {
        let error = Error::new(ErrorKind::Node, "x");
        assert!(!Retry::attempts(1).again(1, &error));
        assert!(Retry::attempts(2).again(1, &error));
        assert!(!Retry::attempts(2).again(2, &error));
        assert!(!Retry::attempts(2).on(|error| error.kind() == ErrorKind::Timeout).again(1, &error));
    }
}
