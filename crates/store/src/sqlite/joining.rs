//! Joining small blocks of one writer into larger ones, while their segments are merged.

use flowglass_model::{Arena, Batch, BatchBuilder, Scalar, SpanRow, Sym};
use rusqlite::Connection;

use super::blocks::Blocks;
use super::failure::Failure;
use super::merge::Part;
use crate::block::{self, FrameEncoder, Rows, rest};
use crate::sketch::zones::{Bounds, Zone};

/// A block with fewer spans is joined with its neighbours of the same writer.
const SMALL_BLOCK_SPANS: u64 = 128;
const LARGE_BLOCK_SPANS: u64 = 512;

/// Gathers blocks, and joins small ones.
pub(super) struct Joiner<'a> {
    blocks: Blocks<'a>,
    encoder: FrameEncoder,
    parts: Vec<Part>,
    small: Vec<Zone>,
    writer: i64,
}

impl<'a> Joiner<'a> {
    pub(super) fn new(connection: &'a Connection) -> Result<Self, Failure> {
        let encoder = FrameEncoder::new().map_err(Failure::no_memory)?;
        Ok(Self { blocks: Blocks::new(connection), encoder, parts: Vec::new(), small: Vec::new(), writer: 0 })
    }

    /// Adds a block and returns the place that it will have.
    pub(super) fn add(&mut self, zone: Zone) -> Result<u32, Failure> {
        if zone.bounds.spans >= SMALL_BLOCK_SPANS || zone.bounds.events >= SMALL_BLOCK_SPANS {
            self.flush()?;
            self.parts.push(Part::Kept(zone));
            return Ok(self.parts.len() as u32 - 1);
        }
        let writer = self.blocks.writer(zone.block)?;
        let spans: u64 = self.small.iter().map(|zone| zone.bounds.spans).sum();
        if writer != self.writer || spans + zone.bounds.spans > LARGE_BLOCK_SPANS {
            self.flush()?;
        }
        self.writer = writer;
        self.small.push(zone);
        Ok(self.parts.len() as u32)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        match std::mem::take(&mut self.small).as_slice() {
            [] => {}
            [alone] => self.parts.push(Part::Kept(*alone)),
            several => {
                let joined = self.join(several)?;
                self.parts.push(joined);
            }
        }
        Ok(())
    }

    fn join(&mut self, zones: &[Zone]) -> Result<Part, Failure> {
        let mut builder = BatchBuilder::default();
        for zone in zones {
            append(&mut builder, &self.blocks.whole(zone.block)?);
        }
        let block = block::encode(Rows::of(&builder.finish()), &mut self.encoder).map_err(Failure::no_memory)?;
        let bounds = zones.iter().fold(Bounds::NONE, |bounds, zone| bounds.and(zone.bounds));
        Ok(Part::Joined { writer: self.writer, block, bounds, old: zones.iter().map(|zone| zone.block).collect() })
    }

    pub(super) fn finish(mut self) -> Result<Vec<Part>, Failure> {
        self.flush()?;
        Ok(self.parts)
    }
}

fn append(builder: &mut BatchBuilder, batch: &Batch) {
    append_spans(builder, batch);
    batch.events().for_each(|event| builder.push_owned_event(event.owner(), &event.to_event()));
    for link in batch.links() {
        builder.push_owned_link((link.row().trace_id, link.row().span_id), &link.to_link());
    }
    batch.logs().for_each(|log| builder.push_owned_log(&log.to_log()));
    rest::push_metrics(builder, &rest::metrics(batch));
}

/// Most spans are their columns and attributes, which are copied without a record between them.
fn append_spans(builder: &mut BatchBuilder, batch: &Batch) {
    if !batch.spans.extras.runs().is_empty() {
        return batch.spans().for_each(|span| builder.push(&span.to_span()));
    }
    let mut texts = Texts { arena: &batch.arena, known: vec![None; batch.arena.len()] };
    let (attributes, mut start) = (&batch.spans.attributes, 0);
    for (span, &end) in batch.spans().zip(&attributes.ends) {
        for at in start..end as usize {
            let (key, value) = (texts.sym(builder, attributes.keys[at]), texts.scalar(builder, attributes.values[at]));
            builder.batch_mut().spans.attributes.push(key, value);
        }
        start = end as usize;
        let row = span.row();
        let (name, status_message) = (texts.sym(builder, row.name), texts.sym(builder, row.status_message));
        builder.push_span(SpanRow { name, status_message, ..row }, []);
    }
}

/// What the texts of an arena are called in the one that they are copied to.
struct Texts<'a> {
    arena: &'a Arena,
    known: Vec<Option<Sym>>,
}

impl Texts<'_> {
    fn sym(&mut self, builder: &mut BatchBuilder, sym: Sym) -> Sym {
        let Some(known) = self.known.get_mut(sym.0 as usize) else { return Sym::EMPTY };
        *known.get_or_insert_with(|| builder.intern_bytes(self.arena.bytes(sym)))
    }

    fn scalar(&mut self, builder: &mut BatchBuilder, scalar: Scalar) -> Scalar {
        match scalar {
            Scalar::Str(sym) => Scalar::Str(self.sym(builder, sym)),
            Scalar::Nested(sym) => Scalar::Nested(self.sym(builder, sym)),
            // Mostly there once.
            Scalar::Bytes(sym) => Scalar::Bytes(builder.push_bytes(self.arena.bytes(sym))),
            number => number,
        }
    }
}
