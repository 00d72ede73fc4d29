//! From a question to the blocks that may hold its answer: segments first, then blocks, the latest starts first.

use std::collections::BinaryHeap;
use std::ops::Range;

use rusqlite::Connection;

use super::failure::Failure;
use super::segments::{self, Segment};
use crate::SpanFilter;
use crate::sketch::fingerprint::{self, Groups};
use crate::sketch::zones::{Bounds, Times, Zone};

/// So many blocks of a large segment are looked for one by one: of more, pages are left out that are too early.
const FEW_PLACES: usize = 4;

/// Walks over the blocks that may hold spans which a filter asks for; a block comes before all that start earlier.
///
/// Segments wait in the same heap as blocks and are looked into only when nothing in front of them is left: a question for
/// the last twenty spans reads the sketches of one or two.
pub(super) struct Search<'a> {
    connection: &'a Connection,
    limits: Limits,
    /// Of each group, one must be there.
    groups: Groups,
    waiting: BinaryHeap<Waiting>,
}

/// What is looked for, as far as bounds can rule it out.
#[derive(Debug, Clone)]
enum Limits {
    Spans(SpanFilter),
    /// Events, logs and points from these times.
    Others(Range<i64>),
    Anything,
}

impl Limits {
    fn may_have(&self, bounds: &Bounds) -> bool {
        let filter = match self {
            Self::Spans(filter) => filter,
            Self::Others(times) => {
                let Times { min_unix_ns, max_unix_ns } = bounds.others;
                return bounds.events > 0 && max_unix_ns >= times.start && min_unix_ns < times.end;
            }
            Self::Anything => return bounds.spans + bounds.events > 0,
        };
        bounds.spans > 0
            && bounds.max_start_unix_ns >= filter.min_start_unix_ns
            && bounds.min_start_unix_ns < filter.end_start_unix_ns
            && filter.after.is_none_or(|(start, _)| bounds.min_start_unix_ns <= start)
            && bounds.max_duration_ns >= filter.min_duration_ns
            && bounds.min_duration_ns <= filter.max_duration_ns
            && filter.status.is_none_or(|status| bounds.may_have(status))
    }

    /// Returns the latest time of what is looked for.
    const fn latest(&self, bounds: &Bounds) -> i64 {
        match self {
            Self::Others(_) => bounds.others.max_unix_ns,
            Self::Spans(_) | Self::Anything => bounds.max_start_unix_ns,
        }
    }
}

/// What waits to be looked into or to be returned, with the latest time in it.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    latest_unix_ns: i64,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Segment(Segment),
    /// A page of a large segment's zones, and the places of those that matter; nothing if all do.
    Page(Segment, u32, Option<Vec<u32>>),
    Block(Zone),
}

