//! The kinds of errors.

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
    /// The run reached a limit that was set for it.
    Limit,
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
            Self::Limit => "limit",
            Self::Cancelled => "cancelled",
            Self::Items => "items_failed",
            Self::Cache => "cache",
            Self::Environment => "environment",
            Self::Worker => "worker",
        }
    }
}
