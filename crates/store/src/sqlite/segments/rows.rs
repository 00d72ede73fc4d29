//! Writing the rows of segments and of their sketches.

use std::ops::Range;

use rusqlite::{Connection, params};

use super::zones::{ZONES_ON_A_PAGE, insert_pages};
use super::{FACETS, SKETCHES_PER_SEGMENT, TALLIES, level_of, sketch_id};
use crate::sketch::facets::Facets;
use crate::sketch::postings::Shape;
use crate::sketch::zones::{self, Bounds, Zone};
use crate::sqlite::rows::stored;

const INSERT: &str = "
INSERT INTO segment (state, chunk_bits, level, blocks, spans, events, errors, min_start_unix_ns, max_start_unix_ns,
    min_duration_ns, max_duration_ns, statuses, zones, tallied)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1)";

/// Adds a segment in this state and returns its id.
pub(in crate::sqlite) fn insert(connection: &Connection, state: i64, shape: Shape, zones: &[Zone]) -> rusqlite::Result<i64> {
    let bounds = bounds_of(zones);
    connection.prepare_cached(INSERT)?.insert(params![
        state,
        shape.number(),
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

/// Gives a segment its blocks: many of them on pages, of which the row tells only what all of a page have in common.
pub(in crate::sqlite) fn fill(connection: &Connection, segment: i64, zones: &[Zone]) -> rusqlite::Result<()> {
    let bounds = bounds_of(zones);
    let stored_zones = match zones.len() > ZONES_ON_A_PAGE as usize {
        false => zones::encode(zones),
        true => zones::encode(&insert_pages(connection, segment, zones)?),
    };
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
        stored_zones,
    ])?;
    Ok(())
}

pub(super) fn bounds_of(zones: &[Zone]) -> Bounds {
    zones.iter().fold(Bounds::NONE, |bounds, zone| bounds.and(zone.bounds))
}

/// Adds chunks of postings to a segment.
pub(in crate::sqlite) fn insert_chunks<'a>(
    connection: &Connection,
    segment: i64,
    chunks: impl IntoIterator<Item = &'a (u32, Vec<u8>)>,
) -> rusqlite::Result<()> {
    chunks.into_iter().try_for_each(|(chunk, bytes)| insert_sketch(connection, segment, i64::from(*chunk), bytes))
}

/// Adds the facets of a segment.
pub(in crate::sqlite) fn insert_facets(connection: &Connection, segment: i64, facets: &Facets) -> rusqlite::Result<()> {
    insert_sketch(connection, segment, FACETS, &facets.encode())
}

/// Adds the tallies of a segment that are not in the table `rollups`.
pub(in crate::sqlite) fn insert_tallies(connection: &Connection, segment: i64, tallies: &[u8]) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE segment SET tallied = 0 WHERE id = ?1")?.execute([segment])?;
    insert_sketch(connection, segment, TALLIES, tallies)
}

/// Notes that the tallies of a segment are in the table `rollups`.
pub(in crate::sqlite) fn set_tallied(connection: &Connection, segment: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE segment SET tallied = 1 WHERE id = ?1")?.execute([segment])?;
    connection.prepare_cached("DELETE FROM sketch WHERE id = ?1")?.execute([sketch_id(segment, TALLIES)]).map(|_| ())
}

pub(super) fn insert_sketch(connection: &Connection, segment: i64, number: i64, data: &[u8]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO sketch (id, data) VALUES (?1, ?2)")?;
    insert.execute(params![sketch_id(segment, number), data]).map(|_| ())
}

/// Removes some of the chunks of a segment's postings, so that the rest can be removed at once.
pub(in crate::sqlite) fn remove_chunks(connection: &Connection, segment: i64, chunks: Range<u32>) -> rusqlite::Result<()> {
    let range = (sketch_id(segment, chunks.start.into()), sketch_id(segment, chunks.end.into()));
    connection.prepare_cached("DELETE FROM sketch WHERE id >= ?1 AND id < ?2")?.execute(range).map(|_| ())
}

/// Removes a segment's row and its sketches; its blocks stay.
pub(in crate::sqlite) fn remove(connection: &Connection, segment: i64) -> rusqlite::Result<()> {
    let range = (sketch_id(segment, 0), sketch_id(segment, SKETCHES_PER_SEGMENT - 1));
    connection.prepare_cached("DELETE FROM sketch WHERE id BETWEEN ?1 AND ?2")?.execute(range)?;
    connection.prepare_cached("DELETE FROM segment WHERE id = ?1")?.execute([segment])?;
    Ok(())
}
