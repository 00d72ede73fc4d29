//! What a sink knows of the store between two commits, and how a batch changes the store and that knowledge alike.

use flowglass_model::{Batch, WriterId};
use rusqlite::Transaction;

use super::failure::Failure;
use super::joined::JoinedRuns;
use super::rows::BatchRows;
use super::run_rows::{RunChanges, RunMemory};
use super::writers::Writers;
use crate::sketch::zones::Zone;

/// What a sink knows; a commit changes a copy, which takes its place when the commit is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Knowledge {
    writers: Writers,
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
        let writer = self.writers.saw(transaction, lock, batch)?;
        let joined = self.joined.resolve(batch);
        let mut changes = RunChanges::count(batch, &joined, &self.runs);
        let zone = rows.write(transaction, writer, batch)?;
        changes.write(transaction, writer, batch, &self.runs)?;
        self.joined.apply(joined, batch);
        self.runs.apply(changes, batch);
        Ok(zone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowglass_model::{BatchBuilder, Sink, Span, SpanId, TraceId};

    use super::*;
    use crate::sqlite::writers::MOST_WRITERS;
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
