//! The bytes of a cache's log: records one after the other, each with a checksum, found again after any damage.
//!
//! A record is `FGc2`, its kind, the length of its body, a checksum over all but itself, a signature, the body. What doesn't
//! check is skipped up to the next `FGc2` that does.

use super::bytes::{Reader, Writer};
use crate::cache::{CachedOutput, Entry, Part, PipelineOutputs};
use crate::value::KeyDigest;

const MAGIC: &[u8; 4] = b"FGc2";
const CHECKSUM: usize = 16;
/// Magic, kind, length, checksum, signature.
pub(super) const HEADER_BYTES: usize = 4 + 1 + 4 + CHECKSUM + 32;
/// No body is longer: entries hold small values only.
pub(super) const MAX_BODY_BYTES: usize = 1 << 24;

/// What a record says of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// There is an entry: the body.
    Entry = 1,
    /// The entry was used at a time: the body.
    Used = 2,
    /// There is no entry any more.
    Removed = 3,
}

/// A record whose checksum is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) signature: KeyDigest,
    pub(super) body: &'a [u8],
}

/// What stands at a place of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A record, and where the next one begins.
    Record(Record<'a>, usize),
    /// Something that is no record, up to the next one; with the signature that it seems to be of.
    Damage(Option<KeyDigest>, usize),
    /// Nothing, or the beginning of something that is perhaps still being written.
    End,
}

/// Writes a record.
pub(super) fn write(kind: Kind, signature: &KeyDigest, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.push(kind as u8);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&[0; CHECKSUM]);
    bytes.extend_from_slice(signature);
    bytes.extend_from_slice(body);
    let checksum = checksum(&bytes);
    bytes[9..9 + CHECKSUM].copy_from_slice(&checksum);
    bytes
}

/// Reads what stands at a place of a log.
pub(super) fn read(log: &[u8], at: usize) -> Step<'_> {
    let Some(bytes) = log.get(at..).filter(|bytes| !bytes.is_empty()) else { return Step::End };
    let seems = seeming(bytes);
    if let Some(length) = seems {
        match bytes.get(..HEADER_BYTES + length).map(checked) {
            Some(Some(record)) => return Step::Record(record, at + HEADER_BYTES + length),
            // Shorter than it says: it is being written, unless a record follows that is whole.
            None if next(log, at + 1).is_none() => return Step::End,
            _ => {}
        }
    } else if bytes.len() < HEADER_BYTES && MAGIC.starts_with(&bytes[..bytes.len().min(4)]) {
        return Step::End;
    }
    let signature = seems.and_then(|_| bytes.get(9 + CHECKSUM..HEADER_BYTES)?.try_into().ok());
    Step::Damage(signature, next(log, at + 1).unwrap_or(log.len()))
}

/// The length of the body, if this looks like the beginning of a record.
fn seeming(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER_BYTES)?.strip_prefix(MAGIC)?;
    kind(header[0])?;
    let length = u32::from_le_bytes(*header[1..].first_chunk()?) as usize;
    (length <= MAX_BODY_BYTES).then_some(length)
}

/// Reads a record of just these bytes, if it checks.
fn checked(bytes: &[u8]) -> Option<Record<'_>> {
    let (header, body) = bytes.split_at_checked(HEADER_BYTES)?;
    if header[9..9 + CHECKSUM] != checksum(bytes) {
        return None;
    }
    Some(Record { kind: kind(header[4])?, signature: header[9 + CHECKSUM..].try_into().ok()?, body })
}

/// Where the next whole record begins.
fn next(log: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += log.get(at..)?.windows(MAGIC.len()).position(|bytes| bytes == MAGIC)?;
        let bytes = &log[at..];
        let whole = seeming(bytes).and_then(|length| bytes.get(..HEADER_BYTES + length)).and_then(checked);
        if whole.is_some() {
            return Some(at);
        }
        at += 1;
    }
}

fn kind(byte: u8) -> Option<Kind> {
    [Kind::Entry, Kind::Used, Kind::Removed].into_iter().find(|kind| *kind as u8 == byte)
}

/// The checksum of a record, without the place of the checksum.
fn checksum(record: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&record[..9]);
    hasher.update(&record[9 + CHECKSUM..]);
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    checksum
}

/// Writes an entry as the body of a record.
pub(super) fn write_entry(entry: &Entry) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(entry.stored_unix_ns.cast_unsigned());
    writer.number(entry.cost_ns);
    writer.number(entry.ttl_ns.unwrap_or(u64::MAX));
    writer.bytes(entry.path.as_bytes());
    writer.number(entry.parts.len() as u64);
    for part in &entry.parts {
        writer.bytes(part.name.as_bytes());
        writer.digest(&part.digest);
    }
    writer.number(entry.outputs.len() as u64);
    for output in &entry.outputs {
        writer.digest(&output.digest);
        writer.number(output.size_bytes);
        writer.bytes(output.type_name.as_bytes());
        writer.number(u64::from(output.inline.is_some()));
        writer.bytes(output.inline.as_deref().unwrap_or_default());
    }
    if let Some(pipeline) = &entry.pipeline {
        writer.number(pipeline.identities.len() as u64);
        pipeline.identities.iter().for_each(|identity| writer.digest(identity));
        writer.number(pipeline.lengths.len() as u64);
        pipeline.lengths.iter().for_each(|length| writer.number(*length));
    }
    writer.finish()
}

