//! Merging: many small segments become one larger one, so that a question has few sketches to ask.
//!
//! Blocks stay where they are; only small ones of one writer are joined. The new segment's sketches are written first, in
//! transactions of their own, under a row that stands for nothing yet. One short transaction then swaps: it checks that the
//! old segments are still there and lets the new one take their place. Whatever a merge that was killed left behind is removed
//! before the next one. The tallies of merged segments wait, and go to the roll-ups many at once.
//!
//! Nobody but who holds the lease changes or removes a segment, so that the old ones' postings can be read slice by slice, each in
//! a look of its own, and go to the new one without ever being in memory as a whole.

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::blocks;
use super::choice::{Eagerness, FAN_IN_AT_REST, choose};
use super::failure::Failure;
use super::joining::Joiner;
use super::parallel;
use super::rollups;
use super::segments::{self, BUILDING, LIVE, MERGED, Segment};
use super::sources::Sources;
use crate::block::Encoded;
use crate::sketch::facets::Facets;
use crate::sketch::postings::Entry;
use crate::sketch::survey;
use crate::sketch::tally::Tallies;
use crate::sketch::zones::{Bounds, Zone};

/// So many segments are removed in one transaction, so that writers never wait long.
const SEGMENTS_AT_ONCE: usize = 16;
/// So many chunks of a large one, for the same reason.
const CHUNKS_AT_ONCE: usize = 1024;

/// Says whether a process that ends has something to merge.
pub(super) fn is_due(connection: &Connection) -> bool {
    let sql = "SELECT count(*) FROM segment WHERE level = 0 OR state <> 1";
    connection.query_row(sql, [], |row| row.get::<_, usize>(0)).is_ok_and(|count| count >= FAN_IN_AT_REST)
}

/// A connection whose transactions take turns with those of the sink that it belongs to: SQLite lets those that wait sleep for
/// milliseconds.
pub(super) struct Turns<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) turn: &'a Mutex<()>,
    /// Says whether to give up what takes long: the program ends.
    pub(super) stops: &'a dyn Fn() -> bool,
}

/// For who is waited for until all is done.
pub(super) const NEVER: &dyn Fn() -> bool = &|| false;

impl Turns<'_> {
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let turn = self.turn.lock();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        MutexGuard::unlock_fair(turn);
        Ok(result)
    }
}

/// Merges one set of segments, or adds tallies to the roll-ups, if there is something to do; the caller holds the lease. Returns
/// whether there was.
pub(super) fn step(turns: &mut Turns<'_>, eagerness: Eagerness) -> Result<bool, Failure> {
    sweep(turns)?;
    let Some(old) = choose(segments::live(turns.connection)?, eagerness) else { return rollups::take_up(turns, eagerness) };
    let mut merged = Merged::build(turns.connection, &old)?;
    if replace(turns, &old, &mut merged)?.is_some() {
        sweep(turns)?;
    }
    Ok(true)
}

/// Writes a segment and lets it take the place of others, unless one of them is gone or this is to stop; returns its id if it did.
/// What is of no use any more is left for [`sweep`].
pub(super) fn replace(turns: &mut Turns<'_>, old: &[Segment], merged: &mut Merged) -> Result<Option<i64>, Failure> {
    let Some(new) = announce(turns, merged)? else { return Ok(None) };
    let swapped = turns.write(|transaction| swap(transaction, new, old, merged))?;
    Ok(swapped.then_some(new))
}

/// Removes a segment of which nothing is left; says whether it was still there.
pub(super) fn remove_all(turns: &mut Turns<'_>, old: &Segment, merged: &Merged) -> Result<bool, Failure> {
    turns.write(|transaction| {
        if state(transaction, old.id)? != Some(LIVE) {
            return Ok(false);
        }
        if let Some(bytes) = &merged.tallies {
            let mut tallies = Tallies::default();
            tallies.add_stored(bytes).map_err(|damage| Failure::segment(old.id, damage))?;
            rollups::add(transaction, &tallies)?;
        }
        set_state(transaction, old.id, MERGED)?;
        Ok(merged.gone.iter().try_for_each(|&block| blocks::remove(transaction, block)).map(|()| true)?)
    })
}

/// Removes segments that stand for nothing: those merged into others, and those of a merge that was killed.
pub(super) fn sweep(turns: &mut Turns<'_>) -> Result<(), Failure> {
    let dead = segments::dead(turns.connection)?;
    for (segment, shape) in &dead {
        for first in (0..shape.chunks() - 1).step_by(CHUNKS_AT_ONCE).skip(1) {
            let some = first - CHUNKS_AT_ONCE as u32..first;
            turns.write(|transaction| Ok(segments::remove_chunks(transaction, *segment, some)?))?;
        }
    }
    for some in dead.chunks(SEGMENTS_AT_ONCE) {
        turns.write(|transaction| Ok(some.iter().try_for_each(|(segment, _)| segments::remove(transaction, *segment))?))?;
    }
    Ok(())
}

