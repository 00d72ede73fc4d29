//! One body in a segment: a head of 20 bytes, and the bytes.
//!
//! The head: `FGS1`, the length, a checksum of the rest of the head and the bytes, the count of items, and what the bytes are. All
//! numbers are little-endian.

use bytes::Bytes;

use super::super::body::Body;
use super::super::destination::Compression;

/// How long a head is.
pub(super) const HEAD: usize = 20;
const MAGIC: [u8; 4] = *b"FGS1";

/// What a head says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) length: u32,
    checksum: u32,
    pub(super) items: u32,
    form: [u8; 4],
}

/// Writes a body as an entry; nothing for one that is too long.
pub(super) fn write(body: &Body) -> Option<Vec<u8>> {
    let length = u32::try_from(body.bytes.len()).ok()?;
    let items = u32::try_from(body.items).unwrap_or(u32::MAX);
    let form = [code(body.compression), u8::from(body.is_json), 0, 0];
    let checksum = checksum(items, form, &body.bytes);
    let numbers = [length, checksum, items].map(u32::to_le_bytes);
    Some([&MAGIC, numbers.as_flattened(), &form, &body.bytes].concat())
}

/// Reads a head; nothing where there is none.
pub(super) fn read_head(bytes: [u8; HEAD]) -> Option<Head> {
    let ([magic, length, checksum, items, form], []) = bytes.as_chunks::<4>() else { return None };
    let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    let head = Head { length: number(length), checksum: number(checksum), items: number(items), form: *form };
    (*magic == MAGIC).then_some(head)
}

/// Makes a body of a head and the bytes behind it; nothing where they don't fit each other.
pub(super) fn read(head: Head, bytes: Vec<u8>) -> Option<Body> {
    let [compression, is_json, ..] = head.form;
    let is_whole = checksum(head.items, head.form, &bytes) == head.checksum;
    let compression = compression_of(compression).filter(|_| is_whole)?;
    Some(Body { bytes: Bytes::from(bytes), compression, is_json: is_json == 1, items: u64::from(head.items) })
}

fn checksum(items: u32, form: [u8; 4], bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&items.to_le_bytes());
    crc.update(&form);
    crc.update(bytes);
    crc.sum()
}

const fn code(compression: Compression) -> u8 {
    match compression {
        Compression::None => 0,
        Compression::Gzip => 1,
        Compression::Zstd => 2,
    }
}

const fn compression_of(code: u8) -> Option<Compression> {
    match code {
        0 => Some(Compression::None),
        1 => Some(Compression::Gzip),
        2 => Some(Compression::Zstd),
        _ => None,
    }
}
