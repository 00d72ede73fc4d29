//! The sink that writes batches into the store: one batch, one transaction.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Batch, Resource, Sink, SinkError, WriterId, conventions};
use parking_lot::MutexGuard;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::connection::open_writer;
use super::failure::Failure;
use super::joined::JoinedRuns;
use super::liveness::{ENDED, LIVE};
use super::lock::{LockFolder, WriterLock};
use super::merger::Merger;
use super::rows::{Prepared, stored};
use super::run_rows::{RunChanges, RunMemory};
use super::{now_unix_ns, settle};
use crate::block::FrameEncoder;
use crate::{StoreError, StoreErrorKind};

/// How long a sink that is dropped waits for readers.
const LAST_WAIT: Duration = Duration::from_millis(100);

/// What survives when; in each case the store opens consistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// What `write` took survives a power cut, where the disk honours a flush.
    #[default]
    Full,
    /// What `write` took survives the death of any process; a power cut may cost what came after the last `flush`.
    Process,
}

/// How a sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinkOptions {
    /// What survives when; [`Durability::Full`] by default.
    pub durability: Durability,
}

/// Writes batches into a [`SqliteStore`](super::SqliteStore). Made by [`SqliteStore::sink`](super::SqliteStore::sink).
///
/// While it lives, other processes know that its open spans are running. When it is dropped, its writer has ended.
pub struct SqliteSink {
    path: PathBuf,
    pub(super) connection: Connection,
    durability: Durability,
    encoder: FrameEncoder,
    /// The rows of the writers whose batches were written.
    pub(super) writers: HashMap<WriterId, i64>,
    joined: JoinedRuns,
    memory: RunMemory,
    /// Merges what this and other sinks write, until it is dropped.
    pub(super) merger: Merger,
    /// The batch whose writing failed last: it may come again.
    pub(super) failed: Option<(WriterId, u64)>,
    /// After the connection, so that the lock is released when nothing more is written.
    lock: WriterLock,
}

impl std::fmt::Debug for SqliteSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteSink").field("path", &self.path).field("durability", &self.durability).finish_non_exhaustive()
    }
}

