//! Writing segments, open spans and graphs: the rows of one commit.

use flowglass_model::{Batch, BatchBuilder, Graph, SpanId, Status, TraceId};
use rusqlite::{Transaction, params};

use super::{blocks, segments};
use crate::block::{self, Encoded, FrameEncoder, Rows};
use crate::sketch::postings::{self, Shape};
use crate::sketch::survey::Survey;
use crate::sketch::zones::Zone;

/// The rows of a batch, encoded before the store is locked.
pub(super) struct Prepared {
    /// Nothing, if the batch has nothing that ended.
    segment: Option<NewSegment>,
    opened: Vec<OpenRow>,
}

struct OpenRow {
    trace: TraceId,
    span: SpanId,
    data: Vec<u8>,
}

impl Prepared {
    /// Encodes the batch.
    pub(super) fn new(batch: &Batch, encoder: &mut FrameEncoder) -> std::io::Result<Self> {
        let empty = batch.counts().total() == 0 && batch.links.is_empty();
        Ok(Self {
            segment: if empty { None } else { Some(NewSegment::new(batch, encoder)?) },
            opened: encode_opened(batch, encoder)?,
        })
    }

    /// Writes the rows; a span leaves `open_span` in the transaction that brings its segment.
    pub(super) fn write(&self, transaction: &Transaction<'_>, writer: i64, batch: &Batch) -> rusqlite::Result<()> {
        if let Some(segment) = &self.segment {
            segment.insert(transaction, writer)?;
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

/// A segment of one block.
struct NewSegment {
    block: Encoded,
    survey: Survey,
    shape: Shape,
    chunks: Vec<(u32, Vec<u8>)>,
}

impl NewSegment {
    fn new(batch: &Batch, encoder: &mut FrameEncoder) -> std::io::Result<Self> {
        let block = block::encode(Rows::of(batch), encoder)?;
        let survey = Survey::of(batch);
        let shape = Shape::fitting(survey.entries.len(), 1);
        let chunks = postings::encode(&survey.entries, shape).collect();
        Ok(Self { block, survey, shape, chunks })
    }

    fn insert(&self, transaction: &Transaction<'_>, writer: i64) -> rusqlite::Result<()> {
        let block = blocks::insert(transaction, writer, &self.block)?;
        let zone = Zone { block, bounds: self.survey.bounds };
        let segment = segments::insert(transaction, segments::LIVE, self.shape, &[zone])?;
        segments::insert_chunks(transaction, segment, &self.chunks)?;
        segments::insert_facets(transaction, segment, &self.survey.facets)?;
        segments::insert_tallies(transaction, segment, &self.survey.tallies)
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
