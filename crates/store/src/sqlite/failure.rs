//! Why reading the store's tables failed, before the store's path is known.

use std::path::Path;

use crate::block::Damaged;
use crate::error::is_damage;
use crate::{StoreError, StoreErrorKind};

/// Why reading failed.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Damaged { place: String, damage: Damaged },
}

impl Failure {
    pub(super) fn segment(id: i64, damage: Damaged) -> Self {
        Self::Damaged { place: format!("segment {id}"), damage }
    }

    pub(super) fn block(id: i64, damage: Damaged) -> Self {
        Self::Damaged { place: format!("block {id}"), damage }
    }

    /// Names the place where a page turned out to be damaged.
    pub(super) fn within(self, place: impl FnOnce() -> String) -> Self {
        match self {
            Self::Sqlite(error) if is_damage(&error) => {
                Self::Damaged { place: place(), damage: Damaged("a page of the file is not as it was written") }
            }
            other => other,
        }
    }

    pub(super) fn no_memory(error: std::io::Error) -> Self {
        Self::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into()))
    }

    /// Makes the error of a failed attempt to do `what` with the store at `path`.
    pub(super) fn at(self, path: &Path, what: &str) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::sqlite(path, what, error),
            Self::Damaged { place, damage } => {
                let message = format!("can't {what} {}: {place} is damaged: {damage}", path.display());
                StoreError::new(StoreErrorKind::Corrupt, message).with_source(damage)
            }
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
