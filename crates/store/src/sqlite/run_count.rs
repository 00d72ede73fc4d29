//! How many runs there are: kept by each transaction that changes it, so that nobody has to look at all of them.

use rusqlite::{Connection, OptionalExtension, Transaction};

/// Returns how many runs there are.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<u64> {
    match kept(connection)? {
        Some(count) => Ok(count),
        // Formats before 5 didn't keep it.
        None => connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)),
    }
}

/// Returns the number that is kept.
pub(super) fn kept(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = 'runs'")?;
    statement.query_row([], |row| row.get(0)).optional()
}

/// Notes that there are so many more, or fewer.
pub(super) fn change(transaction: &Transaction<'_>, by: i64) -> rusqlite::Result<()> {
    if by == 0 {
        return Ok(());
    }
    transaction.prepare_cached("UPDATE meta SET value = value + ?1 WHERE key = 'runs'")?.execute([by]).map(|_| ())
}

/// Counts all that there are and keeps the number.
pub(super) fn begin(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta (key, value) SELECT 'runs', count(*) FROM runs";
    transaction.execute(sql, []).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowglass_model::{Batch, BatchBuilder, Sink, Span, SpanId, SpanType, Status, TraceId, WriterId};

    use crate::{RetentionPolicy, SinkOptions, SqliteStore};

    fn root(number: u8, start_unix_ns: i64, status: Status) -> Span {
        let (trace_id, span_id) = (TraceId::from_bytes([number; 16]), SpanId::from_u64(1));
        Span { trace_id, span_id, span_type: SpanType::Pipeline, start_unix_ns, status, ..Span::default() }
    }

    fn batch(writer: u8, sequence: u64, spans: &[Span]) -> Arc<Batch> {
        let mut builder = BatchBuilder::new(WriterId::from_bytes([writer; 16]), sequence, Arc::default());
        spans.iter().for_each(|span| builder.push(span));
        let closed = spans.iter().filter(|span| span.status != Status::Running);
        builder.batch_mut().closed = closed.map(|span| (span.trace_id, span.span_id)).collect();
        Arc::new(builder.finish())
    }

    #[test]
    fn each_run_is_counted_once_however_it_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
        let is = |runs: u64| {
            assert_eq!(store.info().unwrap().runs, runs);
            assert_eq!(store.check().unwrap().problems, [], "as many as there are");
        };
        is(0);
        let (mut first, mut second) =
            (store.sink(SinkOptions::default()).unwrap(), store.sink(SinkOptions::default()).unwrap());
        first.write(&batch(1, 1, &[root(1, 10, Status::Running), root(2, 20, Status::Ok)])).unwrap();
        is(2);
        // Opened again by another one, ended by both, and written twice.
        second.write(&batch(2, 1, &[root(1, 10, Status::Running)])).unwrap();
        first.write(&batch(1, 2, &[root(1, 10, Status::Ok)])).unwrap();
        second.write(&batch(2, 2, &[root(1, 10, Status::Error), root(2, 20, Status::Ok)])).unwrap();
        is(2);
        // It ends with another start than it began with, where another one says the same.
        first.write(&batch(1, 3, &[root(3, 30, Status::Running)])).unwrap();
        second.write(&batch(2, 3, &[root(3, 31, Status::Ok)])).unwrap();
        is(4);
        first.write(&batch(1, 4, &[root(3, 31, Status::Ok)])).unwrap();
        is(3);
        // Its writer dies.
        first.write(&batch(1, 5, &[root(4, 40, Status::Running)])).unwrap();
        drop(first);
        drop(store.sink(SinkOptions::default()).unwrap());
        is(4);
        store.retain(&RetentionPolicy { keep_last: Some(1), ..RetentionPolicy::default() }).unwrap();
        is(1);
    }
}
