//! The one error type of running commands and reading values.

use std::error::Error as StdError;
use std::fmt;

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value given by a person doesn't fit: wrong type, unknown name, unreadable list.
    Value,
    /// A value can't be put into a command: too long, a list inside an argument, a zero byte.
    Template,
    /// The program, its folder or its interpreter doesn't exist.
    NotFound,
    /// The program may not be run.
    PermissionDenied,
    /// The program ended with a code other than 0.
    Exit,
    /// The program was killed by a signal.
    Signal,
    /// The program took longer than its timeout.
    Timeout,
    /// The program printed more than is accepted.
    TooLarge,
    /// The program's output is not what `parse` says.
    Output,
    /// The operating system failed in another way.
    Io,
}

/// A failure of a command or of a value, with what a person needs to put it right.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    exit_code: Option<i32>,
    stderr: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), exit_code: None, stderr: None, source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn with_exit_code(mut self, code: i32) -> Self {
        self.exit_code = Some(code);
        self
    }

    pub(crate) fn with_stderr(mut self, stderr: String) -> Self {
        self.stderr = (!stderr.trim().is_empty()).then_some(stderr);
        self
    }

    pub(crate) fn io(doing: impl fmt::Display, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("{doing}: {source}")).with_source(source)
    }

    /// Returns what kind of failure this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Says whether the same command may succeed when it is run again unchanged.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Exit | ErrorKind::Signal | ErrorKind::Timeout | ErrorKind::Output | ErrorKind::Io)
    }

    /// Returns what went wrong, without the program's error output.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the code with which the program ended, if it ended by itself.
    #[must_use]
    pub const fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }

    /// Returns the last lines that the program wrote to its error output.
    #[must_use]
    pub fn stderr(&self) -> Option<&str> {
        self.stderr.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let Some(stderr) = &self.stderr else { return Ok(()) };
        // The last line most often says why; it stands first, where one line is all there is room for.
        let lines: Vec<&str> = stderr.trim_end().lines().collect();
        write!(f, ": {}", lines.last().map_or("", |line| line.trim()))?;
        if lines.len() > 1 {
            f.write_str("\n  the end of its error output:")?;
            lines.iter().try_for_each(|line| write!(f, "\n  | {line}"))?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
