//! Protobuf's wire format, written into one buffer, lengths filled in afterwards.

use super::piece::Piece;

/// How many bytes are left free for a message's length, which is known only when the message is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gap {
    /// For messages of most often 128 bytes to 16 kB: a span.
    Two = 2,
    /// For messages of most often 16 kB to 2 MB: a batch.
    Three = 3,
}

/// Writes fields behind each other. Fields that have their default are left out, as protobuf has it.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Writes a message.
    #[inline]
    pub(crate) fn message(&mut self, number: u32, gap: Gap, fill: impl FnOnce(&mut Self)) {
        let start = self.open(number, gap);
        fill(self);
        self.close(start, gap);
    }

    /// Begins a message, to be closed with the place that this returns.
    #[inline]
    pub(crate) fn open(&mut self, number: u32, gap: Gap) -> usize {
        self.tag(number << 3 | 2);
        self.put_first([0; 3], gap as usize);
        self.out.len()
    }

    /// Ends the message that began at `start`: fills in its length, moving it where the gap doesn't fit.
    #[inline]
    pub(crate) fn close(&mut self, start: usize, gap: Gap) {
        let length = self.out.len() - start;
        match (gap, length) {
            (Gap::Two, 0x80..0x4000) => {
                self.out[start - 2..start].copy_from_slice(&[length as u8 | 0x80, (length >> 7) as u8]);
            }
            _ => self.close_moved(start, gap as usize),
        }
    }

    fn close_moved(&mut self, start: usize, gap: usize) {
        let end = self.out.len();
        let (bytes, length) = varint_bytes((end - start) as u64);
        if length > gap {
            self.out.resize(end + length - gap, 0);
        }
        if length != gap {
            self.out.copy_within(start..end, start - gap + length);
            self.out.truncate(end + length - gap);
        }
        self.out[start - gap..start - gap + length].copy_from_slice(&bytes[..length]);
    }

    /// Writes a few bytes whose number is known when this is compiled.
    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.out.extend_from_slice(&bytes);
    }

    /// Writes the first `length` of a few bytes.
    #[inline]
    pub(crate) fn put_first<const N: usize>(&mut self, bytes: [u8; N], length: usize) {
        let start = self.out.len();
        self.out.extend_from_slice(&bytes);
        self.out.truncate(start + length);
    }

    /// Writes bytes that stand in a longer row of bytes.
    #[inline]
    pub(crate) fn piece(&mut self, piece: Piece<'_>) {
        match piece.window() {
            Some(window) => self.put_first(*window, piece.len()),
            None => self.out.extend_from_slice(piece.bytes()),
        }
    }

    /// Writes bytes or a text as a field, if there are any.
    #[inline]
    pub(crate) fn piece_field(&mut self, number: u32, piece: Piece<'_>) {
        if !piece.is_empty() {
            self.length(number, piece.len());
            self.piece(piece);
        }
    }

    /// Writes an unsigned number, if it isn't zero.
    #[inline]
    pub(crate) fn uint(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.always_uint(number, value);
        }
    }

    /// Writes an unsigned number, zero too.
    #[inline]
    pub(crate) fn always_uint(&mut self, number: u32, value: u64) {
        self.tag(number << 3);
        self.varint(value);
    }

    /// Writes eight bytes, if they aren't all zero.
    #[inline]
    pub(crate) fn fixed64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.always_fixed64(number, value);
        }
    }

    /// Writes eight bytes, zeros too.
    #[inline]
    pub(crate) fn always_fixed64(&mut self, number: u32, value: u64) {
        self.tag(number << 3 | 1);
        self.put(value.to_le_bytes());
    }

    /// Writes four bytes, if they aren't all zero.
    #[inline]
    pub(crate) fn fixed32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.always_fixed32(number, value);
        }
    }

    /// Writes four bytes, zeros too.
    #[inline]
    pub(crate) fn always_fixed32(&mut self, number: u32, value: u32) {
        self.tag(number << 3 | 5);
        self.put(value.to_le_bytes());
    }

    /// Writes a signed number whose sign stands in its lowest bit, if it isn't zero.
    pub(crate) fn sint32(&mut self, number: u32, value: i32) {
        self.uint(number, u64::from((value << 1 ^ value >> 31) as u32));
    }

    /// Writes bytes or a text, if there are any.
    #[inline]
    pub(crate) fn bytes(&mut self, number: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.always_bytes(number, bytes);
        }
    }

    /// Writes bytes or a text, an empty one too.
    #[inline]
    pub(crate) fn always_bytes(&mut self, number: u32, bytes: &[u8]) {
        self.length(number, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Writes the head of a field whose length is known.
    #[inline]
    pub(crate) fn length(&mut self, number: u32, length: usize) {
        let tag = number << 3 | 2;
        if tag < 0x80 && length < 0x80 {
            self.put([tag as u8, length as u8]);
        } else {
            self.tag(tag);
            self.varint(length as u64);
        }
    }

    /// Returns how many bytes there are.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.out.len()
    }

    /// Writes once more what stands there.
    #[inline]
    pub(crate) fn again(&mut self, range: std::ops::Range<usize>) {
        self.out.extend_from_within(range);
    }

    /// Writes fields that are written already.
    #[inline]
    pub(crate) fn raw(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }

    /// Writes a field's number and wire type: one byte for nearly all fields of OTLP, two for the others.
    #[inline]
    fn tag(&mut self, tag: u32) {
        match tag {
            0..0x80 => self.put([tag as u8]),
            0x80..0x4000 => self.put([tag as u8 | 0x80, (tag >> 7) as u8]),
            _ => self.long_varint(u64::from(tag)),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self, value: u64) {
        if value < 0x80 {
            self.out.push(value as u8);
        } else {
            self.long_varint(value);
        }
    }

    fn long_varint(&mut self, value: u64) {
        let (bytes, length) = varint_bytes(value);
        self.put_first(bytes, length);
    }
}

/// Returns how many bytes a number takes.
#[inline]
pub(crate) const fn varint_len(value: u64) -> usize {
    // One byte for every seven bits, and one for zero.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Returns a number as it is written, and how many bytes that takes.
#[inline]
pub(crate) fn varint_bytes(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut length = 0;
    loop {
        bytes[length] = (value as u8 & 0x7f) | if value >= 0x80 { 0x80 } else { 0 };
        length += 1;
        value >>= 7;
        if value == 0 {
            return (bytes, length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::{Reader, Wire};
    use super::*;

    #[test]
    fn a_message_of_any_length_comes_back() {
        for gap in [Gap::Two, Gap::Three] {
            for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 5_000_000] {
                let mut out = vec![0x08, 1];
                let content = vec![7; length];
                Writer::new(&mut out).message(2, gap, |w| w.raw(&content));
                let mut reader = Reader::new(&out);
                assert_eq!(reader.next().unwrap(), Some((1, Wire::Varint(1))));
                assert_eq!(reader.next().unwrap(), Some((2, Wire::Bytes(&content))));
                assert_eq!(reader.next().unwrap(), None);
            }
        }
    }

    #[test]
    fn lengths_of_numbers_are_as_written() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, (1u64 << shift) | 1] {
                assert_eq!(varint_bytes(value).1, varint_len(value), "{value}");
            }
        }
        assert_eq!(varint_len(u64::MAX), 10);
    }

    #[test]
    fn defaults_are_left_out_unless_asked_for() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.uint(1, 0);
        writer.fixed64(1, 0);
        writer.fixed32(1, 0);
        writer.bytes(1, b"");
        assert!(out.is_empty());
        Writer::new(&mut out).always_bytes(1, b"");
        Writer::new(&mut out).always_uint(2, 0);
        Writer::new(&mut out).always_fixed64(3, 0);
        assert_eq!(out, [0x0a, 0, 0x10, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
