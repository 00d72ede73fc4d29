//! Rows of the table `writer`: a row for each resource that a writer records with, and which batch of it came last.
//!
//! Mostly that is one, under the writer's id. A writer whose resource changes has one more row for each further resource, under an id
//! that is made of both; so each block and each open span has its resource by its writer's row, whatever else came between.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, Resource, WriterId, conventions};
use rusqlite::{OptionalExtension, Transaction, params};

use super::liveness::LIVE;
use super::now_unix_ns;
use super::rows::stored;
use crate::hash::{hash, pair};

/// So many writers' rows are remembered. When there are more, all are forgotten, and found again by their ids.
pub(super) const MOST_WRITERS: usize = 1024;

/// The rows of the writers whose batches were written: of each the one with the resource that came last.
#[derive(Debug, Clone, Default)]
pub(super) struct Writers(HashMap<WriterId, Row>);

#[derive(Debug, Clone)]
struct Row {
    id: i64,
    resource: Arc<Resource>,
}

const UPDATE: &str = "
UPDATE writer SET last_seen_unix_ns = max(last_seen_unix_ns, ?2), sequence = ?3, dropped = dropped + ?4 WHERE id = ?1";

const INSERT: &str = "
INSERT INTO writer (uuid, lock, pid, host, resource, started_unix_ns, last_seen_unix_ns, state, sequence, dropped)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9)
ON CONFLICT (uuid) DO UPDATE SET lock = excluded.lock, state = excluded.state, ended_unix_ns = NULL,
    last_seen_unix_ns = excluded.last_seen_unix_ns, sequence = excluded.sequence, dropped = dropped + excluded.dropped
RETURNING id";

impl Writers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes that the writer of a batch was seen now, and returns its row.
    pub(super) fn saw(&mut self, transaction: &Transaction<'_>, lock: WriterId, batch: &Batch) -> rusqlite::Result<i64> {
        if let Some(row) = self.0.get(&batch.writer).filter(|row| row.is_of(&batch.resource)) {
            let (now, sequence, dropped) = (now_unix_ns(), stored(batch.sequence), stored(batch.dropped));
            transaction.prepare_cached(UPDATE)?.execute(params![row.id, now, sequence, dropped])?;
            return Ok(row.id);
        }
        let id = insert(transaction, lock, batch)?;
        if self.0.len() >= MOST_WRITERS {
            self.0.clear();
        }
        self.0.insert(batch.writer, Row { id, resource: Arc::clone(&batch.resource) });
        Ok(id)
    }
}

impl Row {
    fn is_of(&self, resource: &Arc<Resource>) -> bool {
        Arc::ptr_eq(&self.resource, resource) || self.resource == *resource
    }
}

