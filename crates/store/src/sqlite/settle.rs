//! What a writer does for those that died before it: their open spans and runs become interrupted for good.

use std::path::Path;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, SpanId, Status, TraceId, WriterId};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::joined::JoinedRuns;
use super::liveness::{ENDED, INTERRUPTED, LIVE, Seen};
use super::lock::{Gate, LockFolder};
use super::rows::Prepared;
use super::run_rows::{RunChanges, RunMemory};
use super::{blocks, failure::Failure};
use crate::StoreError;
use crate::block::{FrameDecoder, FrameEncoder};

/// Settles what all dead writers left, and removes their locks.
pub(super) fn settle_dead(connection: &mut Connection, path: &Path, locks: &LockFolder, gate: &Gate) -> Result<(), StoreError> {
    let failed = |failure: Failure| failure.at(path, "clear up after a dead process in");
    for dead in dead_writers(connection, locks).map_err(|error| failed(error.into()))? {
        settle(connection, &dead).map_err(failed)?;
    }
    locks.sweep(gate);
    Ok(())
}

struct DeadWriter {
    id: i64,
    uuid: WriterId,
    last_seen_unix_ns: i64,
}

fn dead_writers(connection: &Connection, locks: &LockFolder) -> rusqlite::Result<Vec<DeadWriter>> {
    let sql = "SELECT id, uuid, last_seen_unix_ns, state, lock FROM writer \
               WHERE state = ?1 OR id IN (SELECT writer FROM open_span) OR id IN (SELECT writer FROM runs WHERE status = 'running')";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([LIVE])?;
    let mut dead = Vec::new();
    while let Some(row) = rows.next()? {
        let ended = row.get::<_, String>(3)? != LIVE;
        if ended || !locks.is_held(WriterId::from_bytes(row.get(4)?)) {
            dead.push(DeadWriter { id: row.get(0)?, uuid: WriterId::from_bytes(row.get(1)?), last_seen_unix_ns: row.get(2)? });
        }
    }
    Ok(dead)
}

fn settle(connection: &mut Connection, dead: &DeadWriter) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let batch = interrupted_spans(&transaction, dead)?;
    let mut encoder = FrameEncoder::new().map_err(Failure::no_memory)?;
    let prepared = Prepared::new(&[&batch], &mut encoder).map_err(Failure::no_memory)?;
    let blocks = prepared.batches.iter().filter_map(|rows| rows.write(&transaction, dead.id, &batch).transpose());
    prepared.write_segment(&transaction, &blocks.collect::<Result<Vec<_>, _>>()?)?;
    let joined = JoinedRuns::default().resolve(&batch);
    let memory = RunMemory::default();
    RunChanges::count(&batch, &joined, &memory).write(&transaction, dead.id, &batch, &memory)?;
    transaction.execute(
        "UPDATE runs SET status = ?2, duration_ns = max(duration_ns, ?3 - max(start_unix_ns, 0)) WHERE writer = ?1 AND status = 'running'",
        params![dead.id, Status::Interrupted.as_str(), dead.last_seen_unix_ns],
    )?;
    transaction.execute(
        "UPDATE writer SET state = CASE state WHEN ?2 THEN ?2 ELSE ?3 END, ended_unix_ns = coalesce(ended_unix_ns, last_seen_unix_ns) WHERE id = ?1",
        params![dead.id, ENDED, INTERRUPTED],
    )?;
    Ok(transaction.commit()?)
}

/// Returns the writer's open spans as ended ones. A damaged row stays where it is.
fn interrupted_spans(transaction: &Transaction<'_>, dead: &DeadWriter) -> Result<Batch, Failure> {
    let seen = Seen { alive: false, last_unix_ns: dead.last_seen_unix_ns };
    let mut decoder = FrameDecoder::default();
    let mut builder = BatchBuilder::new(dead.uuid, 0, Arc::default());
    let mut closed = Vec::new();
    let mut statement = transaction.prepare("SELECT trace, span, data FROM open_span WHERE writer = ?1")?;
    let mut rows = statement.query([dead.id])?;
    while let Some(row) = rows.next()? {
        let piece = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        let Ok(batch) = blocks::open_joined(piece, &mut decoder) else { continue };
        for span in batch.spans() {
            let mut span = span.to_span();
            span.status = seen.status();
            span.duration_ns = seen.duration_ns(span.start_unix_ns, span.duration_ns);
            builder.push(&span);
        }
        closed.push((TraceId::from_bytes(row.get(0)?), SpanId::from_u64(row.get::<_, i64>(1)?.cast_unsigned())));
    }
    builder.batch_mut().closed = closed;
    Ok(builder.finish())
}
