//! How much a store holds, what it is like besides, and whether its format is the newest.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::SqliteStore;
use super::connection::open_writer;
use super::failure::Failure;
use super::liveness::LIVE;
use super::lock::LockFolder;
use super::place;
use super::run_count;
use super::schema::FORMAT_VERSION;
use super::segments;
use crate::{Migration, StoreDetails, StoreError, StoreErrorKind, StoreInfo, WriterInfo};

impl SqliteStore {
    /// Returns where the store is and how much it holds.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn info(&self) -> Result<StoreInfo, StoreError> {
        self.ask(|transaction| info(transaction, &self.inner.path))
    }

    /// Returns how old and how new the store's records are, what has not ended, and who writes to it.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn details(&self) -> Result<StoreDetails, StoreError> {
        self.look(|transaction, _| details(transaction, &self.inner.locks))
    }

    /// Brings the store to the newest format, and writes anew what an earlier one wrote otherwise: the next sink would do so bit by bit.
    /// A store of a released version can always be read without that.
    ///
    /// # Errors
    /// `NotWritable`, `Corrupt`, `Full`, `Busy`, `Io`; a store of a newer format isn't opened at all.
    pub fn migrate(&self) -> Result<Migration, StoreError> {
        let from = self.info()?.format_version;
        if from < FORMAT_VERSION {
            drop(open_writer(&self.inner.path)?);
            match self.compact() {
                // Who merges already writes anew what is of an earlier format, too.
                Err(error) if error.kind() == StoreErrorKind::Busy => {}
                compacted => compacted?,
            }
        }
        Ok(Migration { from, to: self.info()?.format_version })
    }
}

fn info(transaction: &Transaction<'_>, path: &Path) -> rusqlite::Result<StoreInfo> {
    let file_size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let (segments, spans) =
        transaction.query_row("SELECT count(*), coalesce(sum(spans), 0) FROM segment WHERE state = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(StoreInfo {
        path: path.to_owned(),
        size_bytes: file_size(path) + file_size(&place::beside(path, "-wal")),
        runs: run_count::read(transaction)?,
        spans,
        segments,
        format_version: transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?,
    })
}

fn details(connection: &Connection, locks: &LockFolder) -> Result<StoreDetails, Failure> {
    let segments = segments::live(connection)?;
    let bounds = || segments.iter().map(|segment| segment.bounds).filter(|bounds| bounds.spans + bounds.events > 0);
    Ok(StoreDetails {
        others: bounds().map(|bounds| bounds.events).sum(),
        oldest_unix_ns: bounds().map(|bounds| bounds.min_start_unix_ns).min(),
        newest_unix_ns: bounds().map(|bounds| bounds.max_start_unix_ns).max(),
        open_spans: connection.query_row("SELECT count(*) FROM open_span", [], |row| row.get(0))?,
        writers: writers(connection, locks)?,
    })
}

/// Returns the writers that are alive, the oldest first.
fn writers(connection: &Connection, locks: &LockFolder) -> Result<Vec<WriterInfo>, Failure> {
    let sql =
        "SELECT pid, host, started_unix_ns, last_seen_unix_ns, lock FROM writer WHERE state = ?1 ORDER BY started_unix_ns";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([LIVE])?;
    let mut writers = Vec::new();
    while let Some(row) = rows.next()? {
        if locks.is_held(flowglass_model::WriterId::from_bytes(row.get(4)?)) {
            let (pid, host) = (row.get(0)?, row.get(1)?);
            writers.push(WriterInfo { pid, host, started_unix_ns: row.get(2)?, last_seen_unix_ns: row.get(3)? });
        }
    }
    Ok(writers)
}
