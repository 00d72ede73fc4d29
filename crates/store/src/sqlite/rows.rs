//! Writing segments, open spans and graphs: the rows of one commit.

use std::borrow::Borrow;

use flowglass_model::{Batch, BatchBuilder, Graph, SpanId, Status, TraceId};
use rusqlite::{Transaction, params};

use super::{blocks, segments};
use crate::block::{self, Encoded, FrameEncoder, Rows};
use crate::sketch::facets::Facets;
use crate::sketch::postings::{self, Shape};
use crate::sketch::survey::Survey;
use crate::sketch::zones::{Bounds, Zone};

/// The rows of batches that become one segment, encoded before the store is locked.
pub(super) struct Prepared {
    /// Those of each batch.
    pub(super) batches: Vec<BatchRows>,
    /// Nothing, if no batch has anything that ended.
    segment: Option<NewSegment>,
}

impl Prepared {
    /// Encodes the batches.
    pub(super) fn new(batches: &[impl Borrow<Batch>], encoder: &mut FrameEncoder) -> std::io::Result<Self> {
        let rows = batches.iter().map(|batch| BatchRows::new(batch.borrow(), encoder)).collect::<std::io::Result<Vec<_>>>()?;
        let ended = batches.iter().zip(&rows).filter(|(_, rows)| rows.block.is_some()).map(|(batch, _)| batch.borrow());
        let ended: Vec<&Batch> = ended.collect();
        let segment = if ended.is_empty() { None } else { Some(NewSegment::new(&ended)) };
        Ok(Self { batches: rows, segment })
    }

    /// Writes the segment of these blocks, which the batches' rows were written to.
    pub(super) fn write_segment(&self, transaction: &Transaction<'_>, blocks: &[Zone]) -> rusqlite::Result<()> {
        self.segment.as_ref().map_or(Ok(()), |segment| segment.insert(transaction, blocks))
    }
}

/// The rows of a batch.
pub(super) struct BatchRows {
    /// Nothing, if the batch has nothing that ended.
    block: Option<(Encoded, Bounds)>,
    opened: Vec<OpenRow>,
}

struct OpenRow {
    trace: TraceId,
    span: SpanId,
    data: Vec<u8>,
}

impl BatchRows {
    fn new(batch: &Batch, encoder: &mut FrameEncoder) -> std::io::Result<Self> {
        let empty = batch.counts().total() == 0 && batch.links.is_empty();
        let block = if empty { None } else { Some((block::encode(Rows::of(batch), encoder)?, Bounds::of(batch))) };
        Ok(Self { block, opened: encode_opened(batch, encoder)? })
    }

    /// Writes the rows, and returns the block that they are in; a span leaves `open_span` in the transaction that brings its segment.
    pub(super) fn write(&self, transaction: &Transaction<'_>, writer: i64, batch: &Batch) -> rusqlite::Result<Option<Zone>> {
        let insert = |(block, bounds): &(Encoded, Bounds)| {
            Ok::<_, rusqlite::Error>(Zone { block: blocks::insert(transaction, writer, block)?, bounds: *bounds })
        };
        let zone = self.block.as_ref().map(insert).transpose()?;
        delete_closed(transaction, &batch.closed)?;
        let mut insert = transaction
            .prepare_cached("INSERT OR REPLACE INTO open_span (trace, span, writer, data) VALUES (?1, ?2, ?3, ?4)")?;
        for row in &self.opened {
            insert.execute(params![row.trace.to_bytes(), key(row.span), writer, row.data])?;
        }
        batch.graphs.iter().try_for_each(|graph| insert_graph(transaction, graph))?;
        Ok(zone)
    }
}

/// The sketches of a segment.
struct NewSegment {
    shape: Shape,
    chunks: Vec<(u32, Vec<u8>)>,
    facets: Facets,
    tallies: Vec<u8>,
}

impl NewSegment {
    fn new(batches: &[&Batch]) -> Self {
        let Survey { entries, facets, tallies } = Survey::of(batches);
        let shape = Shape::fitting(entries.len(), batches.len());
        Self { shape, chunks: postings::encode(&entries, shape).collect(), facets, tallies }
    }

    fn insert(&self, transaction: &Transaction<'_>, blocks: &[Zone]) -> rusqlite::Result<()> {
        let segment = segments::insert(transaction, segments::LIVE, self.shape, blocks)?;
        segments::insert_chunks(transaction, segment, &self.chunks)?;
        segments::insert_facets(transaction, segment, &self.facets)?;
        segments::insert_tallies(transaction, segment, &self.tallies)
    }
}

/// Encodes each open span as a block of its own.
fn encode_opened(batch: &Batch, encoder: &mut FrameEncoder) -> std::io::Result<Vec<OpenRow>> {
    let mut rows = Vec::with_capacity(batch.opened.len());
    for span in batch.opened() {
        let mut span = span.to_span();
        span.status = Status::Running;
        let mut builder = BatchBuilder::default();
        builder.push(&span);
        let one = builder.finish();
        let block = block::encode(Rows { batch: &one, spans: &one.opened }, encoder)?;
        rows.push(OpenRow { trace: span.trace_id, span: span.span_id, data: blocks::join(&block) });
    }
    Ok(rows)
}

/// Returns a span id as the number that SQLite stores.
pub(super) const fn key(span: SpanId) -> i64 {
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

fn insert_graph(transaction: &Transaction<'_>, graph: &Graph) -> rusqlite::Result<()> {
    let json = serde_json::to_string(graph).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT OR IGNORE INTO graph (fingerprint, name, version, json) VALUES (?1, ?2, ?3, ?4)";
    transaction.prepare_cached(sql)?.execute(params![graph.fingerprint.to_string(), graph.name, graph.version, json])?;
    Ok(())
}