impl SqliteSink {
    pub(super) fn open(path: &Path, locks: &LockFolder, options: SinkOptions) -> Result<Self, StoreError> {
        let mut connection = open_writer(path)?;
        let gate = locks.enter()?;
        let lock = locks.take(&gate)?;
        settle::settle_dead(&mut connection, path, locks, &gate)?;
        let synchronous = match options.durability {
            Durability::Full => "FULL",
            Durability::Process => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous).map_err(|error| StoreError::sqlite(path, "open", error))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            durability: options.durability,
            encoder: FrameEncoder::new().map_err(|error| StoreError::io(path, "make a compressor for", error))?,
            writers: HashMap::new(),
            joined: JoinedRuns::default(),
            memory: RunMemory::default(),
            merger: Merger::new(path, locks),
            failed: None,
            lock,
        })
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let again = self.failed.take() == Some((batch.writer, batch.sequence));
        let written = self.try_commit(batch, again);
        if written.is_err() {
            self.failed = Some((batch.writer, batch.sequence));
        }
        written
    }

    fn try_commit(&mut self, batch: &Batch, again: bool) -> Result<(), StoreError> {
        let prepared = Prepared::new(batch, &mut self.encoder).map_err(|error| self.unencodable(error))?;
        let joined = self.joined.resolve(batch);
        let memory = std::mem::take(&mut self.memory);
        let mut changes = RunChanges::count(batch, &joined, &memory);
        let known = self.writers.get(&batch.writer).copied();
        let lock = self.lock.id();
        let written = self.in_transaction(|transaction| {
            if again && is_written(transaction, batch)? {
                return Ok(None);
            }
            let writer = write_writer(transaction, known, lock, batch)?;
            prepared.write(transaction, writer, batch)?;
            changes.write(transaction, writer, batch, &memory)?;
            Ok(Some(writer))
        });
        self.memory = memory;
        if let Some(writer) = written? {
            self.writers.insert(batch.writer, writer);
            self.joined.apply(joined, batch);
            self.memory.apply(changes, batch);
            self.merger.committed();
        }
        Ok(())
    }

    fn in_transaction<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, StoreError> {
        let turn = self.merger.turn();
        let attempt = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        let result = attempt().map_err(|failure: Failure| failure.at(&self.path, "write to"));
        MutexGuard::unlock_fair(turn);
        result
    }

    fn unencodable(&self, error: std::io::Error) -> StoreError {
        let message = format!("can't write a batch to {}: {error}; record in smaller batches", self.path.display());
        StoreError::new(StoreErrorKind::Io, message).with_source(error)
    }

    fn count_rest(&mut self) -> Result<(), StoreError> {
        if self.memory.has_uncounted() {
            let memory = std::mem::take(&mut self.memory);
            let left = self.in_transaction(|transaction| memory.write(transaction));
            self.memory = memory;
            self.memory.keep(left?);
        }
        Ok(())
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        if self.durability == Durability::Process {
            // Flushes the log to the disk before it copies pages.
            self.connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                .map_err(|error| StoreError::sqlite(&self.path, "flush", error))?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.count_rest()?;
        let lock = self.lock.id();
        self.in_transaction(|transaction| {
            let sql = "UPDATE writer SET state = ?2, ended_unix_ns = ?3, last_seen_unix_ns = max(last_seen_unix_ns, ?3) WHERE lock = ?1";
            Ok(transaction.execute(sql, params![lock.to_bytes(), ENDED, now_unix_ns()])?)
        })?;
        self.merger.finish(&mut self.connection);
        self.empty_log()
    }

    /// Moves the log into the file, unless somebody is reading: the file alone is then the whole store.
    fn empty_log(&self) -> Result<(), StoreError> {
        let checkpoint = || {
            self.connection.busy_timeout(LAST_WAIT)?;
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        checkpoint().map_err(|error| StoreError::sqlite(&self.path, "close", error))
    }
}

impl Sink for SqliteSink {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        Ok(self.commit(batch)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.count_rest()?;
        Ok(self.make_durable()?)
    }
}

impl Drop for SqliteSink {
    fn drop(&mut self) {
        if !self.writers.is_empty() {
            // Where this fails, the writer is found dead by the next one: nothing that was recorded is lost.
            let _ = self.end();
        }
    }
}

/// Says whether the batch, whose writing seemed to fail, is in the store all the same.
fn is_written(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<bool> {
    let sql = "SELECT sequence FROM writer WHERE uuid = ?1";
    let last: Option<i64> = transaction.query_row(sql, [batch.writer.to_bytes()], |row| row.get(0)).optional()?;
    Ok(last.is_some_and(|last| batch.sequence > 0 && last >= stored(batch.sequence)))
}

const UPDATE_WRITER: &str = "
UPDATE writer SET last_seen_unix_ns = max(last_seen_unix_ns, ?2), sequence = ?3, dropped = dropped + ?4 WHERE id = ?1";

const INSERT_WRITER: &str = "
INSERT INTO writer (uuid, lock, pid, host, resource, started_unix_ns, last_seen_unix_ns, state, sequence, dropped)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9)
ON CONFLICT (uuid) DO UPDATE SET lock = excluded.lock, state = excluded.state, ended_unix_ns = NULL,
    last_seen_unix_ns = excluded.last_seen_unix_ns, sequence = excluded.sequence, dropped = dropped + excluded.dropped
RETURNING id";

/// Notes that the writer was seen now, and returns its row.
fn write_writer(transaction: &Transaction<'_>, known: Option<i64>, lock: WriterId, batch: &Batch) -> rusqlite::Result<i64> {
    let (now, sequence, dropped) = (now_unix_ns(), stored(batch.sequence), stored(batch.dropped));
    if let Some(writer) = known {
        transaction.prepare_cached(UPDATE_WRITER)?.execute(params![writer, now, sequence, dropped])?;
        return Ok(writer);
    }
    let resource = &batch.resource;
    let json = serde_json::to_string(&**resource).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let row = params![
        batch.writer.to_bytes(),
        lock.to_bytes(),
        std::process::id(),
        host(resource),
        json,
        now,
        LIVE,
        sequence,
        dropped
    ];
    transaction.prepare_cached(INSERT_WRITER)?.query_row(row, |row| row.get(0))
}

fn host(resource: &Resource) -> &str {
    let host = resource.attributes.iter().find(|(key, _)| key == conventions::HOST_NAME);
    host.and_then(|(_, value)| value.as_str()).unwrap_or_default()
}
