//! Attribute values on their way into a record: typed and borrowed, so that giving one allocates nothing.

use flowglass_model::AttributeValue;

/// A value of an attribute, borrowed from its caller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// No value: the attribute is left out.
    None,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text; copied into the record, cut off behind 16 KiB.
    Str(&'a str),
    /// Raw bytes; copied into the record, cut off behind 16 KiB.
    Bytes(&'a [u8]),
    /// Any value, also nested ones. Lists and maps take a slower path that allocates.
    Json(&'a AttributeValue),
}

impl Value<'_> {
    /// Returns the value, owned; nothing for none.
    #[must_use]
    pub fn to_attribute(&self) -> Option<AttributeValue> {
        Some(match *self {
            Self::None => return None,
            Self::Bool(flag) => flag.into(),
            Self::Int(number) => number.into(),
            Self::Float(number) => number.into(),
            Self::Str(text) => text.into(),
            Self::Bytes(bytes) => bytes.into(),
            Self::Json(value) => value.clone(),
        })
    }
}

/// What can be the value of an attribute; lends itself.
pub trait ToValue {
    /// Returns the value.
    fn to_value(&self) -> Value<'_>;
}

macro_rules! to_value {
    ($($plain:ty),+ $(,)?) => {
        $(impl ToValue for $plain {
            #[inline]
            fn to_value(&self) -> Value<'_> {
                Value::from(*self)
            }
        })+
    };
}

to_value!(bool, i32, i64, u32, u64, usize, f32, f64);

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Str(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Str(self)
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for AttributeValue {
    fn to_value(&self) -> Value<'_> {
        Value::Json(self)
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::None, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for std::sync::Arc<T> {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Box<T> {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr),+ $(,)?) => {
        $(impl<'a> From<$from> for Value<'a> {
            #[inline]
            fn from($value: $from) -> Self {
                $into
            }
        })+
    };
}

from!(
    bool => |value| Value::Bool(value),
    i64 => |value| Value::Int(value),
    i32 => |value| Value::Int(value.into()),
    u32 => |value| Value::Int(value.into()),
    u64 => |value| Value::Int(i64::try_from(value).unwrap_or(i64::MAX)),
    usize => |value| Value::Int(i64::try_from(value).unwrap_or(i64::MAX)),
    f64 => |value| Value::Float(value),
    f32 => |value| Value::Float(value.into()),
    &'a str => |value| Value::Str(value),
    &'a String => |value| Value::Str(value),
    &'a [u8] => |value| Value::Bytes(value),
    &'a AttributeValue => |value| Value::Json(value),
);

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_types_become_values() {
        assert_eq!(Value::from(3_u32), Value::Int(3));
        assert_eq!(Value::from(u64::MAX), Value::Int(i64::MAX));
        assert_eq!(Value::from(0.5_f32), Value::Float(0.5));
        assert_eq!(Value::from(Some("x")), Value::Str("x"));
        assert_eq!(Value::from(None::<bool>), Value::None);
    }
}
