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
    /// The times of events, logs and points of metrics.
    pub(crate) others: Times,
}

/// The first and the last of some times, in nanoseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) min_unix_ns: i64,
    pub(crate) max_unix_ns: i64,
}

impl Times {
    /// No time at all.
    pub(crate) const NONE: Self = Self { min_unix_ns: i64::MAX, max_unix_ns: i64::MIN };
    /// Any time: it isn't known.
    pub(crate) const ANY: Self = Self { min_unix_ns: i64::MIN, max_unix_ns: i64::MAX };

    fn of(times: impl Iterator<Item = i64>) -> Self {
        times.fold(Self::NONE, |so_far, unix_ns| so_far.and(Self { min_unix_ns: unix_ns, max_unix_ns: unix_ns }))
    }

    fn and(self, other: Self) -> Self {
        Self { min_unix_ns: self.min_unix_ns.min(other.min_unix_ns), max_unix_ns: self.max_unix_ns.max(other.max_unix_ns) }
    }

    const fn covers(&self, other: &Self) -> bool {
        self.min_unix_ns <= other.min_unix_ns && self.max_unix_ns >= other.max_unix_ns
    }
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
        others: Times::NONE,
    };

    /// Measures what ended in a batch.
    pub(crate) fn of(batch: &Batch) -> Self {
        let spans = &batch.spans;
        let counts = batch.counts();
        let others = others(batch);
        let starts = Times::of(spans.start_unix_ns.iter().copied());
        let starts = if spans.is_empty() { others } else { starts };
        Self {
            spans: spans.len() as u64,
            events: counts.total() - counts.spans + batch.links.len() as u64,
            errors: spans.status.iter().filter(|status| **status == Status::Error).count() as u64,
            min_start_unix_ns: starts.min_unix_ns,
            max_start_unix_ns: starts.max_unix_ns,
            min_duration_ns: spans.duration_ns.iter().copied().min().unwrap_or(u64::MAX),
            max_duration_ns: spans.duration_ns.iter().copied().max().unwrap_or(0),
            statuses: spans.status.iter().fold(0, |bits, status| bits | bit(*status)),
            others,
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
            others: self.others.and(other.others),
        }
    }

    /// Says whether these bounds hold for what the other ones were measured of.
    pub(crate) const fn covers(&self, other: &Self) -> bool {
        let counts = self.spans == other.spans && self.events == other.events && self.errors == other.errors;
        let times = self.min_start_unix_ns <= other.min_start_unix_ns && self.max_start_unix_ns >= other.max_start_unix_ns;
        let durations = self.min_duration_ns <= other.min_duration_ns && self.max_duration_ns >= other.max_duration_ns;
        counts && times && durations && self.others.covers(&other.others) && self.statuses & other.statuses == other.statuses
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

/// Returns the times of all but spans. A log record without a time of its own counts by when it was seen.
fn others(batch: &Batch) -> Times {
    let said = batch.logs.unix_ns.iter().zip(&batch.logs.observed_unix_ns);
    let said = said.map(|(&said, &seen)| if said == 0 { seen } else { said });
    let happened = [&batch.events.unix_ns, &batch.points.unix_ns].into_iter().flatten().copied();
    Times::of(happened.chain(said))
}

/// Codes beyond the byte share its last bit: then it says too much, never too little.
const fn bit(status: Status) -> u8 {
    let code = status.code();
    1 << if code > 7 { 7 } else { code }
}

/// Writes the zones of a segment: a record each, then the times of what is no span for those that have some, which formats before
/// 4 didn't know.
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
    for Bounds { others, .. } in zones.iter().map(|zone| &zone.bounds).filter(|bounds| bounds.events > 0) {
        put_varint(&mut out, zigzag(others.min_unix_ns.wrapping_sub(last_start)));
        put_varint(&mut out, others.max_unix_ns.wrapping_sub(others.min_unix_ns).cast_unsigned());
        last_start = others.min_unix_ns;
    }
    out
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Zone>, Damaged> {
    let mut records = Records::open(bytes)?;
    let mut zones = Vec::with_capacity(records.left);
    while let Some(zone) = records.next()? {
        zones.push(zone);
    }
    let mut reader = records.reader;
    if !reader.is_empty() {
        decode_others(&mut reader, &mut zones)?;
    }
    reader.finish().map(|()| zones)
}

/// Reads only the zones at these places, in ascending order, of which none counts that isn't there. The times of what is no span are
/// not looked for: any time stands for them.
pub(crate) fn decode_some(bytes: &[u8], places: &[u32]) -> Result<Vec<Zone>, Damaged> {
    let mut records = Records::open(bytes)?;
    let (mut zones, mut at) = (Vec::with_capacity(places.len().min(records.left)), 0);
    for &place in places {
        while let Some(zone) = records.next()? {
            at += 1;
            if at > place {
                zones.push(zone);
                break;
            }
        }
    }
    Ok(zones)
}

/// The records of zones, one behind the other.
struct Records<'a> {
    reader: Reader<'a>,
    left: usize,
    block: i64,
    min_start_unix_ns: i64,
}

