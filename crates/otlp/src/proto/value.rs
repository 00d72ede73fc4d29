//! Attributes and their values (`KeyValue`, `AnyValue`), both directions.

use flowglass_model::{Arena, AttributeValue, Attributes, BatchBuilder, Scalar, Sym};

use super::piece::Piece;
use super::reader::{Reader, Wire};
use super::same::same;
use super::writer::{Gap, Writer, varint_bytes, varint_len};
use crate::Flaw;
use crate::limits::DEPTH;

/// Writes an attribute of a row as a field `number` of type `KeyValue`.
#[inline]
pub(crate) fn write_scalar(w: &mut Writer<'_>, number: u32, arena: &Arena, key: Sym, value: Scalar) {
    let key = Piece::of(arena, key);
    match value {
        Scalar::Str(sym) => write_piece(w, number, key, 1, Piece::of(arena, sym)),
        Scalar::Bytes(sym) => write_piece(w, number, key, 7, Piece::of(arena, sym)),
        Scalar::Bool(flag) => {
            write_key(w, number, key, 2);
            w.put([0x12, 2, 2 << 3, u8::from(flag)]);
        }
        Scalar::Int(int) => {
            let ([a, b, c, d, e, f, g, h, i, j], length) = varint_bytes(int as u64);
            write_key(w, number, key, 1 + length);
            w.put_first([0x12, 1 + length as u8, 3 << 3, a, b, c, d, e, f, g, h, i, j], 3 + length);
        }
        Scalar::Float(float) => {
            let [a, b, c, d, e, f, g, h] = float.to_le_bytes();
            write_key(w, number, key, 9);
            w.put([0x12, 9, 4 << 3 | 1, a, b, c, d, e, f, g, h]);
        }
        Scalar::Nested(json) => write_owned(w, number, key, &nested(arena.bytes(json))),
        // Also a kind of value that this version doesn't know keeps its key.
        _ => {
            write_key(w, number, key, 0);
            w.put([0x12, 0]);
        }
    }
}

/// Writes a value of a column as a field `number` of type `AnyValue`.
pub(crate) fn write_any(w: &mut Writer<'_>, number: u32, arena: &Arena, value: Scalar) {
    w.message(number, Gap::Two, |w| match value {
        Scalar::Str(sym) => w.always_bytes(1, arena.bytes(sym)),
        Scalar::Bool(flag) => w.always_uint(2, u64::from(flag)),
        Scalar::Int(int) => w.always_uint(3, int as u64),
        Scalar::Float(float) => w.always_fixed64(4, float.to_bits()),
        Scalar::Bytes(sym) => w.always_bytes(7, arena.bytes(sym)),
        Scalar::Nested(json) => write_value(w, &nested(arena.bytes(json))),
        // Nothing; also a kind of value that this version doesn't know.
        _ => {}
    });
}

/// Writes owned attributes, each as a field `number` of type `KeyValue`.
pub(crate) fn write_attributes(w: &mut Writer<'_>, number: u32, attributes: &Attributes) {
    for (key, value) in attributes {
        write_owned(w, number, key.as_bytes().into(), value);
    }
}

/// Writes a text attribute as a field `number` of type `KeyValue`.
pub(crate) fn write_text(w: &mut Writer<'_>, number: u32, key: &str, value: &str) {
    write_piece(w, number, key.as_bytes().into(), 1, value.as_bytes().into());
}

/// Writes an attribute whose value is of a kind that has a length.
#[inline]
fn write_piece(w: &mut Writer<'_>, number: u32, key: Piece<'_>, kind: u32, value: Piece<'_>) {
    let length = 1 + varint_len(value.len() as u64) + value.len();
    write_key(w, number, key, length);
    w.length(2, length);
    w.length(kind, value.len());
    w.piece(value);
}

/// Writes an attribute up to its value, which will have `length` bytes.
#[inline]
fn write_key(w: &mut Writer<'_>, number: u32, key: Piece<'_>, length: usize) {
    let whole = key.len() + length + 4;
    if whole < 0x80 && number < 0x10 {
        w.put([(number << 3 | 2) as u8, whole as u8, 0x0a, key.len() as u8]);
    } else {
        let of_key = 1 + varint_len(key.len() as u64) + key.len();
        w.length(number, of_key + 1 + varint_len(length as u64) + length);
        w.length(1, key.len());
    }
    w.piece(key);
}

