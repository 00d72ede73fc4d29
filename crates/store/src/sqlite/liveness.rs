//! Whether the writer of something unfinished still lives, and until when it was seen.

use std::collections::HashMap;

use flowglass_model::{Status, WriterId};
use rusqlite::{Connection, OptionalExtension};

use super::lock::LockFolder;

/// The value of `writer.state` while the writer's sink is open.
pub(super) const LIVE: &str = "live";
/// The value of `writer.state` after its sink was closed.
pub(super) const ENDED: &str = "ended";
/// The value of `writer.state` after another writer found it dead.
pub(super) const INTERRUPTED: &str = "interrupted";

/// What is known of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) alive: bool,
    pub(super) last_unix_ns: i64,
}

impl Seen {
    /// Returns how something stands that this writer began and did not end.
    pub(super) const fn status(self) -> Status {
        if self.alive { Status::Running } else { Status::Interrupted }
    }

    /// Returns how long it has been seen running, if its writer said `known_ns` before.
    pub(super) fn duration_ns(self, start_unix_ns: i64, known_ns: u64) -> u64 {
        known_ns.max(u64::try_from(self.last_unix_ns.saturating_sub(start_unix_ns)).unwrap_or(0))
    }
}

/// Finds out about each writer once.
pub(super) struct Liveness<'a> {
    connection: &'a Connection,
    locks: &'a LockFolder,
    known: HashMap<i64, Seen>,
}

impl<'a> Liveness<'a> {
    pub(super) fn new(connection: &'a Connection, locks: &'a LockFolder) -> Self {
        Self { connection, locks, known: HashMap::new() }
    }

    pub(super) fn of(&mut self, writer: i64) -> rusqlite::Result<Seen> {
        if let Some(&seen) = self.known.get(&writer) {
            return Ok(seen);
        }
        let seen = self.look(writer)?;
        self.known.insert(writer, seen);
        Ok(seen)
    }

    fn look(&self, writer: i64) -> rusqlite::Result<Seen> {
        let sql = "SELECT state, lock, last_seen_unix_ns FROM writer WHERE id = ?1";
        let row = self.connection.prepare_cached(sql)?.query_row([writer], |row| {
            let alive = row.get::<_, String>(0)? == LIVE && self.locks.is_held(WriterId::from_bytes(row.get(1)?));
            Ok(Seen { alive, last_unix_ns: row.get(2)? })
        });
        Ok(row.optional()?.unwrap_or(Seen { alive: false, last_unix_ns: i64::MIN }))
    }
}
