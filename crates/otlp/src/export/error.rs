//! Why an exporter couldn't be set up.

use std::fmt;

/// Why an exporter couldn't be set up.
#[derive(Debug)]
pub struct ExportError {
    kind: ExportErrorKind,
    message: String,
}

/// What kind of error an exporter had while it was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportErrorKind {
    /// The address isn't one.
    Address,
    /// A setting has no meaning: a protocol, a header, a number.
    Setting,
    /// A certificate or a key can't be read or used.
    Tls,
    /// The folder for what waits can't be used, or the file can't be written.
    File,
}

impl ExportError {
    pub(super) fn new(kind: ExportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ExportErrorKind {
        self.kind
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExportError {}
