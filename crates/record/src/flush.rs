//! What a flush tells: which sinks didn't take everything.

use std::fmt;

/// A sink's answer to a fence.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) place: usize,
    pub(crate) error: Option<String>,
}

/// Not everything recorded so far reached every sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlushError {
    failures: Vec<SinkFailure>,
}

/// A sink that didn't take everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkFailure {
    /// The name that the sink was added by.
    pub sink: String,
    /// What kind of failure it is.
    pub kind: SinkFailureKind,
    /// What happened; empty where it ran out of time.
    pub message: String,
}

/// What kind of failure a sink had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkFailureKind {
    /// It didn't finish in time. What is in its queue may still arrive.
    TimedOut,
    /// It returned an error or panicked. What it didn't take is counted as dropped.
    Failed,
}

impl FlushError {
    /// Makes the error of these failures; nothing if there are none.
    pub(crate) fn check(failures: Vec<SinkFailure>) -> Result<(), Self> {
        if failures.is_empty() { Ok(()) } else { Err(Self { failures }) }
    }

    /// Returns the sinks that didn't take everything.
    #[must_use]
    pub fn failures(&self) -> &[SinkFailure] {
        &self.failures
    }

    /// Says whether waiting longer may help: no sink failed, some are only late.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.failures.iter().all(|failure| failure.kind == SinkFailureKind::TimedOut)
    }
}

impl SinkFailure {
    pub(crate) fn timed_out(sink: &str) -> Self {
        Self { sink: sink.to_owned(), kind: SinkFailureKind::TimedOut, message: String::new() }
    }

    pub(crate) fn failed(sink: &str, message: String) -> Self {
        Self { sink: sink.to_owned(), kind: SinkFailureKind::Failed, message }
    }
}

impl fmt::Display for SinkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SinkFailureKind::TimedOut => write!(f, "`{}` did not finish in time", self.sink),
            SinkFailureKind::Failed => write!(f, "`{}` failed: {}", self.sink, self.message),
        }
    }
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not everything recorded was delivered: ")?;
        for (at, failure) in self.failures.iter().enumerate() {
            write!(f, "{}{failure}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for FlushError {}
