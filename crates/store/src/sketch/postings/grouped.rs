//! Chunks in which each fingerprint stands once, with all its places: a value that many blocks have costs a few bits a block, and
//! what is there once, as most values are, its 32 bits less those that its neighbours tell.
//!
//! Layout: the number of groups, the number of low bits of the fingerprints' code (a byte), the groups. A group is the gap to the
//! fingerprint before, the number of its places, and the place, or the gaps between the places. Gaps are Rice-coded.

use std::ops::ControlFlow;

use super::{Entry, FINGERPRINT_BITS, Shape};
use crate::block::Damaged;
use crate::block::bytes::{Reader, put_varint};
use crate::sketch::bits::{BitReader, BitWriter};

/// Returns the low bits of the best Rice code for `count` numbers out of `space`: a little below their mean gap.
fn low_bits(space: u64, count: u64) -> u32 {
    let gap = space / count.max(1);
    (gap - gap / 3).checked_ilog2().unwrap_or(0).min(31)
}

const fn place_bits(shape: Shape) -> u32 {
    u32::BITS - shape.blocks.saturating_sub(1).leading_zeros()
}

/// Writes the sorted entries of a chunk, each there once.
pub(super) fn encode(entries: &[Entry], shape: Shape) -> Vec<u8> {
    let groups = || entries.chunk_by(|a, b| a.fingerprint() == b.fingerprint());
    let (count, space) = (groups().count() as u64, FINGERPRINT_BITS - shape.chunk_bits);
    let low = low_bits(1 << space, count);
    let (mut writer, mut next) = (BitWriter::default(), 0);
    for group in groups() {
        let fingerprint = group[0].fingerprint() & ((1 << space) - 1);
        writer.put_rice(fingerprint - next, low);
        next = fingerprint + 1;
        put_places(&mut writer, group, shape);
    }
    let mut out = Vec::new();
    put_varint(&mut out, count);
    out.push(low as u8);
    out.extend(writer.finish());
    out
}

fn put_places(writer: &mut BitWriter, group: &[Entry], shape: Shape) {
    if shape.blocks <= 1 {
        return;
    }
    let bits = group.len().ilog2();
    writer.put((1 << bits) - 1, bits + 1);
    writer.put(group.len() as u64, bits);
    if let [only] = group {
        return writer.put(only.place().into(), place_bits(shape));
    }
    let (low, mut next) = (low_bits(shape.blocks.into(), group.len() as u64), 0);
    for entry in group {
        writer.put_rice(u64::from(entry.place() - next), low);
        next = entry.place() + 1;
    }
}

/// Shows the entries of a chunk in their order.
pub(super) fn each(
    chunk: u32,
    bytes: &[u8],
    shape: Shape,
    mut show: impl FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), Damaged> {
    let mut reader = Reader::new(bytes);
    let (groups, low) = (reader.varint32()?, u32::from(reader.byte()?));
    if low > 31 {
        return Err(Damaged("postings have an unknown code"));
    }
    let mut codes = BitReader::new(reader.rest());
    let (mut next, end) = (shape.start_of(chunk), shape.start_of(chunk + 1));
    for _ in 0..groups {
        let fingerprint = next.checked_add(codes.rice(low)?).filter(|&fingerprint| fingerprint < end);
        let fingerprint = fingerprint.ok_or(Damaged("postings run over their end"))?;
        next = fingerprint + 1;
        if each_place(&mut codes, shape, |place| show(Entry(fingerprint << 32 | u64::from(place))))?.is_break() {
            break;
        }
    }
    Ok(())
}

#[inline]
fn each_place(
    codes: &mut BitReader<'_>,
    shape: Shape,
    mut show: impl FnMut(u32) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Damaged> {
    if shape.blocks <= 1 {
        return Ok(show(0));
    }
    let count = read_count(codes)?;
    if count == 1 {
        return within(codes.bits(place_bits(shape))?, shape).map(show);
    }
    let (low, mut next) = (low_bits(shape.blocks.into(), count), 0);
    for _ in 0..count {
        let place = within(codes.rice(low)?.saturating_add(next), shape)?;
        next = u64::from(place) + 1;
        if show(place).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn read_count(codes: &mut BitReader<'_>) -> Result<u64, Damaged> {
    let bits =
        u32::try_from(codes.rice(0)?).ok().filter(|&bits| bits < 32).ok_or(Damaged("postings have a count too large"))?;
    Ok(1 << bits | codes.bits(bits)?)
}

fn within(place: u64, shape: Shape) -> Result<u32, Damaged> {
    let place = u32::try_from(place).ok().filter(|&place| place < shape.blocks);
    place.ok_or(Damaged("postings name a block that isn't there"))
}
