//! Which failures are tried again, and when.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// What happens after a failed attempt. What is not given is left to the engine's defaults.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Retry {
    /// How many further attempts there are after the first one.
    pub attempts: u32,
    /// How the delay grows.
    pub backoff: Option<Backoff>,
    /// The time before the second attempt.
    pub delay: Option<Duration>,
    /// The share of each delay that is random, from 0 to 1.
    pub jitter: Option<f64>,
    /// Which failures are tried again; empty: all that may go away by themselves.
    pub on: Vec<RetryOn>,
}

impl Retry {
    /// Says whether a failure is one of those that are tried again.
    #[must_use]
    pub fn applies_to(&self, error: &Error) -> bool {
        if self.on.is_empty() {
            return error.is_retryable();
        }
        self.on.iter().any(|on| on.is(error))
    }
}

/// How the delay between attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// It stays.
    Constant,
    /// Twice, three times, four times the first.
    Linear,
    /// It doubles each time.
    Exponential,
}

impl Backoff {
    /// Every growth with its word in a pipeline file.
    pub const WORDS: [(&'static str, Self); 3] =
        [("constant", Self::Constant), ("linear", Self::Linear), ("exponential", Self::Exponential)];
}

/// A kind of failure that is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// The program ended with this code.
    Code(i32),
    /// The program ended with any code other than 0.
    Exit,
    /// The program was killed by a signal.
    Signal,
    /// The program took too long.
    Timeout,
    /// The output was not what `parse` says.
    Output,
}

impl RetryOn {
    /// Every kind that is a word in a pipeline file.
    pub const WORDS: [(&'static str, Self); 4] =
        [("exit", Self::Exit), ("signal", Self::Signal), ("timeout", Self::Timeout), ("output", Self::Output)];

    fn is(self, error: &Error) -> bool {
        match self {
            Self::Code(code) => error.exit_code() == Some(code),
            Self::Exit => error.kind() == ErrorKind::Exit,
            Self::Signal => error.kind() == ErrorKind::Signal,
            Self::Timeout => error.kind() == ErrorKind::Timeout,
            Self::Output => error.kind() == ErrorKind::Output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_failures_are_tried_again() {
        let exit = Error::new(ErrorKind::Exit, "x").with_exit_code(75);
        let missing = Error::new(ErrorKind::NotFound, "x");
        let retry = |on: &[RetryOn]| Retry { attempts: 1, on: on.to_vec(), ..Retry::default() };
        assert!(retry(&[]).applies_to(&exit));
        assert!(!retry(&[]).applies_to(&missing));
        assert!(retry(&[RetryOn::Code(75)]).applies_to(&exit));
        assert!(retry(&[RetryOn::Timeout, RetryOn::Exit]).applies_to(&exit));
        assert!(!retry(&[RetryOn::Code(1), RetryOn::Signal]).applies_to(&exit));
    }
}
