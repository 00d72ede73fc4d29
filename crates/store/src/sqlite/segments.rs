//! Rows of the tables `segment` and `sketch`: what there is, and which of a segment's blocks a question must open.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::failure::Failure;
use super::rows::stored;
use crate::block::Damaged;
use crate::sketch::facets::{self, Facets};
use crate::sketch::postings::{self, Entry, MOST_CHUNKS, Shape};
use crate::sketch::zones::{self, Bounds, Times, Zone};

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

/// Returns the level of a segment with so many spans.
pub(super) const fn level_of(spans: u64) -> i64 {
    match spans {
        0..8_192 => 0,
        8_192..262_144 => 1,
        _ => 2,
    }
}

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
    /// Returns the segment's zones.
    pub(super) fn zones(&self, connection: &Connection) -> Result<Vec<Zone>, Failure> {
        self.stored_zones(connection, zones::decode).map_err(|failure| self.within(failure))
    }

    /// Returns the zones at some places, in ascending order, without the times of what is no span.
    pub(super) fn zones_at(&self, connection: &Connection, places: &[u32]) -> Result<Vec<Zone>, Failure> {
        self.stored_zones(connection, |bytes| zones::decode_some(bytes, places)).map_err(|failure| self.within(failure))
    }

    fn stored_zones(
        &self,
        connection: &Connection,
        decode: impl FnOnce(&[u8]) -> Result<Vec<Zone>, Damaged>,
    ) -> Result<Vec<Zone>, Failure> {
        let mut statement = connection.prepare_cached("SELECT zones FROM segment WHERE id = ?1")?;
        let mut rows = statement.query([self.id])?;
        let row = rows.next()?.ok_or(self.damaged(Damaged("its row is missing")))?;
        let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        decode(bytes).map_err(|damage| self.damaged(damage))
    }

    /// Returns the places of the blocks that may hold all of these fingerprints, of which there is one or more.
    pub(super) fn places(&self, connection: &Connection, fingerprints: &[u64]) -> Result<Vec<u32>, Failure> {
        let Some((first, rest)) = fingerprints.split_first() else { return Ok(Vec::new()) };
        let mut places = self.places_of(connection, *first)?;
        for &fingerprint in rest {
            if places.is_empty() {
                break;
            }
            let others = self.places_of(connection, fingerprint)?;
            places.retain(|place| others.binary_search(place).is_ok());
        }
        Ok(places)
    }

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

    /// Returns all entries of the segment's postings.
    pub(super) fn entries(&self, connection: &Connection) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        self.each_entry(connection, |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// Shows all entries of the segment's postings in their order.
    pub(super) fn each_entry(&self, connection: &Connection, mut show: impl FnMut(Entry)) -> Result<(), Failure> {
        for chunk in 0..self.shape.chunks() {
            let mut read =
                |bytes: &[u8]| postings::decode(chunk, bytes, self.shape)?.try_for_each(|entry| entry.map(&mut show));
            self.sketch(connection, i64::from(chunk), &mut read)?;
        }
        Ok(())
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

const INSERT: &str = "
INSERT INTO segment (state, chunk_bits, level, blocks, spans, events, errors, min_start_unix_ns, max_start_unix_ns,
    min_duration_ns, max_duration_ns, statuses, zones, tallied)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1)";

/// Adds a segment in this state and returns its id.
pub(super) fn insert(connection: &Connection, state: i64, shape: Shape, zones: &[Zone]) -> rusqlite::Result<i64> {
    let bounds = zones.iter().fold(Bounds::NONE, |bounds, zone| bounds.and(zone.bounds));
    connection.prepare_cached(INSERT)?.insert(params![
        state,
        shape.chunk_bits(),
        level_of(bounds.spans),
        zones.len(),
        stored(bounds.spans),
        stored(bounds.events),
        stored(bounds.errors),
        bounds.min_start_unix_ns,
        bounds.max_start_unix_ns,
        stored(bounds.min_duration_ns),
        stored(bounds.max_duration_ns),
        bounds.statuses,
        zones::encode(zones),
    ])
}

const FILL: &str = "
UPDATE segment SET level = ?2, blocks = ?3, spans = ?4, events = ?5, errors = ?6, min_start_unix_ns = ?7, max_start_unix_ns = ?8,
    min_duration_ns = ?9, max_duration_ns = ?10, statuses = ?11, zones = ?12
WHERE id = ?1";

/// Gives a segment its blocks.
pub(super) fn fill(connection: &Connection, segment: i64, zones: &[Zone]) -> rusqlite::Result<()> {
    let bounds = zones.iter().fold(Bounds::NONE, |bounds, zone| bounds.and(zone.bounds));
    connection.prepare_cached(FILL)?.execute(params![
        segment,
        level_of(bounds.spans),
        zones.len(),
        stored(bounds.spans),
        stored(bounds.events),
        stored(bounds.errors),
        bounds.min_start_unix_ns,
        bounds.max_start_unix_ns,
        stored(bounds.min_duration_ns),
        stored(bounds.max_duration_ns),
        bounds.statuses,
        zones::encode(zones),
    ])?;
    Ok(())
}

/// Adds chunks of postings to a segment.
pub(super) fn insert_chunks<'a>(
    connection: &Connection,
    segment: i64,
    chunks: impl IntoIterator<Item = &'a (u32, Vec<u8>)>,
) -> rusqlite::Result<()> {
    chunks.into_iter().try_for_each(|(chunk, bytes)| insert_sketch(connection, segment, i64::from(*chunk), bytes))
}

/// Adds the facets of a segment.
pub(super) fn insert_facets(connection: &Connection, segment: i64, facets: &Facets) -> rusqlite::Result<()> {
    insert_sketch(connection, segment, FACETS, &facets.encode())
}

/// Adds the tallies of a segment that are not in the table `rollups`.
pub(super) fn insert_tallies(connection: &Connection, segment: i64, tallies: &[u8]) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE segment SET tallied = 0 WHERE id = ?1")?.execute([segment])?;
    insert_sketch(connection, segment, TALLIES, tallies)
}

/// Notes that the tallies of a segment are in the table `rollups`.
pub(super) fn set_tallied(connection: &Connection, segment: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE segment SET tallied = 1 WHERE id = ?1")?.execute([segment])?;
    connection.prepare_cached("DELETE FROM sketch WHERE id = ?1")?.execute([sketch_id(segment, TALLIES)]).map(|_| ())
}

fn insert_sketch(connection: &Connection, segment: i64, number: i64, data: &[u8]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO sketch (id, data) VALUES (?1, ?2)")?;
    insert.execute(params![sketch_id(segment, number), data]).map(|_| ())
}

/// Removes a segment's row and its sketches; its blocks stay.
pub(super) fn remove(connection: &Connection, segment: i64) -> rusqlite::Result<()> {
    let range = (sketch_id(segment, 0), sketch_id(segment, SKETCHES_PER_SEGMENT - 1));
    connection.prepare_cached("DELETE FROM sketch WHERE id BETWEEN ?1 AND ?2")?.execute(range)?;
    connection.prepare_cached("DELETE FROM segment WHERE id = ?1")?.execute([segment])?;
    Ok(())
}
