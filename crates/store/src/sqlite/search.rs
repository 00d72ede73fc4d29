//! From a question to the blocks that may hold its answer: segments first, then blocks, the latest starts first.

use std::collections::BinaryHeap;

use rusqlite::Connection;

use super::failure::Failure;
use super::segments::{self, Segment};
use crate::SpanFilter;
use crate::sketch::fingerprint;
use crate::sketch::zones::{Bounds, Zone};

/// Walks over the blocks that may hold spans which a filter asks for; a block comes before all that start earlier.
///
/// Segments wait in the same heap as blocks and are looked into only when nothing in front of them is left: a question for
/// the last twenty spans reads the sketches of one or two.
pub(super) struct Search<'a> {
    connection: &'a Connection,
    limits: Limits,
    /// Of each group, one must be there.
    groups: Vec<Vec<u64>>,
    waiting: BinaryHeap<Waiting>,
}

/// What bounds can rule out.
#[derive(Debug, Clone)]
struct Limits {
    filter: SpanFilter,
    /// Whether blocks without spans are wanted, for their events.
    events: bool,
}

impl Limits {
    fn may_have(&self, bounds: &Bounds) -> bool {
        let filter = &self.filter;
        if self.events {
            return bounds.spans + bounds.events > 0;
        }
        bounds.spans > 0
            && bounds.max_start_unix_ns >= filter.min_start_unix_ns
            && bounds.min_start_unix_ns < filter.end_start_unix_ns
            && filter.after.is_none_or(|(start, _)| bounds.min_start_unix_ns <= start)
            && bounds.max_duration_ns >= filter.min_duration_ns
            && bounds.min_duration_ns <= filter.max_duration_ns
            && filter.status.is_none_or(|status| bounds.may_have(status))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Waiting {
    Segment(Segment),
    Block(Zone),
}

impl Waiting {
    fn bounds(&self) -> &Bounds {
        match self {
            Self::Segment(segment) => &segment.bounds,
            Self::Block(zone) => &zone.bounds,
        }
    }

    /// Of those with the same latest start, blocks come first, and later ones before earlier ones.
    fn rank(&self) -> (i64, bool, i64) {
        let start = self.bounds().max_start_unix_ns;
        match self {
            Self::Segment(segment) => (start, false, segment.id),
            Self::Block(zone) => (start, true, zone.block),
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
    pub(super) fn among(connection: &'a Connection, filter: &SpanFilter, groups: Vec<Vec<u64>>) -> Result<Self, Failure> {
        let groups = fingerprints(filter).into_iter().map(|one| vec![one]).chain(groups).collect();
        Self::begin(connection, Limits { filter: filter.clone(), events: false }, groups)
    }

    /// Looks for all that may be there of what has this fingerprint, or of everything.
    pub(super) fn all(connection: &'a Connection, fingerprint: Option<u64>) -> Result<Self, Failure> {
        let limits = Limits { filter: SpanFilter::default(), events: true };
        Self::begin(connection, limits, fingerprint.into_iter().map(|one| vec![one]).collect())
    }

    /// Looks for all that may be there of what has one of these fingerprints.
    pub(super) fn any(connection: &'a Connection, fingerprints: Vec<u64>) -> Result<Self, Failure> {
        let limits = Limits { filter: SpanFilter::default(), events: true };
        Self::begin(connection, limits, vec![fingerprints])
    }

    fn begin(connection: &'a Connection, limits: Limits, groups: Vec<Vec<u64>>) -> Result<Self, Failure> {
        let segments = segments::live(connection)?.into_iter().filter(|segment| limits.may_have(&segment.bounds));
        let waiting = segments.map(Waiting::Segment).collect();
        Ok(Self { connection, limits, groups, waiting })
    }

    /// Returns the next block; none if all that are left start before `floor`.
    pub(super) fn next(&mut self, floor: i64) -> Result<Option<Zone>, Failure> {
        while let Some(next) = self.waiting.pop() {
            match next {
                next if next.bounds().max_start_unix_ns < floor => return Ok(None),
                Waiting::Block(zone) => return Ok(Some(zone)),
                Waiting::Segment(segment) => self.look_into(segment)?,
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
        let zones = if self.groups.is_empty() {
            segment.zones(self.connection)?
        } else {
            let places = segment.places_with(self.connection, &self.groups)?;
            if places.is_empty() {
                return Ok(());
            }
            let zones = segment.zones(self.connection)?;
            places.into_iter().filter_map(|place| zones.get(place as usize).copied()).collect()
        };
        let wanted = zones.into_iter().filter(|zone| self.limits.may_have(&zone.bounds));
        self.waiting.extend(wanted.map(Waiting::Block));
        Ok(())
    }
}

fn fingerprints(filter: &SpanFilter) -> Vec<u64> {
    // What is rarest comes first: the others are then seldom looked up.
    let trace = filter.trace_id.map(fingerprint::trace);
    let attributes = filter.attributes.iter().map(|(key, value)| fingerprint::attribute(key, value));
    let name = filter.name.as_deref().map(fingerprint::name);
    trace.into_iter().chain(attributes).chain(name).collect()
}
