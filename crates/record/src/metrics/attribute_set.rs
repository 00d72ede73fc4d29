//! Sets of attributes: what tells the series of a metric apart. The order in which they are given doesn't matter.

use std::hash::{Hash, Hasher};

use flowglass_model::{AttributeValue, Attributes};

use crate::Value;
use crate::id_hash::IdHasher;

/// Returns a number that is the same for equal sets.
pub(super) fn hash(set: &[(&str, Value<'_>)]) -> u64 {
    set.iter().filter(|(_, value)| *value != Value::None).fold(0, |all, (key, value)| all.wrapping_add(hash_one(key, value)))
}

/// Returns the set, owned; of two with one key the later one counts.
pub(super) fn owned(set: &[(&str, Value<'_>)]) -> Attributes {
    let mut attributes = Attributes::new();
    for (key, value) in set {
        let Some(value) = value.to_attribute() else { continue };
        match attributes.iter_mut().find(|(known, _)| known == key) {
            Some(slot) => slot.1 = value,
            None => attributes.push(((*key).to_owned(), value)),
        }
    }
    attributes
}

/// Says whether a set is this one.
pub(super) fn is_same(set: &[(&str, Value<'_>)], attributes: &Attributes) -> bool {
    let given = || set.iter().filter(|(_, value)| *value != Value::None);
    let is_in = |(key, value): &(&str, Value<'_>)| {
        attributes.iter().any(|(known, known_value)| known == key && is_equal(value, known_value))
    };
    given().count() == attributes.len() && given().all(is_in)
}

fn is_equal(value: &Value<'_>, known: &AttributeValue) -> bool {
    match (value, known) {
        (Value::Str(text), AttributeValue::Str(known)) => text == known,
        (Value::Int(number), AttributeValue::Int(known)) => number == known,
        (Value::Float(number), AttributeValue::Float(known)) => number.to_bits() == known.to_bits(),
        (value, known) => value.to_attribute().as_ref() == Some(known),
    }
}

fn hash_one(key: &str, value: &Value<'_>) -> u64 {
    let mut hasher = IdHasher::default();
    hasher.write(key.as_bytes());
    match value {
        Value::None => {}
        Value::Bool(flag) => hasher.write_u64(u64::from(*flag)),
        Value::Int(number) => hasher.write_u64(number.cast_unsigned()),
        Value::Float(number) => hasher.write_u64(number.to_bits()),
        Value::Str(text) => hasher.write(text.as_bytes()),
        Value::Bytes(bytes) => hasher.write(bytes),
        Value::Json(value) => value.to_json().to_string().hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_values_do() {
        let (one, other) = ([("a", Value::Int(1)), ("b", Value::Str("x"))], [("b", Value::Str("x")), ("a", Value::Int(1))]);
        assert!(hash(&one) == hash(&other) && is_same(&other, &owned(&one)));
        for different in [&[("a", Value::Int(2)), ("b", Value::Str("x"))][..], &one[..1], &[]] {
            assert!(hash(&one) != hash(different) && !is_same(different, &owned(&one)));
        }
    }

    #[test]
    fn nothing_and_what_comes_twice_count_once() {
        let set = [("a", Value::Int(1)), ("none", Value::None)];
        assert!(is_same(&set, &owned(&set)) && hash(&set) == hash(&set[..1]));
        assert_eq!(owned(&[("a", Value::Int(1)), ("a", Value::Float(f64::NAN))]).len(), 1);
        let not_a_number = [("a", Value::Float(f64::NAN))];
        assert!(is_same(&not_a_number, &owned(&not_a_number)));
    }
}
