//! JSON read as values, in the order in which it stands there: neither more nor less than JSON says.

use std::fmt;

use flowglass_model::AttributeValue;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// An object as it stands in JSON.
pub(super) struct Object(pub(super) Vec<(String, AttributeValue)>);

impl Object {
    /// Reads an object, which has so many entries as far as is known.
    pub(super) fn read(json: &str, expected: usize) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let object = reader.deserialize_map(Entries { expected })?;
        reader.end().map(|()| object)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries { expected: 0 })
    }
}

struct Entries {
    expected: usize,
}

impl<'de> Visitor<'de> for Entries {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut entries = Vec::with_capacity(self.expected);
        while let Some((key, Plain(value))) = map.next_entry()? {
            entries.push((key, value));
        }
        Ok(Object(entries))
    }
}

/// A value as it stands in JSON.
struct Plain(AttributeValue);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Int(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "only a float is as large")]
    fn visit_u64<E>(self, number: u64) -> Result<AttributeValue, E> {
        Ok(i64::try_from(number).map_or(AttributeValue::Float(number as f64), AttributeValue::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Str(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AttributeValue, A::Error> {
        let mut values = Vec::new();
        while let Some(Plain(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(AttributeValue::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AttributeValue, A::Error> {
        Entries { expected: 0 }.visit_map(map).map(|Object(entries)| AttributeValue::Map(entries))
    }
}
