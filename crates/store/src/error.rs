//! The one error of this crate: what was tried, on which file, why it failed and what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use flowglass_model::{SinkError, SinkErrorKind};
use rusqlite::ErrorCode;

use crate::RunRecord;

/// Why a store could not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of error a store had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no such store, or no such run in it.
    NotFound,
    /// Several runs begin with the given id.
    Ambiguous,
    /// The file is something else; it was left as it was.
    NotOurs,
    /// A newer version wrote the file; it was left as it was.
    Newer,
    /// The file or its folder can't be written.
    NotWritable,
    /// Another process held the store for longer than the wait; worth trying again.
    Busy,
    /// The file is damaged.
    Corrupt,
    /// The disk is full.
    Full,
    /// The store can't do this, or not where it lies (a file on a network file system).
    Unsupported,
    /// The store is away: a database that doesn't answer; worth trying again.
    Unavailable,
    /// The address names no store that there could be.
    BadAddress,
    /// A SQL statement is wrong, or would write.
    Sql,
    /// A question took more time or memory than it may.
    Limit,
    /// Any other failure of input or output.
    Io,
}

impl StoreError {
    /// Makes an error, for a store of your own; the message says what was tried and what to do.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Makes the error of a failed call of SQLite while doing `what` with the store at `path`.
    pub(crate) fn sqlite(path: &Path, what: &str, source: rusqlite::Error) -> Self {
        let kind = kind_of_sqlite(&source);
        Self::new(kind, format!("can't {what} {}: {source}{}", path.display(), advice(kind))).with_source(source)
    }

    /// Makes the error of a failed call of the operating system while doing `what` with the file at `path`.
    pub(crate) fn io(path: &Path, what: &str, source: io::Error) -> Self {
        let kind = kind_of_io(&source);
        Self::new(kind, format!("can't {what} {}: {source}{}", path.display(), advice(kind))).with_source(source)
    }

    /// Makes the error of a sink of this crate that failed.
    pub(crate) fn of_sink(error: SinkError) -> Self {
        let inner = error.source().and_then(|source| source.downcast_ref::<Self>()).map(|inner| inner.kind);
        let by_sink = if error.is_retryable() { StoreErrorKind::Unavailable } else { StoreErrorKind::Io };
        Self::new(inner.unwrap_or(by_sink), error.to_string()).with_source(error)
    }

    /// Makes the error of an id that no run has; names the last runs.
    pub(crate) fn no_run(place: &str, id: &str, last: &[RunRecord]) -> Self {
        let shown: String = id.chars().take(80).collect();
        let hint = if last.is_empty() {
            "; no run is recorded yet".to_owned()
        } else {
            format!("; the last runs are:{}", named(last))
        };
        Self::new(StoreErrorKind::NotFound, format!("no run in {place} begins with `{shown}`{hint}"))
    }

    /// Makes the error of an id that several runs begin with.
    pub(crate) fn several_runs(id: &str, runs: &[RunRecord]) -> Self {
        let message = format!("several runs begin with `{id}`; give more of the id:{}", named(runs));
        Self::new(StoreErrorKind::Ambiguous, message)
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Says whether the same call may succeed a little later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::Unavailable)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> Self {
        let kind = if error.is_retryable() { SinkErrorKind::Unavailable } else { SinkErrorKind::Permanent };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

/// How many runs an error message names.
pub(crate) const NAMED_RUNS: usize = 5;

fn named(runs: &[RunRecord]) -> String {
    runs.iter().map(|run| format!("\n  {}  {}  {}", run.id, run.status, run.name)).collect()
}

/// Says whether SQLite, or the layer that it reads pages through, found the file other than it was written.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    extended == Some(rusqlite::ffi::SQLITE_IOERR_DATA) || error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

fn kind_of_sqlite(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        _ if is_damage(error) => StoreErrorKind::Corrupt,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Busy,
        Some(ErrorCode::NotADatabase) => StoreErrorKind::Corrupt,
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => StoreErrorKind::NotWritable,
        Some(ErrorCode::SystemIoFailure) => StoreErrorKind::Io,
        // A table or a column that isn't there, a value of another type: the schema is not the one that its version promises.
        _ => StoreErrorKind::Corrupt,
    }
}

fn kind_of_io(error: &io::Error) -> StoreErrorKind {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => StoreErrorKind::NotFound,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotADirectory | Kind::AlreadyExists => {
            StoreErrorKind::NotWritable
        }
        Kind::StorageFull | Kind::QuotaExceeded => StoreErrorKind::Full,
        _ => StoreErrorKind::Io,
    }
}

const fn advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Busy => "; another process is writing, try again",
        StoreErrorKind::Corrupt => "; the file is damaged: restore it from a backup, or move it away to start a new one",
        StoreErrorKind::Full => "; free some space and try again",
        StoreErrorKind::NotWritable => "; check the permissions of the file and its folder, or name another place",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_become_kinds() {
        let kind = |kind: io::ErrorKind| StoreError::io(Path::new("x"), "open", kind.into()).kind();
        assert_eq!(kind(io::ErrorKind::StorageFull), StoreErrorKind::Full);
        assert_eq!(kind(io::ErrorKind::NotADirectory), StoreErrorKind::NotWritable);
        assert_eq!(kind(io::ErrorKind::NotFound), StoreErrorKind::NotFound);
        assert_eq!(kind(io::ErrorKind::TimedOut), StoreErrorKind::Io);
    }

    #[test]
    fn only_busy_is_worth_trying_again() {
        let busy = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None);
        let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
        let busy = StoreError::sqlite(Path::new("a.db"), "write to", busy);
        assert!(busy.is_retryable() && busy.to_string().contains("a.db"));
        assert!(SinkError::from(busy).is_retryable());
        let full = StoreError::sqlite(Path::new("a.db"), "write to", full);
        assert_eq!(full.kind(), StoreErrorKind::Full);
        assert!(!SinkError::from(full).is_retryable());
    }
}
