//! The sink that writes batches into the store: all that wait go into one transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Batch, Sink, SinkError, WriterId};
use parking_lot::MutexGuard;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::connection::open_writer;
use super::failure::Failure;
use super::grouping;
use super::knowledge::Knowledge;
use super::liveness::ENDED;
use super::lock::{LockFolder, WriterLock};
use super::merger::Merger;
use super::place::{self, Identity};
use super::rows::Prepared;
use super::{now_unix_ns, settle, writers};
use crate::block::FrameEncoder;
use crate::{RetentionPolicy, StoreError, StoreErrorKind};

/// How long a sink that is dropped waits for readers.
pub(super) const LAST_WAIT: Duration = Duration::from_millis(100);

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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkOptions {
    /// What survives when; [`Durability::Full`] by default.
    pub durability: Durability,
    /// What the store forgets by itself while this sink lives: about once an hour, in the background, by one of all processes that
    /// write. Nothing by default.
    pub retention: Option<RetentionPolicy>,
}

/// Writes batches into a [`SqliteStore`](super::SqliteStore). Made by [`SqliteStore::sink`](super::SqliteStore::sink).
///
/// While it lives, other processes know that its open spans are running. When it is dropped, its writer has ended.
pub struct SqliteSink {
    path: PathBuf,
    /// The file that was opened: an open file can be written to for ever, also when nobody finds it any more.
    file: Option<Identity>,
    pub(super) connection: Connection,
    durability: Durability,
    encoder: FrameEncoder,
    pub(super) known: Knowledge,
    /// Merges what this and other sinks write, until it is dropped.
    pub(super) merger: Merger,
    /// The batches whose writing failed last: they may come again.
    pub(super) failed: Vec<(WriterId, u64)>,
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
            file: place::identity(path),
            connection,
            durability: options.durability,
            encoder: FrameEncoder::new().map_err(|error| StoreError::io(path, "make a compressor for", error))?,
            known: Knowledge::default(),
            merger: Merger::new(path, locks, options.retention),
            failed: Vec::new(),
            lock,
        })
    }

    /// Writes all of these batches in one transaction, or none.
    fn commit(&mut self, batches: &[Arc<Batch>]) -> Result<(), StoreError> {
        let failed = std::mem::take(&mut self.failed);
        let written = self.try_commit(batches, &failed);
        if written.is_err() {
            self.failed = batches.iter().map(|batch| (batch.writer, batch.sequence)).collect();
        }
        written
    }

    fn try_commit(&mut self, batches: &[Arc<Batch>], failed: &[(WriterId, u64)]) -> Result<(), StoreError> {
        let is_again = |batch: &Batch| failed.contains(&(batch.writer, batch.sequence));
        let groups = grouping::segments(batches, is_again);
        let prepared = groups.iter().map(|group| Prepared::new(group, &mut self.encoder)).collect::<std::io::Result<Vec<_>>>();
        let prepared = prepared.map_err(|error| self.unencodable(error))?;
        let (mut known, lock) = (self.known.clone(), self.lock.id());
        self.in_transaction(|transaction| {
            for (group, prepared) in groups.iter().zip(&prepared) {
                let mut blocks = Vec::with_capacity(group.len());
                for (batch, rows) in group.iter().zip(&prepared.batches) {
                    if !(is_again(batch) && writers::is_written(transaction, batch)?) {
                        blocks.extend(known.write(transaction, lock, batch, rows)?);
                    }
                }
                if !blocks.is_empty() {
                    prepared.write_segment(transaction, &blocks)?;
                }
            }
            Ok(())
        })?;
        self.known = known;
        self.merger.committed(groups.len());
        Ok(())
    }

    fn in_transaction<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, StoreError> {
        if self.file.is_some() && place::identity(&self.path) != self.file {
            return Err(place::gone(&self.path));
        }
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
        if self.known.runs.has_uncounted() {
            let runs = self.known.runs.clone();
            let left = self.in_transaction(|transaction| runs.write(transaction))?;
            self.known.runs.keep(left);
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
        Ok(self.commit(std::slice::from_ref(batch))?)
    }

    /// Commits all with one flush of the disk. Where one of them can't be stored, the others are written by themselves.
    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        match self.commit(batches) {
            Ok(()) => *batches = &[],
            Err(error) if error.is_retryable() || batches.len() < 2 => return Err(error.into()),
            Err(_) => {
                while let [first, rest @ ..] = *batches {
                    self.write(first)?;
                    *batches = rest;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.count_rest()?;
        Ok(self.make_durable()?)
    }
}

impl Drop for SqliteSink {
    fn drop(&mut self) {
        if !self.known.is_empty() {
            // Where this fails, the writer is found dead by the next one: nothing that was recorded is lost.
            let _ = self.end();
        }
    }
}
