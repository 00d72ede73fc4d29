//! Protobuf's wire format, read from a slice: bounds-checked, without copying.

use crate::Flaw;

/// How deep groups may lie in one another: as deep as other readers allow.
const GROUP_DEPTH: u32 = 100;

/// A field's value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A whole group, which OTLP has none of: skipped.
    Group,
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    pub(crate) fn varint(self) -> Result<u64, Flaw> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(Flaw::WireType),
        }
    }

    pub(crate) fn fixed64(self) -> Result<u64, Flaw> {
        match self {
            Self::Fixed64(number) => Ok(number),
            _ => Err(Flaw::WireType),
        }
    }

    pub(crate) fn fixed32(self) -> Result<u32, Flaw> {
        match self {
            Self::Fixed32(number) => Ok(number),
            _ => Err(Flaw::WireType),
        }
    }

    /// A signed number whose sign stands in its lowest bit.
    pub(crate) fn sint32(self) -> Result<i32, Flaw> {
        let number = self.varint()? as u32;
        Ok((number >> 1) as i32 ^ -((number & 1) as i32))
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], Flaw> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Flaw::WireType),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, Flaw> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Flaw::Utf8)
    }

    pub(crate) fn message(self) -> Result<Reader<'a>, Flaw> {
        self.bytes().map(Reader::new)
    }
}

/// Walks over the fields of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the next field's number and value, or nothing at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, Flaw> {
        match self.next_tag()? {
            Some(tag) => self.field(tag).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the next field's tag, or nothing at the end. Hot loops look at tags, where number and wire type are one.
    #[inline]
    pub(crate) fn next_tag(&mut self) -> Result<Option<u32>, Flaw> {
        let (tag, rest) = match self.rest {
            [] => return Ok(None),
            [tag @ 0..0x80, rest @ ..] => (u32::from(*tag), rest),
            rest => long_tag(rest)?,
        };
        self.rest = rest;
        Ok(Some(tag))
    }

    /// Returns the number and the value of a field whose tag was read.
    #[inline]
    pub(crate) fn field(&mut self, tag: u32) -> Result<(u32, Wire<'a>), Flaw> {
        // On a copy: a reader whose address nobody knows lies in registers.
        let mut rest = *self;
        let (number, wire_type) = parts(tag)?;
        let value = rest.value(number, wire_type, GROUP_DEPTH)?;
        *self = rest;
        Ok((number, value))
    }

    /// Calls `each` for every field, until one fails.
    #[inline]
    pub(crate) fn for_each(mut self, mut each: impl FnMut(u32, Wire<'a>) -> Result<(), Flaw>) -> Result<(), Flaw> {
        while let Some((number, value)) = self.next()? {
            each(number, value)?;
        }
        Ok(())
    }

    /// Reads a number at the front: packed lists are nothing but these.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Flaw> {
        let (number, rest) = match self.rest {
            [byte @ 0..0x80, rest @ ..] => (u64::from(*byte), rest),
            rest => long_varint(rest)?,
        };
        self.rest = rest;
        Ok(number)
    }

    /// Reads the value of a field that has a length.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Flaw> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| Flaw::Truncated)?)
    }

    /// Reads the value of a field that has a length and is a text.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, Flaw> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Flaw::Utf8)
    }

    /// Reads the value of a field of eight bytes.
    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Flaw> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads the value of a field of four bytes.
    #[inline]
    pub(crate) fn fixed32(&mut self) -> Result<u32, Flaw> {
        self.array().map(u32::from_le_bytes)
    }

    fn value(&mut self, number: u32, wire_type: u8, depth: u32) -> Result<Wire<'a>, Flaw> {
        match wire_type {
            0 => self.varint().map(Wire::Varint),
            1 => self.fixed64().map(Wire::Fixed64),
            2 => self.bytes().map(Wire::Bytes),
            3 => self.skip_group(number, depth).map(|()| Wire::Group),
            4 => Err(Flaw::Group),
            5 => self.fixed32().map(Wire::Fixed32),
            _ => Err(Flaw::Tag),
        }
    }

    fn skip_group(&mut self, group: u32, depth: u32) -> Result<(), Flaw> {
        let deeper = depth.checked_sub(1).ok_or(Flaw::Depth)?;
        loop {
            match parts(self.next_tag()?.ok_or(Flaw::Truncated)?)? {
                (number, 4) if number == group => return Ok(()),
                (_, 4) => return Err(Flaw::Group),
                (number, wire_type) => self.value(number, wire_type, deeper)?,
            };
        }
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Flaw::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Flaw::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Reads a number of several bytes; returns it and what follows.
fn long_varint(bytes: &[u8]) -> Result<(u64, &[u8]), Flaw> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(10).enumerate() {
        if at == 9 && byte > 1 {
            return Err(Flaw::Varint);
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Ok((number, &bytes[at + 1..]));
        }
    }
    Err(if bytes.len() < 10 { Flaw::Truncated } else { Flaw::Varint })
}

#[inline]
fn long_tag(bytes: &[u8]) -> Result<(u32, &[u8]), Flaw> {
    let (tag, rest) = match *bytes {
        [low, high @ 0..0x80, ref rest @ ..] => (u64::from(low & 0x7f) | u64::from(high) << 7, rest),
        _ => long_varint(bytes)?,
    };
    Ok((u32::try_from(tag).map_err(|_| Flaw::Tag)?, rest))
}

/// Returns a tag's number and wire type.
#[inline]
fn parts(tag: u32) -> Result<(u32, u8), Flaw> {
    let number = tag >> 3;
    if number == 0 { Err(Flaw::Tag) } else { Ok((number, (tag & 7) as u8)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, Flaw> {
        let mut found = Vec::new();
        Reader::new(bytes).for_each(|number, value| {
            found.push((number, value));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn every_wire_type_is_read() {
        let bytes = [0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, 7, 8, 0x25, 2, 0, 0, 0];
        let wanted = [(1, Wire::Varint(150)), (2, Wire::Fixed64(1)), (3, Wire::Bytes(&[7, 8])), (4, Wire::Fixed32(2))];
        assert_eq!(all(&bytes).unwrap(), wanted);
    }

    #[test]
    fn groups_are_skipped_whole() {
        assert_eq!(all(&[0x0b, 0x08, 1, 0x13, 0x14, 0x0c, 0x08, 2]).unwrap(), [(1, Wire::Group), (1, Wire::Varint(2))]);
        assert_eq!(all(&[0x0b, 0x14]), Err(Flaw::Group));
        assert_eq!(all(&[0x0c]), Err(Flaw::Group));
        assert_eq!(all(&[0x0b]), Err(Flaw::Truncated));
        assert_eq!(all(&[0x0b; 5000]), Err(Flaw::Depth));
    }

    #[test]
    fn numbers_end_where_they_must() {
        let most = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(all(&most).unwrap(), [(1, Wire::Varint(u64::MAX))]);
        assert_eq!(all(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), Err(Flaw::Varint));
        assert_eq!(all(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80, 1]), Err(Flaw::Varint));
        assert_eq!(all(&[0x08, 0xff]), Err(Flaw::Truncated));
        assert_eq!(all(&[0x00]), Err(Flaw::Tag));
        assert_eq!(all(&[0x0f]), Err(Flaw::Tag));
        assert_eq!(all(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]), Err(Flaw::Truncated));
    }
}
