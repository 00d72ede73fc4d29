//! Taking what is forgotten out of one segment: blocks that lose all go, those that lose some are written anew.

use std::collections::HashSet;

use flowglass_model::{Batch, BatchBuilder};
use rusqlite::Connection;

use super::blocks::Blocks;
use super::failure::Failure;
use super::merge::{self, Merged, Part, Turns};
use super::rollups;
use super::segments::Segment;
use crate::block::{self, FrameEncoder, Rows};
use crate::kept::Kept;
use crate::sketch::facets::Facets;
use crate::sketch::fingerprint;
use crate::sketch::postings::{self, Entry, Shape};
use crate::sketch::survey::Survey;
use crate::sketch::zones::{Bounds, Zone};

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

/// So many traces are looked up one by one; of more, it is seen which ones a segment has.
const FEW_TRACES: usize = 256;

/// Says whether something of a segment may go: most segments have nothing that is old, or of a forgotten trace.
fn may_lose(connection: &Connection, segment: &Segment, zones: &[Zone], kept: &Kept) -> Result<bool, Failure> {
    let before = kept.before_unix_ns.unwrap_or(i64::MIN);
    if zones.iter().any(|zone| earliest(&zone.bounds) < before) {
        return Ok(true);
    }
    if kept.forgotten.len() > FEW_TRACES {
        let gone: HashSet<Entry> = kept.forgotten.iter().map(|trace| Entry::new(fingerprint::trace(*trace), 0)).collect();
        return Ok(segment.entries(connection)?.into_iter().any(|entry| gone.contains(&entry.moved(0))));
    }
    for trace in &kept.forgotten {
        if !segment.places_with(connection, &fingerprint::of_trace(*trace))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

const fn earliest(bounds: &Bounds) -> i64 {
    let others = bounds.others.min_unix_ns;
    if bounds.min_start_unix_ns < others { bounds.min_start_unix_ns } else { others }
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
        if !may_lose(self.turns.connection, self.segment, &zones, kept)? {
            return Ok(None);
        }
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
        postings::sort(&mut self.entries);
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
        let rest = kept.copy(&batch, BatchBuilder::default());
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
    fn survey(&mut self, batch: &Batch) -> Bounds {
        let survey = Survey::of(batch);
        let place = self.parts.len() as u32;
        self.entries.extend(survey.entries.into_iter().map(|entry| entry.moved(place)));
        self.facets.merge(&survey.facets);
        survey.bounds
    }
}
