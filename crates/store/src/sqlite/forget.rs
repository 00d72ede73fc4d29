//! Taking what is forgotten out of one segment: blocks that lose all go, those that lose some are written anew.

use std::collections::HashSet;

use flowglass_model::{Batch, BatchBuilder};
use rusqlite::Connection;

use super::blocks::Blocks;
use super::failure::Failure;
use super::merge::{self, Merged, Part, Turns};
use super::rollups;
use super::segments::{self, Segment};
use super::sources::{GONE, Sources};
use crate::block::{self, FrameEncoder, Rows};
use crate::kept::Kept;
use crate::sketch::facets::Facets;
use crate::sketch::fingerprint;
use crate::sketch::postings::Entry;
use crate::sketch::survey;
use crate::sketch::zones::{Bounds, Zone};

/// So many blocks of a segment are written anew at a time, so that a large one takes no more memory than a small one.
const BLOCKS_AT_ONCE: usize = if cfg!(test) { 8 } else { 1024 };

/// Takes what goes out of a segment, and returns how many spans went.
pub(super) fn in_segment(turns: &mut Turns<'_>, segment: &Segment, kept: &Kept) -> Result<u64, Failure> {
    let (mut segment, mut from, mut gone) = (*segment, 0, 0);
    loop {
        let Some(mut written) = Rewriting::new(turns, &segment)?.all(kept, from)? else { return Ok(gone) };
        let merged = &mut written.merged;
        let spans = merged.parts.iter().map(|part| part.bounds().spans).sum();
        let went = segment.bounds.spans.saturating_sub(spans);
        if merged.parts.is_empty() {
            return Ok(gone + if merge::remove_all(turns, &segment, merged)? { went } else { 0 });
        }
        let new = merge::replace(turns, std::slice::from_ref(&segment), merged)?;
        let new = new.map(|new| segments::find(turns.connection, new)).transpose()?.flatten();
        let Some(new) = new else { return Ok(gone) };
        gone += went;
        let Some(next) = written.next else { return Ok(gone) };
        merge::sweep(turns)?;
        (segment, from) = (new, next);
    }
}

/// What takes the place of a segment that loses something.
struct Written {
    merged: Merged,
    /// The place there behind which blocks may lose something, too.
    next: Option<usize>,
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
        let known = |trace| segment.shape.known(Entry::new(fingerprint::trace(trace), 0));
        let gone: HashSet<Entry> = kept.forgotten.iter().map(|trace| known(*trace)).collect();
        let mut found = false;
        segment.each_entry(connection, |entry| found |= gone.contains(&entry.moved(0)))?;
        return Ok(found);
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
    /// The place of each block in the new segment.
    places: Vec<u32>,
    sources: Sources,
    facets: Facets,
    /// How many blocks were written anew.
    anew: usize,
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
            places: Vec::new(),
            sources: Sources::default(),
            facets: segment.facets(turns.connection)?,
            anew: 0,
        })
    }

    /// Returns what takes the segment's place, of which what stands before `from` was looked at; nothing if it can stay.
    fn all(mut self, kept: &Kept, from: usize) -> Result<Option<Written>, Failure> {
        let zones = self.segment.zones(self.turns.connection)?;
        if !may_lose(self.turns.connection, self.segment, &zones, kept)? {
            return Ok(None);
        }
        let mut next = None;
        for (at, zone) in zones.into_iter().enumerate() {
            if at < from || next.is_some() {
                self.keep(zone);
            } else {
                self.add(zone, kept)?;
                let enough = self.anew >= BLOCKS_AT_ONCE && !self.segment.shape.is_early();
                next = enough.then_some(self.parts.len());
            }
        }
        if self.gone.is_empty() && self.anew == 0 {
            return Ok(None);
        }
        let tallies = match self.segment.tallied {
            true => None,
            false => Some(rollups::waiting_in(self.turns.connection, std::slice::from_ref(self.segment))?.encode()),
        };
        let Self { parts, gone, places, mut sources, facets, .. } = self;
        if !self.segment.shape.is_early() {
            sources.add(*self.segment, places);
        }
        Ok(Some(Written { merged: Merged { parts, gone, sources, facets, tallies }, next }))
    }

    fn add(&mut self, zone: Zone, kept: &Kept) -> Result<(), Failure> {
        let batch = self.blocks.whole(zone.block)?;
        if kept.keeps_all(&batch) {
            if self.segment.shape.is_early() {
                // What is stored of it is too short to be taken over.
                self.survey(&batch);
            }
            self.keep(zone);
            return Ok(());
        }
        survey::counts(&batch).into_iter().for_each(|(key, value, count)| self.facets.take_away(key, value, count));
        self.places.push(GONE);
        let rest = kept.copy(&batch, BatchBuilder::default());
        if rest.counts().total() == 0 && rest.links.is_empty() {
            self.gone.push(zone.block);
            return Ok(());
        }
        survey::counts(&rest).into_iter().for_each(|(key, value, count)| self.facets.add(key, value, count));
        let bounds = self.survey(&rest);
        let block = block::encode(Rows::of(&rest), &mut self.encoder).map_err(Failure::no_memory)?;
        let writer = self.blocks.writer(zone.block)?;
        self.parts.push(Part::Joined { writer, block, bounds, old: vec![zone.block] });
        self.anew += 1;
        Ok(())
    }

    fn keep(&mut self, zone: Zone) {
        self.places.push(self.parts.len() as u32);
        self.parts.push(Part::Kept(zone));
    }

    /// Adds the entries of the next part, and returns its bounds.
    fn survey(&mut self, rest: &Batch) -> Bounds {
        let place = self.parts.len() as u32;
        self.sources.add_fresh(survey::entries(rest).into_iter().map(|entry| entry.moved(place)));
        Bounds::of(rest)
    }
}
