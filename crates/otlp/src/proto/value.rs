//! Attributes and their values (`KeyValue`, `AnyValue`), both directions.

use flowglass_model::{Arena, AttributeValue, Attributes, BatchBuilder, Scalar, Sym};

use super::reader::{Reader, Wire};
use super::writer::{Gap, Writer, varint_len};
use crate::Flaw;
use crate::limits::DEPTH;

/// Writes an attribute of a row as a field `number` of type `KeyValue`.
#[inline]
pub(crate) fn write_scalar(w: &mut Writer<'_>, number: u32, arena: &Arena, key: Sym, value: Scalar) {
    let key = arena.bytes(key);
    match value {
        Scalar::Str(sym) => write_bytes(w, number, key, 1, arena.bytes(sym)),
        Scalar::Bytes(sym) => write_bytes(w, number, key, 7, arena.bytes(sym)),
        Scalar::Bool(flag) => {
            write_head(w, number, key, 2);
            w.always_uint(2, u64::from(flag));
        }
        Scalar::Int(int) => {
            write_head(w, number, key, 1 + varint_len(int as u64));
            w.always_uint(3, int as u64);
        }
        Scalar::Float(float) => {
            write_head(w, number, key, 9);
            w.always_fixed64(4, float.to_bits());
        }
        Scalar::Nested(json) => write_owned(w, number, key, &nested(arena.bytes(json))),
        // Also a kind of value that this version doesn't know keeps its key.
        _ => write_head(w, number, key, 0),
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
        write_owned(w, number, key.as_bytes(), value);
    }
}

/// Writes a text attribute as a field `number` of type `KeyValue`.
pub(crate) fn write_text(w: &mut Writer<'_>, number: u32, key: &str, value: &str) {
    write_bytes(w, number, key.as_bytes(), 1, value.as_bytes());
}

/// Writes an attribute whose value is of length-delimited kind.
#[inline]
fn write_bytes(w: &mut Writer<'_>, number: u32, key: &[u8], kind: u32, value: &[u8]) {
    write_head(w, number, key, 1 + varint_len(value.len() as u64) + value.len());
    w.always_bytes(kind, value);
}

/// Writes everything of an attribute but its value, which will have `length` bytes.
#[inline]
fn write_head(w: &mut Writer<'_>, number: u32, key: &[u8], length: usize) {
    let of_key = 1 + varint_len(key.len() as u64) + key.len();
    w.length(number, of_key + 1 + varint_len(length as u64) + length);
    w.always_bytes(1, key);
    w.length(2, length);
}

/// Returns a value that lies in a column as JSON; as its text where it can't be read.
fn nested(json: &[u8]) -> AttributeValue {
    serde_json::from_slice(json).unwrap_or_else(|_| AttributeValue::Str(String::from_utf8_lossy(json).into_owned()))
}

fn write_owned(w: &mut Writer<'_>, number: u32, key: &[u8], value: &AttributeValue) {
    w.message(number, Gap::Two, |w| {
        w.bytes(1, key);
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
    #[inline]
    pub(crate) fn read(message: Reader<'a>, unknown: &mut u64) -> Result<Self, Flaw> {
        let mut found = Self { key: "", value: AnyValue::Empty };
        message.for_each(|number, wire| {
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

impl<'a> AnyValue<'a> {
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
pub(super) const INTERNED_TEXT: usize = 64;

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
    let entry = KeyValue::read(wire.message()?, unknown)?;
    Ok((entry.key.to_owned(), entry.value.to_owned(depth, unknown)?))
}
