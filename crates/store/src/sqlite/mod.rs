//! The embedded store: one SQLite file, its write-ahead log, and a folder with the locks of its writers.
//!
//! Spans are not rows but compressed columns in `block`; `runs` and `rollups` are plain tables that any SQLite shell reads.

mod as_store;
mod asked;
mod blocks;
mod check;
mod choice;
mod connection;
mod creation;
mod details;
mod failure;
mod forget;
mod grouping;
mod joined;
mod joining;
mod knowledge;
mod liveness;
mod lock;
mod merge;
mod merger;
mod parallel;
mod place;
mod quantiles;
mod retention;
pub(crate) mod rollup_rows;
pub(crate) mod rollups;
mod rows;
mod run_count;
mod run_roots;
mod run_rows;
mod runs;
mod schema;
mod search;
mod segments;
mod settle;
mod sink;
mod snapshot;
mod sources;
mod spans;
mod trace;
mod writers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use flowglass_model::{Fingerprint, Graph, LogRecord, Metric, MetricPoint, Span, TraceId};
use rusqlite::{OptionalExtension, Transaction};

use crate::{
    Forgotten, NameStatistics, RetentionPolicy, RunFilter, RunRecord, SpanFilter, StoreCheck, StoreError, StoreErrorKind,
};
use connection::Readers;
use failure::Failure;
use liveness::Liveness;
use lock::LockFolder;
use place::Found;
pub use sink::{Durability, SinkOptions, SqliteSink};
pub(crate) use snapshot::{Depth, Snapshot};

