//! A small set of trace ids, kept with a segment so that looking for one trace skips the other segments.
//!
//! Layout: one byte of version, then the sorted 32-bit fingerprints of the ids as differences in variable-length numbers.

use flowglass_model::TraceId;

use super::bytes::{Damaged, Reader, put_varint};

const VERSION: u8 = 1;

/// Returns the number that stands for a trace in sketches. Part of the file format.
pub(crate) fn fingerprint(trace: TraceId) -> u32 {
    let number = u128::from_be_bytes(trace.to_bytes());
    // Ids of other sources may be random in some bits only: fold both halves, then spread them (Fibonacci hashing).
    let folded = (number >> 64) as u64 ^ (number as u64).rotate_left(32);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Makes the sketch of these traces.
pub(crate) fn encode(traces: &[TraceId]) -> Vec<u8> {
    let mut fingerprints: Vec<u32> = traces.iter().copied().map(fingerprint).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    let mut out = vec![VERSION];
    let mut last = 0;
    for number in fingerprints {
        put_varint(&mut out, u64::from(number - last));
        last = number;
    }
    out
}

/// Says whether the sketch may hold the trace; never no when it does.
pub(crate) fn may_contain(sketch: &[u8], wanted: u32) -> Result<bool, Damaged> {
    let mut reader = Reader::new(sketch);
    if reader.byte()? != VERSION {
        return Err(Damaged("a sketch has an unknown version"));
    }
    let mut at = 0u32;
    while !reader.is_empty() {
        at = at.checked_add(reader.varint32()?).ok_or(Damaged("a sketch holds too large a number"))?;
        if at >= wanted {
            return Ok(at == wanted);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let traces: Vec<_> = (0..500).map(|_| TraceId::random()).collect();
        let sketch = encode(&traces);
        assert!(traces.iter().all(|&trace| may_contain(&sketch, fingerprint(trace)).unwrap()));
        let others = (0..500).filter(|_| may_contain(&sketch, fingerprint(TraceId::random())).unwrap()).count();
        assert!(others < 3, "{others}");
        assert!(!may_contain(&encode(&[]), 0).unwrap());
    }

    #[test]
    fn damage_is_named() {
        assert!(may_contain(&[], 1).is_err());
        assert!(may_contain(&[9], 1).is_err());
        assert!(may_contain(&[VERSION, 0x80], 1).is_err());
        assert!(may_contain(&[VERSION, 1, 0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX).is_err());
    }
}
