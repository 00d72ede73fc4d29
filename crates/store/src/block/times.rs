//! Columns of start times and durations, in nanoseconds.
//!
//! Spans are written in the order in which they end, and in a pipeline the end of one is often the start of the next; which
//! difference is small depends on the work, so that the encoder tries three and writes the smallest.

use super::bytes::{Damaged, Reader, put_stream, put_varint, unzigzag, varint_size, zigzag};

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

/// Writes both columns.
pub(super) fn encode(starts: &[i64], durations: &[u64]) -> Vec<u8> {
    let size = |base: &Base| differences(*base, starts, durations).map(varint_size).sum::<u64>();
    let base = BASES.into_iter().min_by_key(size).unwrap_or(Base::Start);
    let (mut start_stream, mut duration_stream) = (Vec::new(), Vec::new());
    differences(base, starts, durations).for_each(|difference| put_varint(&mut start_stream, difference));
    durations.iter().for_each(|&duration| put_varint(&mut duration_stream, duration));
    let mut out = vec![base as u8];
    put_stream(&mut out, &start_stream);
    put_stream(&mut out, &duration_stream);
    out
}

/// Reads what [`encode`] wrote of `rows` rows, which its bytes bound.
pub(super) fn decode(section: &[u8], rows: usize) -> Result<(Vec<i64>, Vec<u64>), Damaged> {
    let mut reader = Reader::new(section);
    if rows > reader.len() {
        return Err(Damaged("a count is too large"));
    }
    let base = *BASES.get(reader.byte()? as usize).ok_or(Damaged("times have an unknown form"))?;
    let (mut start_stream, mut duration_stream) = (reader.stream()?, reader.stream()?);
    let mut columns = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut last = (0, 0);
    for _ in 0..rows {
        let duration = duration_stream.varint()?;
        let start = base.of(last, duration).wrapping_add(unzigzag(start_stream.varint()?));
        last = (start, duration);
        columns.0.push(start);
        columns.1.push(duration);
    }
    start_stream.finish()?;
    duration_stream.finish()?;
    reader.finish().map(|()| columns)
}

/// Reads only the durations.
pub(super) fn durations(section: &[u8], rows: usize) -> Result<Vec<u64>, Damaged> {
    let mut reader = Reader::new(section);
    reader.byte()?;
    reader.stream()?;
    let mut stream = reader.stream()?;
    if rows > stream.len() {
        return Err(Damaged("a count is too large"));
    }
    let durations = (0..rows).map(|_| stream.varint()).collect::<Result<_, _>>()?;
    stream.finish().map(|()| durations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(starts: &[i64], durations: &[u64]) -> usize {
        let section = encode(starts, durations);
        assert_eq!(decode(&section, starts.len()).unwrap(), (starts.to_vec(), durations.to_vec()));
        assert_eq!(super::durations(&section, starts.len()).unwrap(), durations);
        section.len()
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
    fn missing_rows_are_refused() {
        let section = encode(&[1, 2], &[3, 4]);
        assert!(decode(&section, 3).is_err());
        assert!(decode(&section, 1).is_err());
        assert!(super::durations(&section, 3).is_err() && super::durations(&section, 1).is_err());
        assert!(decode(&[7], 0).is_err());
    }
}
