//! Writing segments, open spans and graphs: the rows of one commit.

use flowglass_model::{Batch, BatchBuilder, Graph, SpanId, Status, TraceId};
use rusqlite::{Transaction, params};

use super::schema::SIGNAL_TRACES;
use crate::segment::{self, BLOCKS_PER_SEGMENT, BlockEncoder, Encoded, Rows, sketch};

/// The rows of a batch, encoded before the store is locked.
pub(super) struct Prepared {
    /// Nothing, if the batch has neither spans nor events.
    segment: Option<Encoded>,
    opened: Vec<OpenRow>,
}

struct OpenRow {
    trace: TraceId,
    span: SpanId,
    data: Vec<u8>,
}

impl Prepared {
    /// Encodes the batch.
    pub(super) fn new(batch: &Batch, encoder: &mut BlockEncoder) -> std::io::Result<Self> {
        let rows = Rows { arena: &batch.arena, spans: &batch.spans, events: &batch.events };
        let empty = batch.spans.is_empty() && batch.events.is_empty();
        Ok(Self {
            segment: if empty { None } else { Some(segment::encode(rows, encoder)?) },
            opened: encode_opened(batch, encoder)?,
        })
    }

    /// Writes the rows; a span leaves `open_span` in the transaction that brings its segment.
    pub(super) fn write(&self, transaction: &Transaction<'_>, writer: i64, batch: &Batch) -> rusqlite::Result<()> {
        if let Some(encoded) = &self.segment {
            insert_segment(transaction, writer, batch, encoded)?;
        }
        delete_closed(transaction, &batch.closed)?;
        let mut insert = transaction
            .prepare_cached("INSERT OR REPLACE INTO open_span (trace, span, writer, data) VALUES (?1, ?2, ?3, ?4)")?;
        for row in &self.opened {
            insert.execute(params![row.trace.to_bytes(), key(row.span), writer, row.data])?;
        }
        batch.graphs.iter().try_for_each(|graph| insert_graph(transaction, graph))
    }
}

/// Encodes each open span as a segment of its own, in one block.
fn encode_opened(batch: &Batch, encoder: &mut BlockEncoder) -> std::io::Result<Vec<OpenRow>> {
    let mut rows = Vec::with_capacity(batch.opened.len());
    for span in batch.opened() {
        let mut span = span.to_span();
        span.status = Status::Running;
        let mut builder = BatchBuilder::default();
        builder.push(&span);
        let one = builder.finish();
        let data = segment::encode_packed(Rows { arena: &one.arena, spans: &one.opened, events: &one.events }, encoder)?;
        rows.push(OpenRow { trace: span.trace_id, span: span.span_id, data });
    }
    Ok(rows)
}

/// Returns a span id as the number that SQLite stores.
const fn key(span: SpanId) -> i64 {
    span.to_u64().cast_signed()
}

/// Returns a count or a duration as the number that SQLite stores; what doesn't fit is as large as can be.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn delete_closed(transaction: &Transaction<'_>, closed: &[(TraceId, SpanId)]) -> rusqlite::Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM open_span WHERE trace = ?1 AND span = ?2")?;
    closed.iter().try_for_each(|(trace, span)| delete.execute(params![trace.to_bytes(), key(*span)]).map(|_| ()))
}

const INSERT_SEGMENT: &str = "
INSERT INTO segment (level, signal, writer, first_sequence, last_sequence, min_start_unix_ns, max_start_unix_ns,
    spans, events, errors, min_duration_ns, max_duration_ns, traces)
VALUES (0, ?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

fn insert_segment(transaction: &Transaction<'_>, writer: i64, batch: &Batch, encoded: &Encoded) -> rusqlite::Result<()> {
    let (spans, events) = (&batch.spans, &batch.events);
    // The times of events stand for a segment that has nothing else.
    let starts = || if spans.is_empty() { events.unix_ns.iter() } else { spans.start_unix_ns.iter() };
    transaction.prepare_cached(INSERT_SEGMENT)?.execute(params![
        SIGNAL_TRACES,
        writer,
        stored(batch.sequence),
        starts().min(),
        starts().max(),
        spans.len(),
        events.len(),
        spans.status.iter().filter(|status| **status == Status::Error).count(),
        stored(spans.duration_ns.iter().copied().min().unwrap_or(0)),
        stored(spans.duration_ns.iter().copied().max().unwrap_or(0)),
        sketch::encode(&encoded.traces),
    ])?;
    let first_block = transaction.last_insert_rowid().saturating_mul(BLOCKS_PER_SEGMENT);
    let mut insert = transaction.prepare_cached("INSERT INTO block (id, data) VALUES (?1, ?2)")?;
    encoded.blocks.iter().try_for_each(|(number, data)| {
        insert.execute(params![first_block.saturating_add(i64::from(*number)), data]).map(|_| ())
    })
}

fn insert_graph(transaction: &Transaction<'_>, graph: &Graph) -> rusqlite::Result<()> {
    let json = serde_json::to_string(graph).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT OR IGNORE INTO graph (fingerprint, name, version, json) VALUES (?1, ?2, ?3, ?4)";
    transaction.prepare_cached(sql)?.execute(params![graph.fingerprint.to_string(), graph.name, graph.version, json])?;
    Ok(())
}