impl Waiting {
    /// Of those with the same latest time, blocks come first, and later ones before earlier ones.
    fn rank(&self) -> (i64, u8, i64, u32) {
        match &self.what {
            What::Segment(segment) => (self.latest_unix_ns, 0, segment.id, 0),
            What::Page(segment, page, _) => (self.latest_unix_ns, 1, segment.id, *page),
            What::Block(zone) => (self.latest_unix_ns, 2, zone.block, 0),
        }
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Search<'a> {
    /// Begins with all segments that the filter's bounds don't rule out.
    pub(super) fn new(connection: &'a Connection, filter: &SpanFilter) -> Result<Self, Failure> {
        Self::among(connection, filter, Vec::new())
    }

    /// As [`new`](Self::new), for spans that besides have one fingerprint of each of these groups.
    pub(super) fn among(connection: &'a Connection, filter: &SpanFilter, groups: Groups) -> Result<Self, Failure> {
        let groups = groups_of(filter).into_iter().chain(groups).collect();
        Self::begin(connection, Limits::Spans(filter.clone()), groups)
    }

    /// Looks for all that may be there of what has these fingerprints, or of everything.
    pub(super) fn all(connection: &'a Connection, groups: Groups) -> Result<Self, Failure> {
        Self::begin(connection, Limits::Anything, groups)
    }

    /// Looks for events, logs and points that have these fingerprints and are from these times.
    pub(super) fn others(connection: &'a Connection, times: Range<i64>, groups: Groups) -> Result<Self, Failure> {
        Self::begin(connection, Limits::Others(times), groups)
    }

    /// Looks for all that may be there of what has one of these fingerprints.
    pub(super) fn any(connection: &'a Connection, fingerprints: Vec<u64>) -> Result<Self, Failure> {
        Self::begin(connection, Limits::Anything, vec![fingerprints])
    }

    fn begin(connection: &'a Connection, limits: Limits, groups: Groups) -> Result<Self, Failure> {
        let segments = segments::live(connection)?.into_iter().filter(|segment| limits.may_have(&segment.bounds));
        let waiting = segments
            .map(|segment| Waiting { latest_unix_ns: limits.latest(&segment.bounds), what: What::Segment(segment) })
            .collect();
        Ok(Self { connection, limits, groups, waiting })
    }

    /// Returns the next block; none if all that are left start before `floor`.
    pub(super) fn next(&mut self, floor: i64) -> Result<Option<Zone>, Failure> {
        while let Some(next) = self.waiting.pop() {
            match next.what {
                _ if next.latest_unix_ns < floor => return Ok(None),
                What::Block(zone) => return Ok(Some(zone)),
                What::Segment(segment) => self.look_into(segment)?,
                What::Page(segment, page, places) => self.look_at(segment, page, places)?,
            }
        }
        Ok(None)
    }

    /// Returns all blocks that are left, in the order in which they were written.
    pub(super) fn rest(mut self) -> Result<Vec<Zone>, Failure> {
        let mut zones = Vec::new();
        while let Some(zone) = self.next(i64::MIN)? {
            zones.push(zone);
        }
        zones.sort_unstable_by_key(|zone| zone.block);
        Ok(zones)
    }

    fn look_into(&mut self, segment: Segment) -> Result<(), Failure> {
        let connection = self.connection;
        if self.groups.is_empty() {
            return if segment.is_paged() { self.add_pages(segment, None) } else { self.add(segment.zones(connection)?) };
        }
        let places = segment.places_with(connection, &self.groups)?;
        match self.limits {
            _ if places.is_empty() => Ok(()),
            _ if segment.is_paged() && places.len() > FEW_PLACES => self.add_pages(segment, Some(&places)),
            // The times of what is no span are only known of all zones.
            Limits::Others(_) if !segment.is_paged() => {
                let zones = segment.zones(connection)?;
                self.add(places.into_iter().filter_map(|place| zones.get(place as usize).copied()).collect())
            }
            _ => self.add(segment.zones_at(connection, &places)?),
        }
    }

    fn look_at(&mut self, segment: Segment, page: u32, places: Option<Vec<u32>>) -> Result<(), Failure> {
        let zones = match places {
            None => segment.page(self.connection, page)?,
            Some(places) => segment.zones_on(self.connection, page, &places)?,
        };
        self.add(zones)
    }

    fn add(&mut self, zones: Vec<Zone>) -> Result<(), Failure> {
        let limits = &self.limits;
        let wanted = zones.into_iter().filter(|zone| limits.may_have(&zone.bounds));
        self.waiting
            .extend(wanted.map(|zone| Waiting { latest_unix_ns: limits.latest(&zone.bounds), what: What::Block(zone) }));
        Ok(())
    }

    /// Lets the pages wait that may have what is looked for, all or those of some places.
    fn add_pages(&mut self, segment: Segment, places: Option<&[u32]>) -> Result<(), Failure> {
        let (limits, pages) = (&self.limits, segment.pages(self.connection)?);
        let waiting = |page: u32, places: Option<&[u32]>| {
            let bounds = pages.get(page as usize).filter(|bounds| limits.may_have(bounds))?;
            let what = What::Page(segment, page, places.map(<[u32]>::to_vec));
            Some(Waiting { latest_unix_ns: limits.latest(bounds), what })
        };
        match places {
            None => self.waiting.extend((0..pages.len() as u32).filter_map(|page| waiting(page, None))),
            Some(places) => {
                self.waiting.extend(segments::by_page(places).filter_map(|(page, places)| waiting(page, Some(places))));
            }
        }
        Ok(())
    }
}

fn groups_of(filter: &SpanFilter) -> Groups {
    // What is rarest comes first: the others are then seldom looked up.
    let trace = filter.trace_id.map(fingerprint::of_trace).unwrap_or_default();
    let attributes = filter.attributes.iter().map(|(key, value)| vec![fingerprint::attribute(key, value)]);
    let name = filter.name.as_deref().map(fingerprint::of_name).unwrap_or_default();
    trace.into_iter().chain(attributes).chain(name).collect()
}
