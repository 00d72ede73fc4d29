//! Taking what is forgotten out of one segment: blocks that lose all go, those that lose some are written anew.

use std::collections::HashSet;

use flowglass_model::{Batch, BatchBuilder, TraceId};

use super::blocks::Blocks;
use super::failure::Failure;
use super::merge::{self, Merged, Part, Turns};
use super::rollups;
use super::segments::Segment;
use crate::block::{self, FrameEncoder, Rows, rest};
use crate::sketch::facets::Facets;
use crate::sketch::postings::{Entry, Shape};
use crate::sketch::survey::Survey;
use crate::sketch::zones::Zone;

/// Says what stays.
pub(super) struct Kept {
    /// The traces that go.
    pub(super) forgotten: HashSet<TraceId>,
    /// The traces that stay however old they are.
    pub(super) kept: HashSet<TraceId>,
    /// All else goes if it is from before this.
    pub(super) before_unix_ns: Option<i64>,
}

impl Kept {
    fn keeps(&self, trace: TraceId, unix_ns: i64) -> bool {
        let too_old = self.before_unix_ns.is_some_and(|before| unix_ns < before);
        !self.forgotten.contains(&trace) && (!too_old || self.kept.contains(&trace))
    }

    fn keeps_all(&self, batch: &Batch) -> bool {
        let spans = batch.spans.trace_id.iter().zip(&batch.spans.start_unix_ns);
        let events = batch.events.trace_id.iter().zip(&batch.events.unix_ns);
        let logs = batch.logs.trace_id.iter().zip(&batch.logs.unix_ns);
        spans.chain(events).chain(logs).all(|(trace, at)| self.keeps(*trace, *at))
            && batch.links.trace_id.iter().all(|trace| !self.forgotten.contains(trace))
            && batch.points.unix_ns.iter().all(|at| self.keeps(TraceId::NONE, *at))
    }

    /// Returns what stays of a batch.
    fn of(&self, batch: &Batch) -> Batch {
        let mut builder = BatchBuilder::default();
        let spans = batch.spans().filter(|span| self.keeps(span.row().trace_id, span.row().start_unix_ns));
        spans.for_each(|span| builder.push(&span.to_span()));
        for event in batch.events().filter(|event| self.keeps(event.owner().0, event.unix_ns())) {
            builder.push_owned_event(event.owner(), &event.to_event());
        }
        for link in batch.links().filter(|link| !self.forgotten.contains(&link.row().trace_id)) {
            builder.push_owned_link((link.row().trace_id, link.row().span_id), &link.to_link());
        }
        let logs = batch.logs().filter(|log| self.keeps(log.row().trace_id, log.row().unix_ns));
        logs.for_each(|log| builder.push_owned_log(&log.to_log()));
        let mut metrics = rest::metrics(batch);
        metrics.iter_mut().for_each(|(_, points)| points.retain(|point| self.keeps(TraceId::NONE, point.unix_ns)));
        metrics.retain(|(_, points)| !points.is_empty());
        rest::push_metrics(&mut builder, &metrics);
        builder.finish()
    }
}

/// Takes what goes out of a segment, and returns how many spans went.
pub(super) fn in_segment(turns: &mut Turns<'_>, segment: &Segment, kept: &Kept) -> Result<u64, Failure> {
    let Some(merged) = Rewriting::new(turns, segment)?.all(kept)? else { return Ok(0) };
    let spans = merged.parts.iter().map(|part| part.bounds().spans).sum();
    let gone = segment.bounds.spans.saturating_sub(spans);
    let swapped = if merged.parts.is_empty() {
        merge::remove_all(turns, segment, &merged)?
    } else {
        merge::replace(turns, std::slice::from_ref(segment), &merged)?
    };
    Ok(if swapped { gone } else { 0 })
}

/// A segment on its way to one that holds less.
struct Rewriting<'a> {
    turns: &'a Turns<'a>,
    segment: &'a Segment,
    blocks: Blocks<'a>,
    encoder: FrameEncoder,
    parts: Vec<Part>,
    gone: Vec<i64>,
    entries: Vec<Entry>,
    facets: Facets,
}

impl<'a> Rewriting<'a> {
    fn new(turns: &'a Turns<'a>, segment: &'a Segment) -> Result<Self, Failure> {
        Ok(Self {
            turns,
            segment,
            blocks: Blocks::new(turns.connection),
            encoder: FrameEncoder::new().map_err(Failure::no_memory)?,
            parts: Vec::new(),
            gone: Vec::new(),
            entries: Vec::new(),
            facets: Facets::default(),
        })
    }

    /// Returns what takes the segment's place; nothing if it can stay.
    fn all(mut self, kept: &Kept) -> Result<Option<Merged>, Failure> {
        let zones = self.segment.zones(self.turns.connection)?;
        for zone in zones {
            self.add(zone, kept)?;
        }
        if self.gone.is_empty() && self.parts.iter().all(|part| matches!(part, Part::Kept(_))) {
            return Ok(None);
        }
        let tallies = match self.segment.tallied {
            true => None,
            false => Some(rollups::waiting_in(self.turns.connection, std::slice::from_ref(self.segment))?.encode()),
        };
        self.entries.sort_unstable();
        self.entries.dedup();
        let shape = Shape::fitting(self.entries.len(), self.parts.len());
        let Self { parts, gone, entries, facets, .. } = self;
        Ok(Some(Merged { parts, gone, shape, entries, facets, tallies }))
    }

    fn add(&mut self, zone: Zone, kept: &Kept) -> Result<(), Failure> {
        let batch = self.blocks.whole(zone.block)?;
        if kept.keeps_all(&batch) {
            self.survey(&batch);
            self.parts.push(Part::Kept(zone));
            return Ok(());
        }
        let rest = kept.of(&batch);
        if rest.counts().total() == 0 && rest.links.is_empty() {
            self.gone.push(zone.block);
            return Ok(());
        }
        let bounds = self.survey(&rest);
        let block = block::encode(Rows::of(&rest), &mut self.encoder).map_err(Failure::no_memory)?;
        let writer = self.blocks.writer(zone.block)?;
        self.parts.push(Part::Joined { writer, block, bounds, old: vec![zone.block] });
        Ok(())
    }

    /// Adds the sketches of the next part, and returns its bounds.
    fn survey(&mut self, batch: &Batch) -> crate::sketch::zones::Bounds {
        let survey = Survey::of(batch);
        let place = self.parts.len() as u32;
        self.entries.extend(survey.entries.into_iter().map(|entry| entry.moved(place)));
        self.facets.merge(&survey.facets);
        survey.bounds
    }
}
