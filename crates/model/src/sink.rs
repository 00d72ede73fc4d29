//! Where batches go: the trait that stores, exporters and live views implement.

use std::fmt;
use std::sync::Arc;

use crate::Batch;

/// Takes batches: a store, an exporter, a live view.
///
/// Each sink has a thread and a bounded queue of its own, so it may block; it is never called from two threads at once.
pub trait Sink: Send + 'static {
    /// Takes one batch. `Ok` means that the sink has it for good (a store: it is committed).
    ///
    /// # Errors
    /// A retryable error makes the recorder offer the same batch again, a limited number of times; any other drops it, counted.
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError>;

    /// Takes several batches in their order, and removes those that it took from the front of `batches`. By default one after the
    /// other; a store that pays for each commit takes them all at once.
    ///
    /// # Errors
    /// As [`write`](Self::write), about the first batch that is left.
    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        while let [first, rest @ ..] = *batches {
            self.write(first)?;
            *batches = rest;
        }
        Ok(())
    }

    /// Makes everything taken so far durable. Called at a fenced flush and before the end.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        (**self).write(batch)
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        (**self).write_all(batches)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        (**self).flush()
    }
}

/// Why a sink didn't take a batch.
#[derive(Debug)]
pub struct SinkError {
    kind: SinkErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of error a sink had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// Worth trying again: busy, away.
    Unavailable,
    /// No use trying again: full disk, no permission, refused.
    Permanent,
}

impl SinkError {
    /// Makes an error with a message that says what was tried and what to do.
    #[must_use]
    pub fn new(kind: SinkErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> SinkErrorKind {
        self.kind
    }

    /// Says whether the same batch may be offered again.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, SinkErrorKind::Unavailable)
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
