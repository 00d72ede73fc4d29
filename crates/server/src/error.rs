//! Why a receiver couldn't be started, or not stopped as it should.

use std::fmt;

/// Why a receiver couldn't be started, or not stopped as it should.
#[derive(Debug)]
pub struct ServeError {
    kind: ServeErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of error a receiver had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// The address isn't one, or not one of this machine.
    Address,
    /// Another program listens there.
    InUse,
    /// The system doesn't let us listen there.
    Forbidden,
    /// Others could send from elsewhere, and there is no token that they must know.
    Unprotected,
    /// The certificate or its key can't be read or used.
    Tls,
    /// The system gives no threads or sockets.
    System,
    /// The sink couldn't make everything durable.
    Sink,
}

impl ServeError {
    pub(crate) fn new(kind: ServeErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ServeErrorKind {
        self.kind
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
