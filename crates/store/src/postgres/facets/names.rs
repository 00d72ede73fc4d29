//! How keys and values stand in the table `facet`: what its function `facets_of` says of a row, this says of a record.

use std::fmt::Write;

use flowglass_model::AttributeValue;

use super::super::json::storable;

/// Longer keys and values are not counted.
const MOST_BYTES: usize = 200;
/// Any value at all.
pub(super) const ANY: &str = "?";
/// Says of a key that it has too many values to be counted by value.
pub(super) const MANY: &str = "*";
/// What the keys of attributes begin with. By itself, with too many values, it says that there are too many attributes to be counted.
pub(super) const ATTRIBUTES: &str = ".";
/// Every span.
pub(in super::super) const EVERY: &str = "";

/// Returns the key of an attribute; nothing where it is not counted.
pub(in super::super) fn attribute(key: &str) -> Option<String> {
    Some(format!("{ATTRIBUTES}{}", storable(key))).filter(|key| key.len() <= MOST_BYTES)
}

/// Returns a text as a value; nothing where it is not counted.
pub(in super::super) fn text(text: &str) -> Option<String> {
    let mut out = String::new();
    put_text(&mut out, text).then_some(out)
}

/// Puts a text in place of what is there; says whether it is counted.
pub(super) fn put_text(out: &mut String, text: &str) -> bool {
    out.clear();
    out.push('s');
    out.push_str(&storable(text));
    out.len() <= MOST_BYTES
}

/// Returns the value of an attribute; nothing where it is not counted.
pub(in super::super) fn value(value: &AttributeValue) -> Option<String> {
    let mut out = String::new();
    put(&mut out, value).then_some(out)
}

/// Puts the value of an attribute in place of what is there; says whether it is counted.
pub(super) fn put(out: &mut String, value: &AttributeValue) -> bool {
    out.clear();
    let written = match value {
        AttributeValue::Str(text) => return put_text(out, text),
        AttributeValue::Bytes(bytes) if bytes.len() * 2 >= MOST_BYTES => return false,
        AttributeValue::Bytes(bytes) => {
            out.push('s');
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        AttributeValue::Bool(truth) => write!(out, "b{truth}"),
        AttributeValue::Int(number) => write!(out, "n{number}"),
        // Numbers of the server have no sign where they are zero.
        AttributeValue::Float(number) if number.is_finite() => write!(out, "n{}", number + 0.0),
        AttributeValue::Float(number) => write!(out, "s{number}"),
        AttributeValue::Null => write!(out, "z"),
        _ => return false,
    };
    written.is_ok() && out.len() <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_equal_each_other_are_called_the_same() {
        let named = |value: AttributeValue| super::value(&value);
        assert_eq!(named(1i64.into()), named(1.0.into()));
        assert_eq!(named((-0.0).into()).as_deref(), Some("n0"));
        assert_eq!(named(1e16.into()).as_deref(), Some("n10000000000000000"));
        assert_eq!(named(AttributeValue::Bytes(vec![0xab, 1])), text("ab01"));
        assert_ne!(named("1".into()), named(1i64.into()));
        assert_eq!(named(f64::INFINITY.into()), text("inf"));
        assert_eq!(named("a\0".into()), named("a\u{1}".into()));
    }

    #[test]
    fn what_is_long_or_has_parts_is_not_counted() {
        let long = "x".repeat(MOST_BYTES);
        assert_eq!((attribute(&long), text(&long), value(&long.as_str().into())), (None, None, None));
        assert_eq!(value(&AttributeValue::Bytes(vec![0; MOST_BYTES / 2])), None);
        assert_eq!(value(&AttributeValue::Float(f64::MIN_POSITIVE)), None);
        assert_eq!(value(&AttributeValue::List(Vec::new())), None);
    }
}