/// Returns a value that lies in a column as JSON; as its text where it can't be read.
fn nested(json: &[u8]) -> AttributeValue {
    serde_json::from_slice(json).unwrap_or_else(|_| AttributeValue::Str(String::from_utf8_lossy(json).into_owned()))
}

fn write_owned(w: &mut Writer<'_>, number: u32, key: Piece<'_>, value: &AttributeValue) {
    w.message(number, Gap::Two, |w| {
        w.piece_field(1, key);
        w.message(2, Gap::Two, |w| write_value(w, value));
    });
}

/// Writes the fields of an `AnyValue`.
pub(crate) fn write_value(w: &mut Writer<'_>, value: &AttributeValue) {
    match value {
        AttributeValue::Str(text) => w.always_bytes(1, text.as_bytes()),
        AttributeValue::Bool(flag) => w.always_uint(2, u64::from(*flag)),
        AttributeValue::Int(int) => w.always_uint(3, *int as u64),
        AttributeValue::Float(float) => w.always_fixed64(4, float.to_bits()),
        AttributeValue::List(values) => w.message(5, Gap::Two, |w| {
            values.iter().for_each(|value| w.message(1, Gap::Two, |w| write_value(w, value)));
        }),
        AttributeValue::Map(entries) => w.message(6, Gap::Two, |w| write_attributes(w, 1, entries)),
        AttributeValue::Bytes(bytes) => w.always_bytes(7, bytes),
        // Nothing; also a kind of value that this version doesn't know.
        _ => {}
    }
}

/// An attribute as it stands in a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: AnyValue<'a>,
}

