//! Attributes as plain JSON, and back without a loss.

use std::fmt;

use flowglass_model::{AttributeValue, Attributes};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const BYTES: &str = "$bytes";
const FLOAT: &str = "$float";
const MAP: &str = "$map";

/// Attributes as an object: in their order, also where a key occurs twice.
pub(super) mod object {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(attributes: &Attributes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(attributes.iter().map(|(key, value)| (key, Plain(value))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Attributes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with attributes")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Attributes, A::Error> {
                entries(map)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// One value.
pub(super) mod plain {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &AttributeValue, serializer: S) -> Result<S::Ok, S::Error> {
        Plain(value).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AttributeValue, D::Error> {
        Ok(Read::deserialize(deserializer)?.0)
    }
}

struct Plain<'a>(&'a AttributeValue);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Str(text) => serializer.serialize_str(text),
            AttributeValue::Bool(flag) => serializer.serialize_bool(*flag),
            AttributeValue::Int(number) => serializer.serialize_i64(*number),
            AttributeValue::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            AttributeValue::Float(number) => special(serializer, FLOAT, &number.to_string()),
            AttributeValue::Bytes(bytes) => special(serializer, BYTES, &hex(bytes)),
            AttributeValue::List(values) => serializer.collect_seq(values.iter().map(Plain)),
            AttributeValue::Map(entries) if looks_special(entries) => special(serializer, MAP, &Pairs(entries)),
            AttributeValue::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, Plain(value)))),
            _ => serializer.serialize_unit(),
        }
    }
}

/// A map as a list of keys and values.
struct Pairs<'a>(&'a [(String, AttributeValue)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| (key, Plain(value))))
    }
}

fn special<S: Serializer>(serializer: S, key: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

/// Says whether a map would be read as something else.
fn looks_special(entries: &[(String, AttributeValue)]) -> bool {
    matches!(entries, [(key, _)] if key.starts_with('$'))
}

struct Read(AttributeValue);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of an attribute")
    }

    fn visit_unit<E>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<AttributeValue, E> {
        i64::try_from(number).map(AttributeValue::Int).map_err(|_| E::custom(format!("{number} is too large for an attribute")))
    }

    fn visit_f64<E>(self, number: f64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Str(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<AttributeValue, A::Error> {
        let mut list = Vec::new();
        while let Some(Read(value)) = values.next_element()? {
            list.push(value);
        }
        Ok(AttributeValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AttributeValue, A::Error> {
        let mut entries = entries(map)?;
        if !looks_special(&entries) {
            return Ok(AttributeValue::Map(entries));
        }
        let (key, value) = entries.remove(0);
        read_special(&key, value).ok_or_else(|| de::Error::custom(format!("`{key}` stands before a value that it can't have")))
    }
}

fn read_special(key: &str, value: AttributeValue) -> Option<AttributeValue> {
    match (key, value) {
        (BYTES, AttributeValue::Str(digits)) => unhex(&digits).map(AttributeValue::Bytes),
        (FLOAT, AttributeValue::Str(text)) => text.parse().ok().map(AttributeValue::Float),
        (MAP, AttributeValue::List(pairs)) => pairs.into_iter().map(pair).collect::<Option<_>>().map(AttributeValue::Map),
        _ => None,
    }
}

fn pair(value: AttributeValue) -> Option<(String, AttributeValue)> {
    let AttributeValue::List(both) = value else { return None };
    match <[AttributeValue; 2]>::try_from(both).ok()? {
        [AttributeValue::Str(key), value] => Some((key, value)),
        _ => None,
    }
}

fn entries<'de, A: MapAccess<'de>>(mut map: A) -> Result<Attributes, A::Error> {
    let mut entries = Vec::new();
    while let Some((key, Read(value))) = map.next_entry::<String, Read>()? {
        entries.push((key, value));
    }
    Ok(entries)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}
