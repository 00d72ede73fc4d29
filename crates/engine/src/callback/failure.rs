//! A callback that failed, as the run tells of it.

use std::fmt;
use std::sync::Arc;

/// A callback that returned an error or panicked. Each callback is reported once a run, with its first failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackFailure {
    pub(super) callback: Arc<str>,
    pub(super) event: String,
    pub(super) message: String,
    pub(super) panicked: bool,
    pub(super) times: u64,
}

impl CallbackFailure {
    /// Returns the callback's name.
    #[must_use]
    pub fn callback(&self) -> &str {
        &self.callback
    }

    /// Returns which event it was told of when it failed: `node.finished of outer > inner > node`.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Returns what it said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Says whether it panicked. It is then told nothing more, in later runs neither.
    #[must_use]
    pub fn panicked(&self) -> bool {
        self.panicked
    }

    /// Returns how often it failed in this run.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.times
    }
}

impl fmt::Display for CallbackFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.panicked { "panicked" } else { "failed" };
        write!(f, "callback `{}` {verb} at {}: {}", self.callback, self.event, self.message)?;
        if self.times > 1 { write!(f, " ({} times)", self.times) } else { Ok(()) }
    }
}
