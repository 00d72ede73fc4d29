//! Zones: for each block of a segment where it is, how much it holds, and the bounds of its times, durations and statuses.

use flowglass_model::{Batch, Status};

use crate::block::Damaged;
use crate::block::bytes::{Reader, put_varint, unzigzag, zigzag};

/// What is known of a block without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    /// The block's row in the table `block`.
    pub(crate) block: i64,
    pub(crate) bounds: Bounds,
}

/// How much there is, and between which bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) spans: u64,
    /// All else: events, links, logs, and points of metrics.
    pub(crate) events: u64,
    pub(crate) errors: u64,
    /// The starts of spans; the times of all else where there are no spans.
    pub(crate) min_start_unix_ns: i64,
    pub(crate) max_start_unix_ns: i64,
    pub(crate) min_duration_ns: u64,
    pub(crate) max_duration_ns: u64,
    /// One bit for each status that occurs, by its code.
    pub(crate) statuses: u8,
}

impl Bounds {
    /// The bounds of nothing.
    pub(crate) const NONE: Self = Self {
        spans: 0,
        events: 0,
        errors: 0,
        min_start_unix_ns: i64::MAX,
        max_start_unix_ns: i64::MIN,
        min_duration_ns: u64::MAX,
        max_duration_ns: 0,
        statuses: 0,
    };

    /// Measures what ended in a batch.
    pub(crate) fn of(batch: &Batch) -> Self {
        let spans = &batch.spans;
        let counts = batch.counts();
        let others = [&batch.events.unix_ns, &batch.logs.unix_ns, &batch.points.unix_ns].into_iter().flatten();
        let times: Vec<i64> = if spans.is_empty() { others.copied().collect() } else { spans.start_unix_ns.clone() };
        Self {
            spans: spans.len() as u64,
            events: counts.total() - counts.spans + batch.links.len() as u64,
            errors: spans.status.iter().filter(|status| **status == Status::Error).count() as u64,
            min_start_unix_ns: times.iter().copied().min().unwrap_or(i64::MAX),
            max_start_unix_ns: times.iter().copied().max().unwrap_or(i64::MIN),
            min_duration_ns: spans.duration_ns.iter().copied().min().unwrap_or(u64::MAX),
            max_duration_ns: spans.duration_ns.iter().copied().max().unwrap_or(0),
            statuses: spans.status.iter().fold(0, |bits, status| bits | bit(*status)),
        }
    }

    /// Returns the bounds of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            spans: self.spans.saturating_add(other.spans),
            events: self.events.saturating_add(other.events),
            errors: self.errors.saturating_add(other.errors),
            min_start_unix_ns: self.min_start_unix_ns.min(other.min_start_unix_ns),
            max_start_unix_ns: self.max_start_unix_ns.max(other.max_start_unix_ns),
            min_duration_ns: self.min_duration_ns.min(other.min_duration_ns),
            max_duration_ns: self.max_duration_ns.max(other.max_duration_ns),
            statuses: self.statuses | other.statuses,
        }
    }

    /// Says whether these bounds hold for what the other ones were measured of.
    pub(crate) const fn covers(&self, other: &Self) -> bool {
        let counts = self.spans == other.spans && self.events == other.events && self.errors == other.errors;
        let times = self.min_start_unix_ns <= other.min_start_unix_ns && self.max_start_unix_ns >= other.max_start_unix_ns;
        let durations = self.min_duration_ns <= other.min_duration_ns && self.max_duration_ns >= other.max_duration_ns;
        counts && times && durations && self.statuses & other.statuses == other.statuses
    }

    /// Says whether all spans have this status.
    pub(crate) const fn has_only(&self, status: Status) -> bool {
        self.statuses == bit(status) && status.code() < 7
    }

    /// Says whether a span with this status may be there.
    pub(crate) const fn may_have(&self, status: Status) -> bool {
        self.statuses & bit(status) != 0
    }
}

/// Codes beyond the byte share its last bit: then it says too much, never too little.
const fn bit(status: Status) -> u8 {
    let code = status.code();
    1 << if code > 7 { 7 } else { code }
}

/// Writes the zones of a segment.
pub(crate) fn encode(zones: &[Zone]) -> Vec<u8> {
    let mut out = Vec::with_capacity(zones.len() * 24);
    let (mut last_block, mut last_start) = (0i64, 0i64);
    put_varint(&mut out, zones.len() as u64);
    for Zone { block, bounds } in zones {
        put_varint(&mut out, zigzag(block.wrapping_sub(last_block)));
        put_varint(&mut out, bounds.spans);
        put_varint(&mut out, bounds.events);
        put_varint(&mut out, bounds.errors);
        put_varint(&mut out, zigzag(bounds.min_start_unix_ns.wrapping_sub(last_start)));
        put_varint(&mut out, bounds.max_start_unix_ns.wrapping_sub(bounds.min_start_unix_ns).cast_unsigned());
        put_varint(&mut out, bounds.min_duration_ns);
        put_varint(&mut out, bounds.max_duration_ns);
        out.push(bounds.statuses);
        (last_block, last_start) = (*block, bounds.min_start_unix_ns);
    }
    out
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Zone>, Damaged> {
    let mut reader = Reader::new(bytes);
    let count = reader.count()?;
    let (mut block, mut min_start_unix_ns) = (0i64, 0i64);
    let mut zones = Vec::with_capacity(count);
    for _ in 0..count {
        block = block.wrapping_add(unzigzag(reader.varint()?));
        let (spans, events, errors) = (reader.varint()?, reader.varint()?, reader.varint()?);
        min_start_unix_ns = min_start_unix_ns.wrapping_add(unzigzag(reader.varint()?));
        let max_start_unix_ns = min_start_unix_ns.wrapping_add(reader.varint()?.cast_signed());
        let (min_duration_ns, max_duration_ns) = (reader.varint()?, reader.varint()?);
        let statuses = reader.byte()?;
        let bounds =
            Bounds { spans, events, errors, min_start_unix_ns, max_start_unix_ns, min_duration_ns, max_duration_ns, statuses };
        zones.push(Zone { block, bounds });
    }
    reader.finish().map(|()| zones)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zones_come_back_equal() {
        let odd = Bounds {
            spans: 3,
            events: u64::MAX,
            errors: 1,
            min_start_unix_ns: i64::MIN,
            max_start_unix_ns: i64::MAX,
            min_duration_ns: 0,
            max_duration_ns: u64::MAX,
            statuses: 255,
        };
        let zones =
            [Zone { block: 7, bounds: Bounds::NONE }, Zone { block: i64::MAX, bounds: odd }, Zone { block: 1, bounds: odd }];
        assert_eq!(decode(&encode(&zones)).unwrap(), zones);
        assert_eq!(Bounds::NONE.and(odd), odd.and(Bounds::NONE));
        assert!(odd.may_have(Status::Interrupted) && !Bounds::NONE.may_have(Status::Ok));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(zones) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&zones)).unwrap(), zones);
            }
        }
    }
}
