//! The zones of a segment: in its row, or on pages of their own where they are many.

use rusqlite::Connection;

use super::Segment;
use super::rows::{bounds_of, insert_sketch};
use crate::block::Damaged;
use crate::sketch::postings::MOST_CHUNKS;
use crate::sketch::zones::{self, Bounds, Zone};
use crate::sqlite::failure::Failure;

/// Pages of zones are numbered from here.
const ZONE_PAGES: i64 = MOST_CHUNKS + 16;
/// So many zones are on a page, where a segment has more.
pub(super) const ZONES_ON_A_PAGE: u32 = 64;

impl Segment {
    /// Says whether the segment's zones stand on pages of their own, so that few of many can be read.
    pub(in crate::sqlite) fn is_paged(&self) -> bool {
        !self.shape.is_early() && self.shape.blocks() > ZONES_ON_A_PAGE
    }

    /// Returns the segment's zones.
    pub(in crate::sqlite) fn zones(&self, connection: &Connection) -> Result<Vec<Zone>, Failure> {
        if !self.is_paged() {
            return self.stored_zones(connection, zones::decode);
        }
        let pages = (0..self.shape.blocks().div_ceil(ZONES_ON_A_PAGE)).map(|page| self.page(connection, page));
        Ok(pages.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Returns what is known of each page of zones, in their order: of all its blocks together.
    pub(in crate::sqlite) fn pages(&self, connection: &Connection) -> Result<Vec<Bounds>, Failure> {
        let pages = self.stored_zones(connection, zones::decode)?;
        Ok(pages.into_iter().map(|page| page.bounds).collect())
    }

    /// Returns the zones on a page.
    pub(in crate::sqlite) fn page(&self, connection: &Connection, page: u32) -> Result<Vec<Zone>, Failure> {
        let zones = self.sketch(connection, ZONE_PAGES + i64::from(page), zones::decode)?;
        zones.ok_or_else(|| self.damaged(Damaged("a page of its zones is missing")))
    }

    /// Returns the zones at some places of a page.
    pub(in crate::sqlite) fn zones_on(&self, connection: &Connection, page: u32, places: &[u32]) -> Result<Vec<Zone>, Failure> {
        let (zones, first) = (self.page(connection, page)?, page * ZONES_ON_A_PAGE);
        let at = |place: &u32| zones.get(place.checked_sub(first)? as usize).copied();
        Ok(places.iter().filter_map(at).collect())
    }

    /// Returns the zones at some places, in ascending order; where they are not on pages, without the times of what is no span.
    pub(in crate::sqlite) fn zones_at(&self, connection: &Connection, places: &[u32]) -> Result<Vec<Zone>, Failure> {
        if !self.is_paged() {
            return self.stored_zones(connection, |bytes| zones::decode_some(bytes, places));
        }
        let pages = by_page(places).map(|(page, places)| self.zones_on(connection, page, places));
        Ok(pages.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn stored_zones(
        &self,
        connection: &Connection,
        decode: impl FnOnce(&[u8]) -> Result<Vec<Zone>, Damaged>,
    ) -> Result<Vec<Zone>, Failure> {
        let read = || {
            let mut statement = connection.prepare_cached("SELECT zones FROM segment WHERE id = ?1")?;
            let mut rows = statement.query([self.id])?;
            let row = rows.next()?.ok_or(self.damaged(Damaged("its row is missing")))?;
            let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            decode(bytes).map_err(|damage| self.damaged(damage))
        };
        read().map_err(|failure: Failure| self.within(failure))
    }
}

/// Cuts places, in ascending order, into those that are on one page of zones each.
pub(in crate::sqlite) fn by_page(places: &[u32]) -> impl Iterator<Item = (u32, &[u32])> {
    let page = |place: u32| place / ZONES_ON_A_PAGE;
    places.chunk_by(move |&a, &b| page(a) == page(b)).map(move |places| (page(places[0]), places))
}

/// Writes pages of zones, and returns a zone of each.
pub(super) fn insert_pages(connection: &Connection, segment: i64, zones: &[Zone]) -> rusqlite::Result<Vec<Zone>> {
    let mut pages = Vec::new();
    for (number, page) in (0i64..).zip(zones.chunks(ZONES_ON_A_PAGE as usize)) {
        insert_sketch(connection, segment, ZONE_PAGES + number, &zones::encode(page))?;
        pages.push(Zone { block: number, bounds: bounds_of(page) });
    }
    Ok(pages)
}
