//! Rows of the tables `segment` and `sketch`: what there is, and which of a segment's blocks a question must open.

mod rows;
mod zones;

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row};

use super::failure::Failure;
use crate::block::Damaged;
use crate::sketch::facets::{self, Facets};
use crate::sketch::postings::{self, Entry, MOST_CHUNKS, Shape};
use crate::sketch::zones::{Bounds, Times};
pub(super) use rows::{fill, insert, insert_chunks, insert_facets, insert_tallies, remove, remove_chunks, set_tallied};
pub(super) use zones::by_page;

/// `segment.state` while its sketches are written, before it stands for anything.
pub(super) const BUILDING: i64 = 0;
/// `segment.state` of a segment that holds blocks.
pub(super) const LIVE: i64 = 1;
/// `segment.state` after its blocks went to another.
pub(super) const MERGED: i64 = 2;

/// Sketches of one segment are numbered below this.
const SKETCHES_PER_SEGMENT: i64 = 1 << 20;
const FACETS: i64 = MOST_CHUNKS;
const TALLIES: i64 = MOST_CHUNKS + 1;

/// One row of the table `segment`, without its zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) level: i64,
    pub(super) shape: Shape,
    pub(super) bounds: Bounds,
    /// Whether the table `rollups` has the tallies of its spans; they wait in a sketch otherwise.
    pub(super) tallied: bool,
}

/// A segment with fewer spans is of the lowest level.
pub(super) const SMALL_SEGMENT_SPANS: u64 = 8_192;

/// Returns the level of a segment with so many spans.
pub(super) const fn level_of(spans: u64) -> i64 {
    match spans {
        0..SMALL_SEGMENT_SPANS => 0,
        SMALL_SEGMENT_SPANS..262_144 => 1,
        262_144..8_388_608 => 2,
        _ => LAST_LEVEL,
    }
}

/// The level of segments that are merged no further.
pub(super) const LAST_LEVEL: i64 = 3;

const SELECT_LIVE: &str = "
SELECT id, level, chunk_bits, blocks, spans, events, errors, min_start_unix_ns, max_start_unix_ns, min_duration_ns,
    max_duration_ns, statuses, tallied
FROM segment WHERE state = 1 ORDER BY id";

/// Returns all segments that hold blocks.
pub(super) fn live(connection: &Connection) -> Result<Vec<Segment>, Failure> {
    let mut statement = connection.prepare_cached(SELECT_LIVE)?;
    let mut rows = statement.query([])?;
    let mut segments = Vec::new();
    while let Some(row) = rows.next()? {
        segments.push(segment(row)?);
    }
    Ok(segments)
}

/// Returns all segments that stand for nothing, with the shapes of their postings.
pub(super) fn dead(connection: &Connection) -> Result<Vec<(i64, Shape)>, Failure> {
    let mut statement = connection.prepare_cached("SELECT id, chunk_bits, blocks FROM segment WHERE state <> 1")?;
    let mut rows = statement.query([])?;
    let mut dead = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        dead.push((id, Shape::stored(row.get(1)?, row.get(2)?).map_err(|damage| Failure::segment(id, damage))?));
    }
    Ok(dead)
}

/// Returns the segment with this id, if it holds blocks.
pub(super) fn find(connection: &Connection, id: i64) -> Result<Option<Segment>, Failure> {
    Ok(live(connection)?.into_iter().find(|segment| segment.id == id))
}

fn segment(row: &Row<'_>) -> Result<Segment, Failure> {
    let id = row.get(0)?;
    let shape = Shape::stored(row.get(2)?, row.get(3)?).map_err(|damage| Failure::segment(id, damage))?;
    let bounds = Bounds {
        spans: row.get(4)?,
        events: row.get(5)?,
        errors: row.get(6)?,
        min_start_unix_ns: row.get(7)?,
        max_start_unix_ns: row.get(8)?,
        min_duration_ns: unsigned(row.get(9)?),
        max_duration_ns: unsigned(row.get(10)?),
        statuses: row.get(11)?,
        others: Times::ANY,
    };
    // Only zones know more.
    let bounds = Bounds { others: if bounds.events > 0 { Times::ANY } else { Times::NONE }, ..bounds };
    Ok(Segment { id, level: row.get(1)?, shape, bounds, tallied: row.get(12)? })
}

