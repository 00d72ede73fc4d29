//! Errors that nodes make themselves, and what panics say.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;

use super::BoxError;

/// An error of a node that says its own `error.type`, for nodes that know more than a message.
#[derive(Debug)]
pub struct NodeError {
    pub(super) error_type: String,
    message: String,
    source: Option<BoxError>,
    /// The error that this one only adds a type to.
    pub(super) stands_for: Option<BoxError>,
}

impl NodeError {
    /// Makes an error with a type (the attribute `error.type`, which a retry can ask for) and a message.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into(), source: None, stands_for: None }
    }

    /// Adds a type to an error, whose message and cause it keeps.
    pub fn typed(error_type: impl Into<String>, error: impl Into<BoxError>) -> Self {
        let error = error.into();
        Self { message: error.to_string(), stands_for: Some(error), ..Self::new(error_type, "") }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the type.
    #[must_use]
    pub fn error_type(&self) -> &str {
        &self.error_type
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for NodeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Some(original) = &self.stands_for {
            return original.source();
        }
        self.source.as_deref().map(|source| source as _)
    }
}

/// Returns what a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("with a value that is no text")
}
