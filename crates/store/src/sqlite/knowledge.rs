//! What a sink knows of the store between two commits, and how a batch changes the store and that knowledge alike.

use std::collections::HashMap;

use flowglass_model::{Batch, Resource, WriterId, conventions};
use rusqlite::{Transaction, params};

use super::failure::Failure;
use super::joined::JoinedRuns;
use super::liveness::LIVE;
use super::now_unix_ns;
use super::rows::{BatchRows, stored};
use super::run_rows::{RunChanges, RunMemory};
use crate::sketch::zones::Zone;

/// So many writers' rows are remembered. When there are more, all are forgotten, and found again by their ids.
const MOST_WRITERS: usize = 1024;

/// What a sink knows; a commit changes a copy, which takes its place when the commit is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Knowledge {
    /// The rows of the writers whose batches were written.
    writers: HashMap<WriterId, i64>,
    joined: JoinedRuns,
    pub(super) runs: RunMemory,
}

impl Knowledge {
    /// Says whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.writers.is_empty()
    }

    /// Writes all rows of a batch but its segment; returns the block that it is in.
    pub(super) fn write(
        &mut self,
        transaction: &Transaction<'_>,
        lock: WriterId,
        batch: &Batch,
        rows: &BatchRows,
    ) -> Result<Option<Zone>, Failure> {
        let writer = write_writer(transaction, self.writers.get(&batch.writer).copied(), lock, batch)?;
        if self.writers.len() >= MOST_WRITERS {
            self.writers.clear();
        }
        self.writers.insert(batch.writer, writer);
        let joined = self.joined.resolve(batch);
        let mut changes = RunChanges::count(batch, &joined, &self.runs);
        let zone = rows.write(transaction, writer, batch)?;
        changes.write(transaction, writer, batch, &self.runs)?;
        self.joined.apply(joined, batch);
        self.runs.apply(changes, batch);
        Ok(zone)
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowglass_model::{BatchBuilder, Sink, Span, SpanId, TraceId};

    use super::*;
    use crate::{SinkOptions, SqliteStore};

    #[test]
    fn only_so_many_writers_are_remembered_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        let batch = |writer: u128, sequence| {
            let mut builder = BatchBuilder::new(WriterId::from_bytes(writer.to_be_bytes()), sequence, Arc::default());
            let trace_id = TraceId::from_bytes(writer.to_be_bytes());
            builder.push(&Span { trace_id, span_id: SpanId::from_u64(sequence), name: "work".into(), ..Span::default() });
            Arc::new(builder.finish())
        };
        let many = MOST_WRITERS as u128 + 10;
        let batches: Vec<_> = (1..=many).map(|writer| batch(writer, 1)).chain([batch(1, 2), batch(1, 3)]).collect();
        sink.write_all(&mut &batches[..]).unwrap();
        assert_eq!(sink.known.writers.len(), 11, "ten that came late, and the first again");
        let (rows, last): (usize, i64) = sink
            .connection
            .query_row("SELECT count(*), max(sequence) FROM writer", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((rows as u128, last), (many, 3), "one row each, whatever was forgotten");
    }
}