impl<'a> Records<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let left = reader.count()?;
        Ok(Self { reader, left, block: 0, min_start_unix_ns: 0 })
    }

    fn next(&mut self) -> Result<Option<Zone>, Damaged> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let reader = &mut self.reader;
        self.block = self.block.wrapping_add(unzigzag(reader.varint()?));
        let (spans, events, errors) = (reader.varint()?, reader.varint()?, reader.varint()?);
        self.min_start_unix_ns = self.min_start_unix_ns.wrapping_add(unzigzag(reader.varint()?));
        let max_start_unix_ns = self.min_start_unix_ns.wrapping_add(reader.varint()?.cast_signed());
        let (min_duration_ns, max_duration_ns) = (reader.varint()?, reader.varint()?);
        let bounds = Bounds {
            spans,
            events,
            errors,
            min_start_unix_ns: self.min_start_unix_ns,
            max_start_unix_ns,
            min_duration_ns,
            max_duration_ns,
            statuses: reader.byte()?,
            others: if events > 0 { Times::ANY } else { Times::NONE },
        };
        Ok(Some(Zone { block: self.block, bounds }))
    }
}

fn decode_others(reader: &mut Reader<'_>, zones: &mut [Zone]) -> Result<(), Damaged> {
    let mut last = zones.last().map_or(0, |zone| zone.bounds.min_start_unix_ns);
    for bounds in zones.iter_mut().map(|zone| &mut zone.bounds).filter(|bounds| bounds.events > 0) {
        last = last.wrapping_add(unzigzag(reader.varint()?));
        bounds.others = Times { min_unix_ns: last, max_unix_ns: last.wrapping_add(reader.varint()?.cast_signed()) };
    }
    Ok(())
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
            others: Times { min_unix_ns: -5, max_unix_ns: 1 << 60 },
        };
        let zones =
            [Zone { block: 7, bounds: Bounds::NONE }, Zone { block: i64::MAX, bounds: odd }, Zone { block: 1, bounds: odd }];
        assert_eq!(decode(&encode(&zones)).unwrap(), zones);
        // What a format before didn't know may be any time.
        let before = Bounds { events: 2, others: Times::ANY, ..odd };
        let mut stored = encode(&[Zone { block: 1, bounds: before }]);
        stored.truncate(stored.len() - 11);
        assert_eq!(decode(&stored).unwrap(), [Zone { block: 1, bounds: before }]);
        assert_eq!(Bounds::NONE.and(odd), odd.and(Bounds::NONE));
        let some = decode_some(&encode(&zones), &[0, 2, 3, 9]).unwrap();
        let timeless = Bounds { others: Times::ANY, ..odd };
        assert_eq!(some, [zones[0], Zone { block: 1, bounds: timeless }]);
        assert!(odd.may_have(Status::Interrupted) && !Bounds::NONE.may_have(Status::Ok));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(zones) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&zones)).unwrap(), zones);
            }
            let _ = decode_some(&bytes, &[0, 3, 4]);
        }
    }
}