/// Says whether the batch, whose writing seemed to fail, is in the store all the same.
pub(super) fn is_written(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<bool> {
    let uuid = uuid(transaction, batch.writer, &json(&batch.resource)?)?;
    let sql = "SELECT sequence FROM writer WHERE uuid = ?1";
    let last: Option<i64> = transaction.query_row(sql, [uuid], |row| row.get(0)).optional()?;
    Ok(last.is_some_and(|last| batch.sequence > 0 && last >= stored(batch.sequence)))
}

fn insert(transaction: &Transaction<'_>, lock: WriterId, batch: &Batch) -> rusqlite::Result<i64> {
    let resource = json(&batch.resource)?;
    let row = params![
        uuid(transaction, batch.writer, &resource)?,
        lock.to_bytes(),
        std::process::id(),
        host(&batch.resource),
        resource,
        now_unix_ns(),
        LIVE,
        stored(batch.sequence),
        stored(batch.dropped)
    ];
    transaction.prepare_cached(INSERT)?.query_row(row, |row| row.get(0))
}

/// Returns the id of a writer's row for a resource: its own id if that is its first one.
fn uuid(transaction: &Transaction<'_>, writer: WriterId, resource: &str) -> rusqlite::Result<[u8; 16]> {
    let own = writer.to_bytes();
    let mut statement = transaction.prepare_cached("SELECT resource FROM writer WHERE uuid = ?1")?;
    let first: Option<String> = statement.query_row([own], |row| row.get(0)).optional()?;
    Ok(if first.is_none_or(|first| first == resource) { own } else { id_of_both(&own, resource) })
}

/// Part of the file format.
fn id_of_both(writer: &[u8; 16], resource: &str) -> [u8; 16] {
    let (writer, resource) = (hash(writer), hash(resource.as_bytes()));
    let halves = u128::from(pair(writer, resource)) << 64 | u128::from(pair(resource, writer));
    halves.to_be_bytes()
}

fn json(resource: &Resource) -> rusqlite::Result<String> {
    serde_json::to_string(resource).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn host(resource: &Resource) -> &str {
    let host = resource.attributes.iter().find(|(key, _)| key == conventions::HOST_NAME);
    host.and_then(|(_, value)| value.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, Sink, Span, SpanId, Status, TraceId};

    use super::*;
    use crate::query::Query;
    use crate::{Rows, SinkOptions, SqliteSink, SqliteStore, Store};

    fn batch(sequence: u64, service: &str, status: Status) -> Arc<Batch> {
        let resource = Resource { attributes: vec![("service.name".to_owned(), service.into())], ..Resource::default() };
        let mut builder = BatchBuilder::new(WriterId::from_bytes([7; 16]), sequence, Arc::new(resource));
        let (trace_id, span_id) = (TraceId::from_bytes([1; 16]), SpanId::from_u64(sequence));
        builder.push(&Span { trace_id, span_id, name: service.to_owned(), status, ..Span::default() });
        Arc::new(builder.finish())
    }

    fn rows_of(sink: &SqliteSink) -> i64 {
        sink.connection.query_row("SELECT count(*) FROM writer", [], |row| row.get(0)).unwrap()
    }

    /// Says whether each span is called as the service that recorded it; returns how many there are.
    fn in_place(store: &SqliteStore) -> usize {
        let Rows::Spans(found) = store.query(&Query::spans().limit(1_000)).unwrap().rows else { panic!("not spans") };
        let is_right = |resource: &Resource, name: &str| resource.attributes[0].1.as_str() == Some(name);
        assert!(found.iter().all(|found| is_right(&found.resource, &found.span.name)), "{found:?}");
        found.len()
    }

    #[test]
    fn there_is_a_row_for_each_resource_however_they_alternate() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        for sequence in 1..=60 {
            sink.write(&batch(sequence, ["press", "mixer", "cutter"][sequence as usize % 3], Status::Ok)).unwrap();
        }
        assert_eq!((rows_of(&sink), in_place(&store)), (3, 60));
        drop(sink);
        // Blocks of one row become one, and none gets the resource of another.
        store.compact().unwrap();
        assert_eq!(in_place(&store), 60);
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        (61..=66)
            .for_each(|sequence| sink.write(&batch(sequence, ["mixer", "press"][sequence as usize % 2], Status::Ok)).unwrap());
        assert_eq!((rows_of(&sink), in_place(&store)), (3, 66), "rows are found again");
    }

    #[test]
    fn what_a_writer_leaves_open_keeps_its_resource_when_it_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        sink.write(&batch(1, "press", Status::Running)).unwrap();
        sink.write(&batch(2, "mixer", Status::Running)).unwrap();
        // Closes it without a word, as the death of its process does.
        sink.known = Default::default();
        drop(sink);
        drop(store.sink(SinkOptions::default()).unwrap());
        assert_eq!(in_place(&store), 2);
        assert_eq!(store.count(&Query::spans().status(Status::Interrupted)).unwrap(), 2);
    }

    #[test]
    fn a_batch_is_known_again_by_the_row_of_its_resource() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        let [first, second, third] = [(1, "press"), (2, "mixer"), (3, "press")].map(|(at, name)| batch(at, name, Status::Ok));
        let mut is_written = |batch: &Batch| super::is_written(&sink.connection.transaction().unwrap(), batch).unwrap();
        assert!(!is_written(&first));
        sink.write_all(&mut &[Arc::clone(&first), Arc::clone(&second)][..]).unwrap();
        let mut is_written = |batch: &Batch| super::is_written(&sink.connection.transaction().unwrap(), batch).unwrap();
        assert_eq!([&first, &second, &third].map(|batch| is_written(batch)), [true, true, false]);
        assert!(!is_written(&batch(2, "cutter", Status::Ok)), "what came with another resource is another batch");
    }
}