/// Undoes [`stored`], under which all very long durations are as long as can be.
const fn unsigned(number: i64) -> u64 {
    if number == i64::MAX { u64::MAX } else { number.unsigned_abs() }
}

impl Segment {
    /// Returns the places of the blocks that may hold one fingerprint of each group; groups are not empty.
    pub(super) fn places_with(&self, connection: &Connection, groups: &[Vec<u64>]) -> Result<Vec<u32>, Failure> {
        let Some((first, rest)) = groups.split_first() else { return Ok(Vec::new()) };
        let mut places = self.places_of_any(connection, first)?;
        for group in rest {
            if places.is_empty() {
                break;
            }
            let others = self.places_of_any(connection, group)?;
            places.retain(|place| others.binary_search(place).is_ok());
        }
        Ok(places)
    }

    fn places_of_any(&self, connection: &Connection, group: &[u64]) -> Result<Vec<u32>, Failure> {
        if let [only] = group {
            return self.places_of(connection, *only);
        }
        let mut places = Vec::new();
        for &fingerprint in group {
            places.extend(self.places_of(connection, fingerprint)?);
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    fn places_of(&self, connection: &Connection, fingerprint: u64) -> Result<Vec<u32>, Failure> {
        let chunk = i64::from(self.shape.chunk_of(fingerprint));
        let read = |bytes: &[u8]| postings::places(bytes, self.shape, fingerprint);
        Ok(self.sketch(connection, chunk, read)?.unwrap_or_default())
    }

    /// Shows all entries of the segment's postings in their order.
    pub(super) fn each_entry(&self, connection: &Connection, mut show: impl FnMut(Entry)) -> Result<(), Failure> {
        (0..self.shape.chunks()).try_for_each(|chunk| self.each_entry_of(connection, chunk, &mut show))
    }

    /// Shows the entries of one chunk of the segment's postings in their order.
    pub(super) fn each_entry_of(
        &self,
        connection: &Connection,
        chunk: u32,
        mut show: impl FnMut(Entry),
    ) -> Result<(), Failure> {
        let read = |bytes: &[u8]| {
            postings::each(chunk, bytes, self.shape, |entry| {
                show(entry);
                ControlFlow::Continue(())
            })
        };
        self.sketch(connection, i64::from(chunk), read).map(|_| ())
    }

    /// Returns how often an attribute has a value; nothing if its key isn't counted by value here.
    pub(super) fn count(&self, connection: &Connection, key: u64, value: u64) -> Result<Option<u64>, Failure> {
        let read = |bytes: &[u8]| facets::look_up(bytes, key, value);
        Ok(self.sketch(connection, FACETS, read)?.flatten())
    }

    pub(super) fn facets(&self, connection: &Connection) -> Result<Facets, Failure> {
        Ok(self.sketch(connection, FACETS, Facets::decode)?.unwrap_or_default())
    }

    /// Returns what `read` makes of the tallies that wait; nothing if there are none.
    pub(super) fn tallies<T>(
        &self,
        connection: &Connection,
        read: impl FnOnce(&[u8]) -> Result<T, Damaged>,
    ) -> Result<Option<T>, Failure> {
        self.sketch(connection, TALLIES, read)
    }

    fn sketch<T>(
        &self,
        connection: &Connection,
        number: i64,
        read: impl FnOnce(&[u8]) -> Result<T, Damaged>,
    ) -> Result<Option<T>, Failure> {
        let mut statement = connection.prepare_cached("SELECT data FROM sketch WHERE id = ?1")?;
        let found = statement.query_row([sketch_id(self.id, number)], |row| {
            Ok(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from).map(read))
        });
        match found.optional().map_err(|error| self.within(error.into()))? {
            None => Ok(None),
            Some(bytes) => Ok(Some(bytes?.map_err(|damage| self.damaged(damage))?)),
        }
    }

    fn within(&self, failure: Failure) -> Failure {
        failure.within(|| format!("segment {}", self.id))
    }

    fn damaged(&self, damage: Damaged) -> Failure {
        Failure::segment(self.id, damage)
    }
}

const fn sketch_id(segment: i64, number: i64) -> i64 {
    segment.saturating_mul(SKETCHES_PER_SEGMENT).saturating_add(number)
}