/// A store in one file on a local disk, which several processes may write and read at once.
///
/// Cloning is cheap, and all clones share their connections.
///
/// ```
/// use flowglass_store::{RunFilter, SinkOptions, SqliteStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join(".flowglass").join("flowglass.db");
/// let store = SqliteStore::create_or_open(&path)?;
/// let sink = store.sink(SinkOptions::default())?; // give it to a recorder
/// assert!(store.runs(&RunFilter::default())?.is_empty());
/// # drop(sink);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: Readers,
    locks: LockFolder,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store at `path`, and makes it with the folders above it if it isn't there: for programs that write.
    ///
    /// # Errors
    /// `NotWritable`, `NotOurs`, `Newer`, `Unsupported`, `Corrupt`, `Full`, `Busy`, `Io`.
    pub fn create_or_open(path: &Path) -> Result<Self, StoreError> {
        place::refuse_network(path)?;
        if !creation::is_finished(path)? {
            creation::create(path)?;
        }
        Self::open_found(path)
    }

    /// Opens the store at `path`, which must be there: for programs that only read. The file and its folder may be read-only.
    ///
    /// # Errors
    /// `NotFound`, `NotOurs`, `Newer`, `Unsupported`, `Corrupt`, `Busy`, `Io`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        place::refuse_network(path)?;
        if place::was_cut_off(path) && matches!(place::look(path)?, Found::Store { .. }) {
            creation::create(path)?;
        }
        Self::open_found(path)
    }

    fn open_found(path: &Path) -> Result<Self, StoreError> {
        let readers = Readers::open(path)?;
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), readers, locks: LockFolder::of(path) }) })
    }

    /// Returns the path of the store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Opens a sink that writes into this store, and marks what dead writers left as interrupted.
    ///
    /// # Errors
    /// `NotWritable`, `Newer`, `Corrupt`, `Full`, `Busy`, `Io`.
    pub fn sink(&self, options: SinkOptions) -> Result<SqliteSink, StoreError> {
        SqliteSink::open(&self.inner.path, &self.inner.locks, options)
    }

    /// Returns the runs that the filter lets through, the newest first.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        self.ask(|transaction| runs::list(transaction, &self.inner.locks, filter))
    }

    /// Returns the run with this id, or with the only id that begins so.
    ///
    /// # Errors
    /// `Ambiguous` names the runs that begin so, `NotFound` the last runs; `Corrupt`, `Busy`, `Io`.
    pub fn find_run(&self, id: &str) -> Result<RunRecord, StoreError> {
        self.inner.readers.read(|transaction| runs::find(transaction, &self.inner.path, &self.inner.locks, id))
    }

    /// Returns all spans of the run with their events, sorted by start and span id.
    ///
    /// A span that has not ended is `running`, or `interrupted` if the process that recorded it has died; its duration then
    /// reaches to when its writer was last seen.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn trace(&self, run: &RunRecord) -> Result<Vec<Span>, StoreError> {
        self.look(|transaction, liveness| trace::read(transaction, liveness, run.id))
    }

    /// Returns the spans that the filter lets through, without their events: those of a run come with
    /// [`trace`](Self::trace).
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn spans(&self, filter: &SpanFilter) -> Result<Vec<Span>, StoreError> {
        self.look(|transaction, liveness| spans::list(transaction, liveness, filter))
    }

    /// Returns the log records of a trace, or all there are, in the order of their times.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn logs(&self, trace: Option<TraceId>) -> Result<Vec<LogRecord>, StoreError> {
        self.look(|transaction, _| trace::logs(transaction, trace))
    }

    /// Returns the metrics with this name, or all, with their points: once for each batch that had some, in their order.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn metrics(&self, name: Option<&str>) -> Result<Vec<(Metric, Vec<MetricPoint>)>, StoreError> {
        self.look(|transaction, _| trace::metrics(transaction, name))
    }

    /// Returns how many spans the filter lets through, whatever its limit. A span that was written twice counts twice.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn count_spans(&self, filter: &SpanFilter) -> Result<u64, StoreError> {
        self.look(|transaction, liveness| spans::count(transaction, liveness, filter))
    }

    /// Returns counts and durations of the spans that have ended, by their names, the longest in all first: from roll-ups,
    /// which outlive the spans. Only whole minutes from `start_unix_ns` to before `end_unix_ns` are looked at, in nanoseconds
    /// since 1970 UTC; nothing stands for no bound.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn statistics(&self, start_unix_ns: Option<i64>, end_unix_ns: Option<i64>) -> Result<Vec<NameStatistics>, StoreError> {
        self.look(|transaction, _| rollups::by_name(transaction, start_unix_ns, end_unix_ns))
    }

    /// Opens a connection of its own that sees one state of the store at a time.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::open(&self.inner.path, &self.inner.locks)
    }

    /// Merges segments until there is nothing left to merge, and returns unused space to the file system. Sinks do this in the
    /// background; here it is done at once.
    ///
    /// # Errors
    /// `NotWritable`, `Newer`, `Corrupt`, `Full`, `Busy` if another process is merging, `Io`.
    pub fn compact(&self) -> Result<(), StoreError> {
        merger::compact(&self.inner.path, &self.inner.locks)
    }

    /// Forgets what the policy says and gives the space back to the file system, while others read and write. Roll-ups stay.
    ///
    /// # Errors
    /// `NotWritable`, `Newer`, `Corrupt`, `Full`, `Busy` if another process merges for long, `Io`. What was forgotten until then
    /// stays so, and the next call does the rest.
    pub fn retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        retention::retain(&self.inner.path, &self.inner.locks, policy)
    }

    /// Says how many runs [`retain`](Self::retain) would forget at once, and changes nothing.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn preview_retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        self.look(|transaction, _| retention::preview(transaction, &self.inner.locks, policy))
    }

    /// Looks at every page and every block of the store, and whether its sketches, roll-ups and runs agree with them. It reads
    /// the whole file, and changes nothing.
    ///
    /// # Errors
    /// `Busy`, `Io` where the file can't be read at all. What is wrong in it is no error but a
    /// [problem](StoreCheck::problems) with its place.
    pub fn check(&self) -> Result<StoreCheck, StoreError> {
        self.look(|transaction, _| Ok(check::check(transaction, &self.inner.path)))
    }

    /// Returns the graph with this fingerprint, if a run that has it was recorded.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError> {
        let json = self.ask(|transaction| {
            let sql = "SELECT json FROM graph WHERE fingerprint = ?1";
            transaction.query_row(sql, [fingerprint.to_string()], |row| row.get::<_, String>(0)).optional()
        })?;
        json.map(|json| serde_json::from_str(&json).map_err(|error| self.damaged_graph(fingerprint, error))).transpose()
    }

    fn ask<T>(&self, question: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let path = &self.inner.path;
        self.inner.readers.read(|transaction| question(transaction).map_err(|error| StoreError::sqlite(path, "read", error)))
    }

    fn look<T>(
        &self,
        question: impl FnOnce(&Transaction<'_>, &mut Liveness<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let Inner { path, readers, locks } = &*self.inner;
        readers.read(|transaction| {
            question(transaction, &mut Liveness::new(transaction, locks)).map_err(|failure| failure.at(path, "read"))
        })
    }

    fn damaged_graph(&self, fingerprint: Fingerprint, error: serde_json::Error) -> StoreError {
        let message = format!("the graph {fingerprint} in {} is damaged: {error}", self.inner.path.display());
        StoreError::new(StoreErrorKind::Corrupt, message).with_source(error)
    }
}

/// Returns the system's time in nanoseconds since 1970 UTC.
fn now_unix_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
