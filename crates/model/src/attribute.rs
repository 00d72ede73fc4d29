//! Attribute values: OpenTelemetry's set of types, owned.

use serde::{Deserialize, Serialize};

/// Keys and values of a span, an event or a resource, in the order in which they were set.
pub type Attributes = Vec<(String, AttributeValue)>;

/// A value of an attribute: what OTLP's `AnyValue` can hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AttributeValue {
    /// Nothing: given, and empty.
    #[default]
    Null,
    /// Text.
    Str(String),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(#[serde(with = "any_float")] f64),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<AttributeValue>),
    /// Keys and values.
    Map(Vec<(String, AttributeValue)>),
}

impl AttributeValue {
    /// Returns the text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the whole number, if this is one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the number, whole or not, if this is one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a reader of numbers accepts what f64 can hold")]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the value as plain JSON: bytes become hexadecimal text, floats that JSON can't hold become text.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Str(text) => Value::String(text.clone()),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Int(number) => Value::from(*number),
            Self::Float(number) => {
                serde_json::Number::from_f64(*number).map_or_else(|| Value::String(number.to_string()), Value::Number)
            }
            Self::Bytes(bytes) => Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            Self::List(values) => Value::Array(values.iter().map(Self::to_json).collect()),
            Self::Map(entries) => Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect()),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident $(via $into:ty)?),+ $(,)?) => {
        $(impl From<$from> for AttributeValue {
            fn from(value: $from) -> Self {
                Self::$variant(value $(as $into)?.into())
            }
        })+
    };
}

from!(&str => Str, String => Str, bool => Bool, i64 => Int, i32 => Int, u32 => Int, u8 => Int, f64 => Float, Vec<u8> => Bytes, &[u8] => Bytes);

/// Floating-point numbers that JSON has no form for are texts there; other formats have one for each.
mod any_float {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && !number.is_finite() {
            serializer.collect_str(number)
        } else {
            serializer.serialize_f64(*number)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
        }
        if !deserializer.is_human_readable() {
            return f64::deserialize(deserializer);
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(number),
            Form::Text(text) => text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_know_come_back() {
        for number in [f64::INFINITY, f64::NEG_INFINITY, 0.1, -0.0, 1e300] {
            let value = AttributeValue::List(vec![AttributeValue::Float(number)]);
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<AttributeValue>(&json).unwrap(), value, "{json}");
        }
        let json = serde_json::to_string(&AttributeValue::Float(f64::NAN)).unwrap();
        assert!(matches!(serde_json::from_str(&json), Ok(AttributeValue::Float(number)) if number.is_nan()));
    }
}
