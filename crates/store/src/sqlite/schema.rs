//! The tables of a store's file, and how a new file gets them. Everything here is part of the file format.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::run_count;
use crate::file_layer::{self, APPLICATION_ID};

/// The version of the format that this code writes.
///
/// - 6: metrics are columns.
/// - 5: postings know more of fingerprints and say each once; the zones of large segments stand on pages; runs are counted.
/// - 4: zones tell the times of events, logs and points.
/// - 3: the first that is kept for ever.
pub(super) const FORMAT_VERSION: u32 = 6;
/// The oldest format that this code reads: those before were never released.
pub(super) const OLDEST_VERSION: u32 = 3;
/// The size of a page, in bytes. Larger ones save nothing to speak of, and cost twice the log where a commit is small.
const PAGE_BYTES: u32 = 4096;

const TABLES: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

CREATE TABLE writer (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    lock BLOB NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    resource TEXT NOT NULL,
    started_unix_ns INTEGER NOT NULL,
    last_seen_unix_ns INTEGER NOT NULL,
    ended_unix_ns INTEGER,
    state TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    dropped INTEGER NOT NULL
);

CREATE TABLE segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL,
    level INTEGER NOT NULL,
    chunk_bits INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    events INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    min_start_unix_ns INTEGER NOT NULL,
    max_start_unix_ns INTEGER NOT NULL,
    min_duration_ns INTEGER NOT NULL,
    max_duration_ns INTEGER NOT NULL,
    statuses INTEGER NOT NULL,
    tallied INTEGER NOT NULL,
    zones BLOB NOT NULL
);

CREATE TABLE sketch (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);

CREATE TABLE block (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    writer INTEGER NOT NULL,
    head BLOB NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE open_span (
    trace BLOB NOT NULL,
    span INTEGER NOT NULL,
    writer INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (trace, span)
) WITHOUT ROWID;

CREATE TABLE forgotten (
    trace BLOB PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE graph (
    fingerprint TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    json TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
    start_unix_ns INTEGER NOT NULL,
    id BLOB NOT NULL,
    root INTEGER NOT NULL,
    run_id TEXT AS (lower(hex(substr(id, 1, 16))) || iif(length(id) > 16, '-' || lower(hex(substr(id, 17))), '')) VIRTUAL,
    root_span TEXT AS (printf('%016x', root)) VIRTUAL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    graph BLOB,
    fingerprint TEXT AS (iif(graph IS NULL, NULL, lower(hex(graph)))) VIRTUAL,
    status TEXT NOT NULL,
    duration_ns INTEGER NOT NULL,
    span_count INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    nodes INTEGER NOT NULL,
    cache_hits INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    saved_ms REAL NOT NULL,
    error TEXT NOT NULL,
    writer INTEGER NOT NULL,
    PRIMARY KEY (start_unix_ns, id)
) WITHOUT ROWID;

CREATE INDEX runs_running ON runs (writer) WHERE status = 'running';
CREATE INDEX runs_not_ok ON runs (status, start_unix_ns) WHERE status <> 'ok';

CREATE TABLE rollups (
    period_s INTEGER NOT NULL,
    start_unix_s INTEGER NOT NULL,
    pipeline TEXT NOT NULL,
    name TEXT NOT NULL,
    node TEXT NOT NULL,
    count INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    total_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost REAL NOT NULL DEFAULT 0,
    durations BLOB NOT NULL,
    PRIMARY KEY (period_s, start_unix_s, pipeline, name, node)
) WITHOUT ROWID;
";

/// Gives a new file its tables; leaves a file that has them as it is.
///
/// The tables are made before write-ahead mode is switched on, so that the header of a finished store names it as one even
/// while all else is still in the log.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    if connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))? == 0 {
        file_layer::reserve(connection)?;
    }
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        fill(&transaction)?;
    }
    transaction.commit()?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
}

/// Brings a file of an earlier format to this one: what an earlier format didn't know is taken as unknown, and large segments are
/// written anew when somebody has the time (see `merge`).
pub(super) fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version < FORMAT_VERSION {
        transaction.pragma_update(None, "user_version", FORMAT_VERSION)?;
        let sql = "UPDATE meta SET value = ?1 WHERE key IN ('least_reader', 'least_writer') AND value < ?1";
        transaction.execute(sql, [FORMAT_VERSION])?;
        run_count::begin(&transaction)?;
    }
    transaction.commit()
}

fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT_VERSION)?;
    let mut insert = transaction.prepare("INSERT INTO meta (key, value) VALUES (?1, ?2)")?;
    insert.execute(("least_reader", FORMAT_VERSION))?;
    insert.execute(("least_writer", FORMAT_VERSION))?;
    insert.execute(("created_by", concat!("flowglass ", env!("CARGO_PKG_VERSION"))))?;
    run_count::begin(transaction)
}

/// What a program wants to do with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Returns the oldest format that a program must know for this access to the file.
pub(super) fn least_version(connection: &Connection, access: Access) -> rusqlite::Result<u32> {
    let key = match access {
        Access::Read => "least_reader",
        Access::Write => "least_writer",
    };
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}
