//! JSON becomes protobuf, field by field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::said::Said;
use super::scalar::Json;
use super::schema::{Field, Kind, Message};
use crate::proto::{Gap, Writer};
use crate::{DecodeError, Flaw, Rejected};

/// What was left out on the way.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    pub(crate) unknown_fields: u64,
    pub(crate) rejected: Rejected,
    /// What the last error was about, where it was about OTLP rather than JSON.
    flaw: Option<Flaw>,
}

/// Writes a message in JSON as protobuf. Items that are wrong in themselves are left out.
///
/// # Errors
/// If it isn't JSON, or what is around the items isn't OTLP.
pub(crate) fn to_protobuf(message: &'static Message, json: &[u8], out: &mut Vec<u8>) -> Result<LeftOut, DecodeError> {
    let mut left_out = LeftOut::default();
    let text = std::str::from_utf8(json).map_err(|_| Flaw::Utf8)?;
    match transcode(message, text, out, &mut left_out) {
        Ok(()) => Ok(left_out),
        Err(flaw) => Err(flaw.into()),
    }
}

fn transcode(message: &'static Message, text: &str, out: &mut Vec<u8>, left_out: &mut LeftOut) -> Result<(), Flaw> {
    left_out.flaw = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = Whole { message, out, left_out };
    let read = seed.deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|_| left_out.flaw.take().unwrap_or(Flaw::Json))
}

/// A message whose fields go behind what is in `out`. `null` is a message without fields.
struct Whole<'o> {
    message: &'static Message,
    out: &'o mut Vec<u8>,
    left_out: &'o mut LeftOut,
}

/// The value of a field.
struct Value<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
    left_out: &'o mut LeftOut,
}

/// One of the values of a field.
struct Single<'o>(Value<'o>);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// Some write a list or a map of values without `values` around it: the definition's own example of an event does.
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        match self.message.fields {
            [field] if field.list && field.name == "values" => {
                Value { field, out: self.out, left_out: self.left_out }.visit_seq(list)
            }
            _ => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match self.message.named(&name) {
                Some(field) => map.next_value_seed(Value { field, out: self.out, left_out: self.left_out })?,
                None => self.left_out.unknown_fields += u64::from(map.next_value::<Said>()?.0),
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.field.list { deserializer.deserialize_any(self) } else { Single(self).deserialize(deserializer) }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { field, out, left_out } = self;
        if let Kind::Message(message) = field.kind
            && let Some(item) = message.item
        {
            while let Some(raw) = list.next_element::<&'de RawValue>()? {
                read_item(field.number, message, item, raw, out, left_out);
            }
            return Ok(());
        }
        while list.next_element_seed(Single(Value { field, out, left_out }))?.is_some() {}
        Ok(())
    }
}

/// Reads an item whole or not at all.
fn read_item(number: u32, message: &'static Message, item: &str, raw: &RawValue, out: &mut Vec<u8>, left_out: &mut LeftOut) {
    let start = out.len();
    let opened = Writer::new(out).open(number, Gap::Two);
    match transcode(message, raw.get(), out, left_out) {
        Ok(()) => Writer::new(out).close(opened, Gap::Two),
        Err(flaw) => {
            out.truncate(start);
            left_out.rejected.push(item, &name_of(raw), 1, flaw);
        }
    }
}

/// Returns the name of an item that is wrong in some way, as far as it can be read.
fn name_of(raw: &RawValue) -> String {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    match fields.remove("name") {
        Some(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

impl<'de> DeserializeSeed<'de> for Single<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Value { field, out, left_out } = self.0;
        match field.kind {
            Kind::Message(message) => {
                let opened = Writer::new(out).open(field.number, Gap::Two);
                Whole { message, out, left_out }.deserialize(deserializer)?;
                Writer::new(out).close(opened, Gap::Two);
                Ok(())
            }
            kind => {
                let Some(json) = deserializer.deserialize_any(Scalar)? else { return Ok(()) };
                json.write(field.number, kind, &mut Writer::new(out)).map_err(|flaw| {
                    left_out.flaw = Some(flaw);
                    D::Error::custom(flaw)
                })
            }
        }
    }
}

/// A value that holds no others, or nothing for `null`.
struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Option<Json<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(Json::Bool(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Json::Int(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Json::Int(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Json::Float(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Json::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Json::Text(Cow::Owned(text.to_owned()))))
    }
}