/// Reads the body of an entry's record.
pub(super) fn read_entry(body: &[u8]) -> Option<Entry> {
    let mut reader = Reader::new(body);
    let entry = Entry {
        stored_unix_ns: reader.number()?.cast_signed(),
        cost_ns: reader.number()?,
        ttl_ns: Some(reader.number()?).filter(|ttl_ns| *ttl_ns != u64::MAX),
        path: reader.text()?,
        parts: reader.many(|reader| Some(Part { name: reader.text()?, digest: reader.digest()? }))?,
        outputs: reader.many(|reader| {
            let (digest, size_bytes, type_name) = (reader.digest()?, reader.number()?, reader.text()?);
            let is_inline = reader.number()? == 1;
            let bytes = reader.bytes()?;
            let inline = is_inline.then(|| bytes.to_vec());
            Some(CachedOutput { digest, size_bytes, type_name, inline })
        })?,
        pipeline: if reader.is_at_end() { None } else { Some(Box::new(read_pipeline(&mut reader)?)) },
    };
    reader.is_at_end().then_some(entry)
}

fn read_pipeline(reader: &mut Reader<'_>) -> Option<PipelineOutputs> {
    Some(PipelineOutputs { identities: reader.many(Reader::digest)?, lengths: reader.many(Reader::number)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(path: &str, value: &[u8]) -> Entry {
        Entry {
            path: path.to_owned(),
            cost_ns: 42,
            stored_unix_ns: -3,
            ttl_ns: Some(9),
            parts: vec![Part { name: "code".into(), digest: [1; 32] }],
            outputs: vec![
                CachedOutput::of(value, "Vec<u8>".into()).with_inline(value.to_vec()),
                CachedOutput::of(value, "é".into()),
            ],
            // Of a pipeline, now and then.
            pipeline: (value.len() % 2 == 1)
                .then(|| Box::new(PipelineOutputs { identities: vec![[2; 32]; 2], lengths: vec![1, 0] })),
        }
    }

    fn log(values: &[Vec<u8>]) -> Vec<u8> {
        let record = |value: &Vec<u8>| write(Kind::Entry, blake3::hash(value).as_bytes(), &write_entry(&entry("p > n", value)));
        values.iter().flat_map(record).collect()
    }

    /// Every entry of a log, which is read to its end.
    fn entries(log: &[u8]) -> Vec<(KeyDigest, Entry)> {
        let (mut at, mut found) = (0, Vec::new());
        loop {
            match read(log, at) {
                Step::Record(record, next) => {
                    assert!(next > at);
                    found.extend(read_entry(record.body).map(|entry| (record.signature, entry)));
                    at = next;
                }
                Step::Damage(_, next) => {
                    assert!(next > at);
                    at = next;
                }
                Step::End => return found,
            }
        }
    }

    #[test]
    fn entries_come_back() {
        let values = [b"one".to_vec(), Vec::new(), vec![7; 5_000]];
        let found = entries(&log(&values));
        assert_eq!(found.len(), 3);
        assert!(found.iter().zip(&values).all(|((_, found), value)| *found == entry("p > n", value)));
    }

    #[test]
    fn what_is_still_being_written_is_the_end() {
        let whole = log(&[b"one".to_vec()]);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length], 0), Step::End, "{length}");
        }
    }

    #[test]
    fn a_torn_record_does_not_hide_the_next() {
        let (torn, next) = (log(&[b"one".to_vec()]), log(&[b"two".to_vec()]));
        for length in 1..torn.len() {
            let found = entries(&[&torn[..length], &next[..]].concat());
            assert_eq!(found.len(), 1, "{length}");
            assert_eq!(found[0].1, entry("p > n", b"two"));
        }
    }

    proptest! {
        #[test]
        fn no_damage_gives_a_wrong_value(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = log(&values);
            let known = entries(&whole);
            let mut damaged = whole.clone();
            for (at, bits) in flips {
                let at = at.index(damaged.len());
                damaged[at] ^= bits;
            }
            damaged.truncate(cut.index(damaged.len() + 1));
            prop_assert!(entries(&damaged).iter().all(|found| known.contains(found)));
        }

        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in any::<prop::sample::Index>()) {
            let mut bytes = bytes;
            let at = magic.index(bytes.len() + 1);
            bytes.splice(at..at, MAGIC.iter().copied().chain([1, 255, 255, 255, 255]));
            prop_assert!(entries(&bytes).is_empty());
            let _ = read_entry(&bytes);
        }
    }
}
