//! Protobuf becomes JSON, field by field.

use super::scalar::{write_base64, write_hex};
use super::schema::{Field, Kind, Message};
use crate::Flaw;
use crate::proto::{Reader, Wire};

/// Writes a message in protobuf as JSON, behind what is in `out`. Fields that this version doesn't know are left out.
///
/// # Errors
/// If it isn't protobuf, or not this message.
pub(crate) fn from_protobuf(message: &'static Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Flaw> {
    write_message(message, Reader::new(bytes), out, 100)
}

fn write_message(message: &'static Message, fields: Reader<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Flaw> {
    let depth = depth.checked_sub(1).ok_or(Flaw::Depth)?;
    // Fields that were written: those of a list stand behind each other in JSON, wherever they stand in protobuf.
    let mut written = 0_u32;
    out.push(b'{');
    let mut rest = fields;
    while let Some((number, wire)) = rest.next()? {
        let Some(field) = message.field(number) else { continue };
        if written & 1 << number != 0 {
            continue;
        }
        write_name(field, written != 0, out);
        written |= 1 << number;
        if field.list {
            write_list(field, wire, rest, out, depth)?;
        } else {
            write_value(field.kind, wire, out, depth)?;
        }
    }
    let missing = move |field: &&Field| field.always && written & 1 << field.number == 0;
    for field in message.fields.iter().filter(missing) {
        write_name(field, written != 0, out);
        written |= 1 << field.number;
        out.extend_from_slice(if field.list { b"[]" } else { b"\"\"" });
    }
    out.push(b'}');
    Ok(())
}

fn write_name(field: &Field, is_later: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if is_later { b",\"" } else { b"\"" });
    out.extend_from_slice(field.name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_list(field: &Field, first: Wire<'_>, mut rest: Reader<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Flaw> {
    out.push(b'[');
    write_elements(field.kind, first, out, depth)?;
    while let Some((number, wire)) = rest.next()? {
        if number == field.number {
            write_elements(field.kind, wire, out, depth)?;
        }
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
    Ok(())
}

/// Writes one element of a list, or many that are packed into one field, each with a comma behind it.
fn write_elements(kind: Kind, wire: Wire<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Flaw> {
    let mut element = |wire| {
        write_value(kind, wire, out, depth)?;
        out.push(b',');
        Ok(())
    };
    match (kind, wire) {
        (Kind::Message(_) | Kind::Text | Kind::Id | Kind::Bytes, _) => element(wire),
        (Kind::Fixed64 | Kind::Sfixed64 | Kind::Double, Wire::Bytes(packed)) => {
            let (eights, odd) = packed.as_chunks::<8>();
            eights.iter().try_for_each(|bytes| element(Wire::Fixed64(u64::from_le_bytes(*bytes))))?;
            if odd.is_empty() { Ok(()) } else { Err(Flaw::Truncated) }
        }
        (_, Wire::Bytes(packed)) => {
            let mut packed = Reader::new(packed);
            while !packed.is_empty() {
                element(Wire::Varint(packed.varint()?))?;
            }
            Ok(())
        }
        _ => element(wire),
    }
}

fn write_value(kind: Kind, wire: Wire<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Flaw> {
    match kind {
        Kind::Message(message) => return write_message(message, wire.message()?, out, depth),
        Kind::Text => write_json(wire.text()?, out),
        Kind::Bool => write_json(&(wire.varint()? != 0), out),
        Kind::Int32 => write_json(&(wire.varint()? as i32), out),
        Kind::Uint32 => write_json(&(wire.varint()? as u32), out),
        Kind::Sint32 => write_json(&wire.sint32()?, out),
        Kind::Fixed32 => write_json(&wire.fixed32()?, out),
        Kind::Double => write_double(f64::from_bits(wire.fixed64()?), out),
        Kind::Id | Kind::Bytes | Kind::Int64 | Kind::Uint64 | Kind::Fixed64 | Kind::Sfixed64 => {
            out.push(b'"');
            write_quoted(kind, wire, out)?;
            out.push(b'"');
        }
    }
    Ok(())
}

/// Writes what is text in JSON, though it isn't in protobuf.
fn write_quoted(kind: Kind, wire: Wire<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    match kind {
        Kind::Id => write_hex(wire.bytes()?, out),
        Kind::Bytes => write_base64(wire.bytes()?, out),
        Kind::Int64 => write_json(&(wire.varint()? as i64), out),
        Kind::Uint64 => write_json(&wire.varint()?, out),
        Kind::Sfixed64 => write_json(&(wire.fixed64()? as i64), out),
        _ => write_json(&wire.fixed64()?, out),
    }
    Ok(())
}

fn write_double(number: f64, out: &mut Vec<u8>) {
    match number {
        number if number.is_finite() => write_json(&number, out),
        number if number.is_nan() => out.extend_from_slice(b"\"NaN\""),
        number if number > 0.0 => out.extend_from_slice(b"\"Infinity\""),
        _ => out.extend_from_slice(b"\"-Infinity\""),
    }
}

fn write_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Neither writing into memory nor a text, a number or a flag can fail.
    let _ = serde_json::to_writer(out, value);
}