/// A value as it stands in a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyValue<'a> {
    /// No value at all.
    Empty,
    Str(&'a str),
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
    List(Reader<'a>),
    Map(Reader<'a>),
}

impl<'a> KeyValue<'a> {
    /// Reads an attribute. `guess` is what its key may be: then it need not be looked at twice.
    #[inline]
    pub(crate) fn read(message: &'a [u8], guess: &'a str, unknown: &mut u64) -> Result<Self, Flaw> {
        let Some((key, value)) = usual_parts(message) else { return Self::read_unusual(message, unknown) };
        let key = if same(key, guess.as_bytes()) { guess } else { text(key)? };
        let value = match AnyValue::usual(value) {
            Some(value) => value?,
            None => AnyValue::read(Reader::new(value), AnyValue::Empty, unknown)?,
        };
        Ok(Self { key, value })
    }

    fn read_unusual(message: &'a [u8], unknown: &mut u64) -> Result<Self, Flaw> {
        let mut found = Self { key: "", value: AnyValue::Empty };
        Reader::new(message).for_each(|number, wire| {
            match number {
                1 => found.key = wire.text()?,
                2 => found.value = AnyValue::read(wire.message()?, found.value, unknown)?,
                _ => *unknown += 1,
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Returns key and value of an attribute that stands there as everybody writes it: both, in this order, each shorter than 128 bytes.
#[inline]
fn usual_parts(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[0x0a, length @ 0..0x80], rest) = message.split_first_chunk()? else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(length))?;
    let (&[0x12, length @ 0..0x80], value) = rest.split_first_chunk()? else { return None };
    (value.len() == usize::from(length)).then_some((key, value))
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(bytes).map_err(|_| Flaw::Utf8)
}

impl<'a> AnyValue<'a> {
    /// Reads a value that stands there as everybody writes it: one plain value.
    #[inline]
    fn usual(message: &'a [u8]) -> Option<Result<Self, Flaw>> {
        Some(match *message {
            [0x0a, length @ 0..0x80, ref bytes @ ..] if bytes.len() == usize::from(length) => text(bytes).map(Self::Str),
            [0x10, flag @ 0..0x80] => Ok(Self::Bool(flag != 0)),
            [0x18, ref number @ ..] => {
                let mut rest = Reader::new(number);
                let number = rest.varint().map(|number| Self::Int(number as i64));
                if !rest.is_empty() {
                    return None;
                }
                number
            }
            [0x21, a, b, c, d, e, f, g, h] => Ok(Self::Float(f64::from_le_bytes([a, b, c, d, e, f, g, h]))),
            [0x3a, length @ 0..0x80, ref bytes @ ..] if bytes.len() == usize::from(length) => Ok(Self::Bytes(bytes)),
            _ => return None,
        })
    }

    /// Reads a value; of several that stand in one message the last counts, and `before` where there is none.
    #[inline]
    pub(crate) fn read(message: Reader<'a>, before: Self, unknown: &mut u64) -> Result<Self, Flaw> {
        let mut found = before;
        message.for_each(|number, wire| {
            found = match number {
                1 => Self::Str(wire.text()?),
                2 => Self::Bool(wire.varint()? != 0),
                3 => Self::Int(wire.varint()? as i64),
                4 => Self::Float(f64::from_bits(wire.fixed64()?)),
                5 => Self::List(wire.message()?),
                6 => Self::Map(wire.message()?),
                7 => Self::Bytes(wire.bytes()?),
                _ => {
                    *unknown += 1;
                    return Ok(());
                }
            };
            Ok(())
        })?;
        Ok(found)
    }

    /// Puts the value's texts into a batch.
    #[inline]
    pub(crate) fn intern(self, builder: &mut BatchBuilder, unknown: &mut u64) -> Result<Scalar, Flaw> {
        Ok(match self {
            Self::Empty => Scalar::Null,
            Self::Str(text) if text.len() <= INTERNED_TEXT => Scalar::Str(builder.intern(text)),
            Self::Str(text) => Scalar::Str(builder.push_bytes(text.as_bytes())),
            Self::Bool(flag) => Scalar::Bool(flag),
            Self::Int(int) => Scalar::Int(int),
            Self::Float(float) => Scalar::Float(float),
            Self::Bytes(bytes) => Scalar::Bytes(builder.push_bytes(bytes)),
            nested @ (Self::List(_) | Self::Map(_)) => builder.scalar(&nested.to_owned(DEPTH, unknown)?),
        })
    }

    /// Returns the value, owned, if no more than `depth` lists and maps lie in one another.
    pub(crate) fn to_owned(self, depth: usize, unknown: &mut u64) -> Result<AttributeValue, Flaw> {
        Ok(match self {
            Self::Empty => AttributeValue::Null,
            Self::Str(text) => AttributeValue::Str(text.to_owned()),
            Self::Bool(flag) => AttributeValue::Bool(flag),
            Self::Int(int) => AttributeValue::Int(int),
            Self::Float(float) => AttributeValue::Float(float),
            Self::Bytes(bytes) => AttributeValue::Bytes(bytes.to_vec()),
            Self::List(message) => AttributeValue::List(read_list(message, deeper(depth)?, unknown)?),
            Self::Map(message) => AttributeValue::Map(read_map(message, deeper(depth)?, unknown)?),
        })
    }
}

/// Texts up to this long are looked for in the arena; longer ones are most likely unique, in bytes.
const INTERNED_TEXT: usize = 64;

fn deeper(depth: usize) -> Result<usize, Flaw> {
    depth.checked_sub(1).ok_or(Flaw::Depth)
}

fn read_list(message: Reader<'_>, depth: usize, unknown: &mut u64) -> Result<Vec<AttributeValue>, Flaw> {
    let mut values = Vec::new();
    message.for_each(|number, wire| {
        match number {
            1 => values.push(AnyValue::read(wire.message()?, AnyValue::Empty, unknown)?.to_owned(depth, unknown)?),
            _ => *unknown += 1,
        }
        Ok(())
    })?;
    Ok(values)
}

fn read_map(message: Reader<'_>, depth: usize, unknown: &mut u64) -> Result<Attributes, Flaw> {
    let mut entries = Vec::new();
    message.for_each(|number, wire| {
        match number {
            1 => entries.push(read_entry(wire, depth, unknown)?),
            _ => *unknown += 1,
        }
        Ok(())
    })?;
    Ok(entries)
}

/// Reads an owned attribute.
pub(crate) fn read_entry(wire: Wire<'_>, depth: usize, unknown: &mut u64) -> Result<(String, AttributeValue), Flaw> {
    let entry = KeyValue::read(wire.bytes()?, "", unknown)?;
    Ok((entry.key.to_owned(), entry.value.to_owned(depth, unknown)?))
}
