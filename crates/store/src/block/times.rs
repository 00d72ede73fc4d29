//! Columns of start times and durations, in nanoseconds.
//!
//! Spans are written in the order in which they end, and in a pipeline the end of one is often the start of the next; which
//! difference is small depends on the work, so that the encoder tries three and writes the smallest.

use super::bytes::{Damaged, Reader, put_varint, unzigzag, varint_size, zigzag};
use super::packed::Packing;

/// What a start time is the difference to.
#[derive(Clone, Copy)]
enum Base {
    /// The start of the row before.
    Start = 0,
    /// The end of the row before.
    End = 1,
    /// As `Start`, but of the ends: the end of this row to the end of the row before.
    EndToEnd = 2,
}

const BASES: [Base; 3] = [Base::Start, Base::End, Base::EndToEnd];

impl Base {
    fn of(self, last: (i64, u64), duration: u64) -> i64 {
        match self {
            Self::Start => last.0,
            Self::End => end(last),
            Self::EndToEnd => end(last).wrapping_sub(duration as i64),
        }
    }
}

/// Times come from anywhere, so that an end may lie beyond what fits; it then wraps, and reading wraps it back.
fn end((start, duration): (i64, u64)) -> i64 {
    start.wrapping_add(duration as i64)
}

fn differences(base: Base, starts: &[i64], durations: &[u64]) -> impl Iterator<Item = u64> {
    let mut last = (0, 0);
    starts.iter().zip(durations).map(move |(&start, &duration)| {
        let difference = zigzag(start.wrapping_sub(base.of(last, duration)));
        last = (start, duration);
        difference
    })
}

/// Writes starts and durations, each for a frame of its own.
pub(super) fn encode(starts: &[i64], durations: &[u64]) -> (Vec<u8>, Vec<u8>) {
    let size = |base: &Base| differences(*base, starts, durations).map(varint_size).sum::<u64>();
    let base = BASES.into_iter().min_by_key(size).unwrap_or(Base::Start);
    let mut start_stream = vec![base as u8];
    differences(base, starts, durations).for_each(|difference| put_varint(&mut start_stream, difference));
    (start_stream, encode_durations(durations))
}

/// Says that durations are packed, and not written as so many bytes each.
const PACKED: u8 = 9;

/// Packs durations that look random. Writes of others as many bytes as the longest has, those of equal weight behind each other: the
/// low ones are as good as random, and the high ones nearly all the same.
fn encode_durations(durations: &[u64]) -> Vec<u8> {
    let others = durations.iter().map(|&duration| varint_size(duration)).sum();
    if let Some(packing) = Packing::of_noise(durations.iter().copied(), others) {
        let mut out = vec![PACKED];
        packing.put(&mut out);
        packing.pack(durations.iter().copied(), &mut out);
        return out;
    }
    let longest = durations.iter().copied().max().unwrap_or(0);
    let planes = (u64::BITS - longest.leading_zeros()).div_ceil(8) as usize;
    let mut out = Vec::with_capacity(1 + planes * durations.len());
    out.push(planes as u8);
    for plane in 0..planes {
        out.extend(durations.iter().map(|duration| duration.to_le_bytes()[plane]));
    }
    out
}

/// Reads what [`encode`] wrote of `rows` rows, which its bytes bound.
pub(super) fn decode(starts: &[u8], durations: &[u8], rows: usize) -> Result<(Vec<i64>, Vec<u64>), Damaged> {
    let mut reader = Reader::new(starts);
    let base = *BASES.get(reader.byte()? as usize).ok_or(Damaged("times have an unknown form"))?;
    if rows > reader.len() {
        return Err(Damaged("a count is too large"));
    }
    let durations = self::durations(durations, rows)?;
    let mut starts = Vec::with_capacity(rows);
    let mut last = (0, 0);
    for &duration in &durations {
        let start = base.of(last, duration).wrapping_add(unzigzag(reader.varint()?));
        last = (start, duration);
        starts.push(start);
    }
    reader.finish().map(|()| (starts, durations))
}

/// Reads only the durations, of which there are no more than starts.
pub(super) fn durations(bytes: &[u8], rows: usize) -> Result<Vec<u64>, Damaged> {
    let mut reader = Reader::new(bytes);
    let planes = match reader.byte()? {
        PACKED => {
            let durations = Packing::read(&mut reader)?.unpack(&mut reader, rows)?;
            return reader.finish().map(|()| durations);
        }
        planes => planes as usize,
    };
    if planes > 8 || Some(reader.len()) != planes.checked_mul(rows) {
        return Err(Damaged("durations have another length than they should"));
    }
    let bytes = reader.rest();
    let mut durations = vec![0u64; rows];
    for (plane, bytes) in bytes.chunks_exact(rows.max(1)).enumerate() {
        durations.iter_mut().zip(bytes).for_each(|(duration, &byte)| *duration |= u64::from(byte) << (8 * plane));
    }
    Ok(durations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(starts: &[i64], durations: &[u64]) -> usize {
        let (start_bytes, duration_bytes) = encode(starts, durations);
        let rows = starts.len();
        assert_eq!(decode(&start_bytes, &duration_bytes, rows).unwrap(), (starts.to_vec(), durations.to_vec()));
        assert_eq!(super::durations(&duration_bytes, rows).unwrap(), durations);
        start_bytes.len() + duration_bytes.len()
    }

    #[test]
    fn each_shape_of_work_finds_its_small_difference() {
        let chain: Vec<i64> = (0..100).map(|at| 1_700_000_000_000_000_000 + at * 1_000_000).collect();
        assert!(size(&chain, &[1_000_000; 100]) < 100 * 4 + 30, "a start is the end before it");
        assert!(size(&chain.iter().map(|start| start / 1_000_000).collect::<Vec<_>>(), &[u64::MAX; 100]) < 100 * 11 + 30);
        let nested: Vec<i64> = (0..100).map(|at| 1_000_000_000 - at * 10_000_000).collect();
        let durations: Vec<u64> = (0..100).map(|at| at * 10_000_000 + 1).collect();
        assert!(size(&nested, &durations) < 100 * 6 + 30, "they end together");
    }

    #[test]
    fn extremes_come_back_equal() {
        size(&[], &[]);
        size(&[i64::MIN, i64::MAX, 0, -1], &[u64::MAX, 0, u64::MAX / 2, 1]);
    }

    #[test]
    fn noise_is_packed() {
        let durations: Vec<u64> = (0..1000).map(|_| fastrand::u64(20_000..20_000_000)).collect();
        let starts: Vec<i64> = durations.iter().map(|_| 0).collect();
        assert!(size(&starts, &durations) < 1000 * 25 / 8 + 1000 * 4 + 50);
    }

    #[test]
    fn missing_rows_are_refused() {
        let (starts, longs) = encode(&[1, 2], &[3, 4]);
        assert!(decode(&starts, &longs, 3).is_err());
        assert!(decode(&starts, &longs, 1).is_err());
        assert!(decode(&[7], &[0], 0).is_err());
        assert!(decode(&[], &[], 0).is_err());
        assert!(super::durations(&longs, 3).is_err() && super::durations(&[10, 1, 1], 2).is_err());
        assert!(decode(&starts, &[0], usize::MAX).is_err(), "zeros take no bytes, and starts do");
        assert_eq!(super::durations(&[0], 2).unwrap(), [0, 0]);
    }
}
