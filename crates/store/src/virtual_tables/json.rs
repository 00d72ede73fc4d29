//! Attributes as JSON: what `attributes ->> 'key'` looks into.

use flowglass_model::{AttributeColumns, AttributeValue, Attributes, Batch, Scalar, Sym};

/// Iterates over the attributes of a row.
pub(super) fn pairs(columns: &AttributeColumns, row: usize) -> impl Iterator<Item = (Sym, Scalar)> + '_ {
    let end_of = |row: usize| columns.ends.get(row).map_or(0, |end| *end as usize);
    let range = row.checked_sub(1).map_or(0, end_of)..end_of(row);
    columns.keys[range.clone()].iter().copied().zip(columns.values[range].iter().copied())
}

/// Writes the attributes of a row as an object: bytes become hexadecimal text, floats that JSON can't hold become text.
pub(super) fn object(batch: &Batch, columns: &AttributeColumns, row: usize) -> String {
    let mut out = b"{".to_vec();
    for (key, value) in pairs(columns, row) {
        put_key(&mut out, batch.arena.text(key));
        put(&mut out, batch, value);
    }
    finish(out)
}

/// Writes attributes as an object.
pub(super) fn owned(attributes: &Attributes) -> String {
    let mut out = b"{".to_vec();
    for (key, value) in attributes {
        put_key(&mut out, key);
        put_json(&mut out, &value.to_json());
    }
    finish(out)
}

/// Returns the plain JSON of a list or a map that lies in a batch.
pub(super) fn nested(stored: &[u8]) -> String {
    serde_json::from_slice::<AttributeValue>(stored).map_or_else(|_| "null".to_owned(), |value| value.to_json().to_string())
}

fn finish(mut out: Vec<u8>) -> String {
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}

fn put_key(out: &mut Vec<u8>, key: &str) {
    if out.len() > 1 {
        out.push(b',');
    }
    put_json(out, &key);
    out.push(b':');
}

fn put(out: &mut Vec<u8>, batch: &Batch, value: Scalar) {
    match value {
        Scalar::Str(sym) => put_json(out, &batch.arena.text(sym)),
        Scalar::Bool(flag) => put_json(out, &flag),
        Scalar::Int(number) => put_json(out, &number),
        Scalar::Float(number) => put_json(out, &AttributeValue::Float(number).to_json()),
        Scalar::Bytes(sym) => put_json(out, &AttributeValue::Bytes(batch.arena.bytes(sym).to_vec()).to_json()),
        Scalar::Nested(sym) => out.extend_from_slice(nested(batch.arena.bytes(sym)).as_bytes()),
        _ => out.extend_from_slice(b"null"),
    }
}

/// Plain values always have a JSON form, and a vector takes all that is written into it.
fn put_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let _ = serde_json::to_writer(out, value);
}
