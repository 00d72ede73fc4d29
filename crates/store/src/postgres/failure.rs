//! What goes wrong with a server, as errors of the store.

use std::error::Error as _;

use tokio_postgres::error::{DbError, SqlState};

use crate::{StoreError, StoreErrorKind};

/// Why a question or a write failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said so, or is away.
    Server(tokio_postgres::Error),
    /// Nobody answered in time.
    Silent,
    /// What was stored can't be read.
    Damaged(&'static str),
    /// The error is a whole one already.
    Told(StoreError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Told(error)
    }
}

impl Failure {
    /// Makes the error of having failed to do `what` with the store at `place`.
    pub(super) fn at(self, place: &str, what: &str) -> StoreError {
        match self {
            Self::Told(error) => error,
            Self::Silent => {
                StoreError::new(StoreErrorKind::Unavailable, format!("can't {what} {place}: the server doesn't answer"))
            }
            Self::Damaged(why) => StoreError::new(StoreErrorKind::Corrupt, format!("can't {what} {place}: {why}")),
            Self::Server(error) => {
                let kind = kind_of(&error);
                let message = format!("can't {what} {place}: {}{}", said(&error), advice(&error, kind));
                StoreError::new(kind, message).with_source(error)
            }
        }
    }

    /// Says whether the connection broke on the way.
    pub(super) fn is_broken(&self) -> bool {
        let ends = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
        matches!(self, Self::Server(error) if error.is_closed() || error.code().is_some_and(|code| ends.contains(code)))
    }

    /// Says whether the server is there, and said no.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Server(error) if error.as_db_error().is_some())
    }

    /// Says whether somebody held what was waited for, for too long.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// Says whether a row was there already.
    pub(super) fn is_repetition(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    /// Says whether a table, a partition or a row is in the way of another writer's, so that trying again helps.
    pub(super) fn is_race(&self) -> bool {
        let races = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::DUPLICATE_TABLE,
            SqlState::DUPLICATE_OBJECT,
            SqlState::UNIQUE_VIOLATION,
        ];
        matches!(self, Self::Server(error) if error.code().is_some_and(|code| races.contains(code)))
    }
}

/// Returns what the server says, or why there is none.
fn said(error: &tokio_postgres::Error) -> String {
    if let Some(told) = error.as_db_error() {
        let detail = told.detail().or(told.hint()).map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}{detail}", told.message());
    }
    let causes = std::iter::successors(error.source(), |error| (**error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn kind_of(error: &tokio_postgres::Error) -> StoreErrorKind {
    match error.as_db_error() {
        Some(told) => kind_of_told(told),
        None if is_of_tls(error) || error.to_string().contains("configuration") => StoreErrorKind::BadAddress,
        None => StoreErrorKind::Unavailable,
    }
}

/// Classes of states: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn kind_of_told(told: &DbError) -> StoreErrorKind {
    let code = told.code().code();
    match (code, &code[..code.len().min(2)]) {
        ("53100", _) => StoreErrorKind::Full,
        ("57014", _) | ("53200", _) => StoreErrorKind::Limit,
        ("3D000", _) => StoreErrorKind::NotFound,
        ("42501" | "25006", _) => StoreErrorKind::NotWritable,
        ("55P03", _) | (_, "40") => StoreErrorKind::Busy,
        (_, "08" | "57" | "53") => StoreErrorKind::Unavailable,
        (_, "28") => StoreErrorKind::BadAddress,
        (_, "58") => StoreErrorKind::Io,
        _ => StoreErrorKind::Corrupt,
    }
}

fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn advice(error: &tokio_postgres::Error, kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::BadAddress if is_of_tls(error) => {
            "; name the server's authority by `sslrootcert=FILE`, or say by `sslmode=` what is checked"
        }
        StoreErrorKind::BadAddress => "; check the user and the password in the address",
        StoreErrorKind::NotFound => "; make the database first (`createdb`), the tables make themselves",
        StoreErrorKind::NotWritable => "; the user needs the right to make a schema in the database, or to write to ours",
        StoreErrorKind::Unavailable => "; is the server running, and is this its address?",
        StoreErrorKind::Full => "; free some space on the server",
        _ => "",
    }
}
