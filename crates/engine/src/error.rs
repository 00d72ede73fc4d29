//! The one error type of the engine: what failed, where in the pipeline, and why.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use flowglass_model::{Failure, RunId};

/// An error that user code gave, whatever its type.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pipeline can't be built: its graph has a cycle, two nodes make one output, types don't fit.
    Build,
    /// An input is missing, unknown or of the wrong type.
    Input,
    /// An output that was asked for doesn't exist, or has another type.
    Output,
    /// A node's own code returned an error.
    Node,
    /// A node's own code panicked.
    Panic,
    /// An attempt or a run took longer than it may.
    Timeout,
    /// Somebody stopped the run.
    Cancelled,
    /// Items of a map failed.
    Items,
    /// The cache can't do what was asked of it.
    Cache,
    /// The run needs something that isn't there, such as an async runtime.
    Environment,
    /// A worker in another process died or answered nonsense, or a value couldn't be sent to it or back.
    Worker,
}

impl ErrorKind {
    /// Returns the word used for the attribute `error.type` where user code gives no better one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Input => "input",
            Self::Output => "output",
            Self::Node => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Items => "items_failed",
            Self::Cache => "cache",
            Self::Environment => "environment",
            Self::Worker => "worker",
        }
    }
}

/// Why a pipeline couldn't be built or a run failed. Cheap to clone.
///
/// `Display` names the place and the cause in one line or more; [`source`](StdError::source) gives the original error, which
/// [`cause`](Self::cause) finds by its type.
#[derive(Clone)]
pub struct Error {
    what: Arc<What>,
    place: Option<Arc<Place>>,
}

struct What {
    kind: ErrorKind,
    message: String,
    error_type: Option<String>,
    source: Option<BoxError>,
    /// Whether a span has ended with this error; those that end with it after that only pass it on.
    is_told: AtomicBool,
}

struct Place {
    path: String,
    index: Option<u64>,
    run: RunId,
    attempts: u32,
}

impl Error {
    /// Makes an error with a message.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(What { kind, message: message.into(), error_type: None, source: None, is_told: AtomicBool::new(false) })
    }

    fn of(what: What) -> Self {
        Self { what: Arc::new(what), place: None }
    }

    /// Wraps what user code gave.
    pub(crate) fn from_node(source: BoxError) -> Self {
        Self::of(What {
            kind: ErrorKind::Node,
            message: source.to_string(),
            error_type: source.downcast_ref::<NodeError>().map(|error| error.error_type.clone()),
            source: Some(source),
            is_told: AtomicBool::new(false),
        })
    }

    /// Says, to the first who asks, that the error hasn't been told yet. Those around where it happened only pass it on, and
    /// a map whose items failed has no error of its own.
    pub(crate) fn is_news(&self) -> bool {
        !self.what.is_told.swap(true, Relaxed) && self.what.kind != ErrorKind::Items
    }

    /// Says where the error happened; a place that is already known stays.
    pub(crate) fn at(self, path: &str, index: Option<u64>, run: RunId, attempts: u32) -> Self {
        let place = self.place.or_else(|| Some(Arc::new(Place { path: path.to_owned(), index, run, attempts })));
        Self { place, ..self }
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.what.kind
    }

    /// Says whether doing the same again may help: timeouts and cancellations may, wrong inputs can't.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.what.kind, ErrorKind::Timeout | ErrorKind::Cancelled | ErrorKind::Node | ErrorKind::Worker)
    }

    /// Returns where it happened: `outer > inner > node[3]`; empty for errors of no one node.
    #[must_use]
    pub fn path(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.path)
    }

    /// Returns the name of the node where it happened.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        let last = self.path().rsplit(" > ").next().filter(|name| !name.is_empty())?;
        Some(last.split_once('[').map_or(last, |(name, _)| name))
    }

    /// Returns the index of the map item in which it happened.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        self.place.as_ref()?.index
    }

    /// Returns the run in which it happened.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.place.as_ref().map(|place| place.run)
    }

    /// Returns how many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.place.as_ref().map_or(1, |place| place.attempts)
    }

    /// Returns the message alone, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.what.message
    }

    /// Returns the original error, if it (or one of its causes) is of this type.
    #[must_use]
    pub fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        let mut next: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = next {
            let stands_for = error.downcast_ref::<NodeError>().and_then(|error| error.stands_for.as_deref());
            let found = error.downcast_ref().or_else(|| stands_for.and_then(|original| original.downcast_ref()));
            if found.is_some() {
                return found;
            }
            next = error.source();
        }
        None
    }

    /// Returns the attribute `error.type`.
    #[must_use]
    pub fn error_type(&self) -> &str {
        self.what.error_type.as_deref().unwrap_or(self.what.kind.as_str())
    }

    /// Returns the form told to readers of events and spans.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let mut causes = Vec::new();
        let mut next = self.source().and_then(StdError::source);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Failure { error_type: self.error_type().to_owned(), message: self.what.message.clone(), causes }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        let (first, rest) = self.what.message.split_once('\n').unwrap_or((&self.what.message, ""));
        f.write_str(first)?;
        if self.attempts() > 1 {
            write!(f, " (after {} attempts)", self.attempts())?;
        }
        if !rest.is_empty() {
            write!(f, "\n{rest}")?;
        }
        let mut next = self.source().and_then(StdError::source);
        while let Some(cause) = next {
            write!(f, "\n  caused by: {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.what.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.what.source.as_deref().map(|source| source as _)
    }
}

/// Returns what a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("with a value that is no text")
}

/// An error of a node that says its own `error.type`, for nodes that know more than a message.
#[derive(Debug)]
pub struct NodeError {
    error_type: String,
    message: String,
    source: Option<BoxError>,
    /// The error that this one only adds a type to.
    stands_for: Option<BoxError>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_error_is_found_by_its_type() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Error::from_node(Box::new(NodeError::new("io", "reading failed").with_source(io)));
        let error = error.at("outer > load[3]", Some(3), flowglass_model::TraceId::random().into(), 2);
        assert_eq!(error.to_string(), "outer > load[3]: reading failed (after 2 attempts)\n  caused by: no such file");
        assert_eq!(error.cause::<std::io::Error>().unwrap().kind(), std::io::ErrorKind::NotFound);
        assert_eq!((error.node(), error.error_type()), (Some("load"), "io"));
    }
}
