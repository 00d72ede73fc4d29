//! Attributes as JSON for columns that people and indexes look into. What is exact stands beside it, in MessagePack.

use flowglass_model::{AttributeValue, Attributes};

/// Returns the attributes as an object: bytes become hexadecimal text, floats that JSON can't hold become text.
pub(super) fn object(attributes: &Attributes) -> String {
    let mut out = Vec::with_capacity(32 * attributes.len() + 2);
    put_object(&mut out, attributes);
    text_of(out)
}

/// Returns a value.
pub(super) fn value(value: &AttributeValue) -> String {
    let mut out = Vec::new();
    put(&mut out, value);
    text_of(out)
}

/// Returns an object with one key.
pub(super) fn pair(key: &str, value: &AttributeValue) -> String {
    let mut out = Vec::new();
    out.push(b'{');
    put_text(&mut out, key);
    out.push(b':');
    put(&mut out, value);
    out.push(b'}');
    text_of(out)
}

/// PostgreSQL's texts can't hold the letter of code 0: that of code 1 stands for it.
pub(super) fn storable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{1}").into() } else { text.into() }
}

/// Says whether a stored text is exactly this one, wherever both look the same.
pub(super) fn is_exact(text: &str) -> bool {
    !text.contains(['\0', '\u{1}'])
}

/// Returns what the entry at a place is called. The first of equal keys counts. The others have another name, so that what they say is
/// found all the same.
pub(super) fn name(entries: &[(String, AttributeValue)], at: usize) -> std::borrow::Cow<'_, str> {
    let key = &entries[at].0;
    match entries[..at].iter().filter(|(other, _)| other == key).count() {
        0 => key.into(),
        repeated => format!("{key}#{}", repeated + 1).into(),
    }
}

fn put_object(out: &mut Vec<u8>, entries: &[(String, AttributeValue)]) {
    out.push(b'{');
    for (at, (_, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put_text(out, &name(entries, at));
        out.push(b':');
        put(out, value);
    }
    out.push(b'}');
}

fn put(out: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::Str(text) => put_text(out, text),
        AttributeValue::List(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put(out, value);
            }
            out.push(b']');
        }
        AttributeValue::Map(entries) => put_object(out, entries),
        plain => put_json(out, &plain.to_json()),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_json(out, &storable(text));
}

/// Plain values always have a JSON form, and a vector takes all that is written into it.
fn put_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    let _ = serde_json::to_writer(out, value);
}

fn text_of(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_have_a_form() {
        let entry = |key: &str, value: AttributeValue| (key.to_owned(), value);
        let attributes = vec![
            entry("a\0", "x\0y".into()),
            entry("k", 1i64.into()),
            entry("k", AttributeValue::Float(f64::NEG_INFINITY)),
            entry("b", AttributeValue::Bytes(vec![0xab, 1])),
            entry("m", AttributeValue::Map(vec![entry("in", AttributeValue::List(vec![AttributeValue::Null, true.into()]))])),
        ];
        let json = object(&attributes);
        assert_eq!(json, r#"{"a\u0001":"x\u0001y","k":1,"k#2":"-inf","b":"ab01","m":{"in":[null,true]}}"#);
        assert_eq!(pair("k", &"v".into()), r#"{"k":"v"}"#);
        assert!(is_exact("größe") && !is_exact("a\0") && !is_exact("a\u{1}"));
    }
}