/// A segment that takes the place of others, before it is written.
pub(super) struct Merged {
    /// What takes the place of each run of old blocks.
    pub(super) parts: Vec<Part>,
    /// Blocks that nothing takes the place of.
    pub(super) gone: Vec<i64>,
    /// Where its postings come from.
    pub(super) sources: Sources,
    pub(super) facets: Facets,
    /// Those that are not in the roll-ups yet.
    pub(super) tallies: Option<Vec<u8>>,
}

/// A block of the new segment.
pub(super) enum Part {
    /// One that stays as it is.
    Kept(Zone),
    /// One that takes the place of several.
    Joined { writer: i64, block: Encoded, bounds: Bounds, old: Vec<i64> },
}

impl Part {
    pub(super) fn bounds(&self) -> Bounds {
        match self {
            Self::Kept(zone) => zone.bounds,
            Self::Joined { bounds, .. } => *bounds,
        }
    }
}

impl Merged {
    fn build(connection: &mut Connection, old: &[Segment]) -> Result<Self, Failure> {
        // One state of the store for all that is read; nobody waits for a reader.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let mut joiner = Joiner::new(&transaction)?;
        let (mut sources, mut facets) = (Sources::default(), Facets::default());
        for segment in old {
            let zones = segment.zones(&transaction)?;
            let places = zones.iter().map(|zone| joiner.add(*zone)).collect::<Result<Vec<u32>, _>>()?;
            if segment.shape.is_early() {
                sources.add_fresh(look_into(&transaction, &zones, &places)?);
            } else {
                sources.add(*segment, places);
            }
            facets.merge(&segment.facets(&transaction)?);
        }
        let parts = joiner.finish()?;
        let waiting = old.iter().any(|segment| !segment.tallied);
        let tallies = if waiting { Some(rollups::waiting_in(&transaction, old)?.encode()) } else { None };
        Ok(Self { parts, gone: Vec::new(), sources, facets, tallies })
    }
}

/// Returns the entries of blocks at these places: those of a format before 5 are too short to be taken over.
fn look_into(connection: &Connection, zones: &[Zone], places: &[u32]) -> Result<Vec<Entry>, Failure> {
    let blocks: Vec<i64> = zones.iter().map(|zone| zone.block).collect();
    let surveys = parallel::each_whole(connection, &blocks, |batch, _| survey::entries(batch))?;
    Ok(surveys
        .into_iter()
        .zip(places)
        .flat_map(|(entries, &place)| entries.into_iter().map(move |entry| entry.moved(place)))
        .collect())
}

/// Writes the new segment's sketches under a row that stands for nothing yet, and returns its id; nothing if this is to stop.
fn announce(turns: &mut Turns<'_>, merged: &mut Merged) -> Result<Option<i64>, Failure> {
    let shape = merged.sources.shape(merged.parts.len());
    let new = turns.write(|transaction| {
        let new = segments::insert(transaction, BUILDING, shape, &[])?;
        segments::insert_facets(transaction, new, &merged.facets)?;
        if let Some(tallies) = &merged.tallies {
            segments::insert_tallies(transaction, new, tallies)?;
        }
        Ok(new)
    })?;
    let mut slices = merged.sources.slices(shape);
    while let Some(chunks) = slices.next(turns.connection)? {
        if (turns.stops)() {
            return Ok(None);
        }
        turns.write(|transaction| Ok(segments::insert_chunks(transaction, new, &chunks)?))?;
    }
    Ok(Some(new))
}

/// Lets the new segment take the place of the old ones, unless one of them is gone; says whether it did.
fn swap(transaction: &Transaction<'_>, new: i64, old: &[Segment], merged: &Merged) -> Result<bool, Failure> {
    let all_live = old.iter().map(|segment| state(transaction, segment.id)).collect::<rusqlite::Result<Vec<_>>>()?;
    if all_live.iter().any(|state| *state != Some(LIVE)) || state(transaction, new)? != Some(BUILDING) {
        return Ok(false);
    }
    old.iter().try_for_each(|segment| set_state(transaction, segment.id, MERGED))?;
    merged.gone.iter().try_for_each(|&block| blocks::remove(transaction, block))?;
    let zones = merged.parts.iter().map(|part| place(transaction, part)).collect::<rusqlite::Result<Vec<_>>>()?;
    segments::fill(transaction, new, &zones)?;
    set_state(transaction, new, LIVE)?;
    Ok(true)
}

fn state(transaction: &Transaction<'_>, segment: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = transaction.prepare_cached("SELECT state FROM segment WHERE id = ?1")?;
    statement.query_row([segment], |row| row.get(0)).optional()
}

fn set_state(transaction: &Transaction<'_>, segment: i64, state: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("UPDATE segment SET state = ?2 WHERE id = ?1")?.execute((segment, state)).map(|_| ())
}

fn place(transaction: &Transaction<'_>, part: &Part) -> rusqlite::Result<Zone> {
    match part {
        Part::Kept(zone) => Ok(*zone),
        Part::Joined { writer, block, old, .. } => {
            old.iter().try_for_each(|&old| blocks::remove(transaction, old))?;
            Ok(Zone { block: blocks::insert(transaction, *writer, block)?, bounds: part.bounds() })
        }
    }
}
