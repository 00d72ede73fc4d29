//! The canonical serialised form of a value, as it is fed into a key.

use std::fmt;

use serde::Serialize;
use serde::ser;

use super::key::{KeyDigest, KeyHasher, Tag};

/// The error of a value's own `Serialize`.
#[derive(Debug)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl ser::Error for KeyError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

macro_rules! numbers {
    ($($method:ident: $t:ty => $tag:ident as $wide:ty),+ $(,)?) => {
        $(fn $method(self, value: $t) -> Result<(), KeyError> {
            self.tag(Tag::$tag);
            self.raw(&<$wide>::from(value).to_le_bytes());
            Ok(())
        })+
    };
}

impl<'a> ser::Serializer for &'a mut KeyHasher {
    type Ok = ();
    type Error = KeyError;
    type SerializeSeq = Sequence<'a>;
    type SerializeTuple = Sequence<'a>;
    type SerializeTupleStruct = Sequence<'a>;
    type SerializeTupleVariant = Sequence<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Sequence<'a>;
    type SerializeStructVariant = Sequence<'a>;

    numbers!(
        serialize_i8: i8 => Int as i128, serialize_i16: i16 => Int as i128, serialize_i32: i32 => Int as i128,
        serialize_i64: i64 => Int as i128, serialize_i128: i128 => Int as i128,
        serialize_u8: u8 => Uint as u128, serialize_u16: u16 => Uint as u128, serialize_u32: u32 => Uint as u128,
        serialize_u64: u64 => Uint as u128, serialize_u128: u128 => Uint as u128,
    );

    fn serialize_bool(self, value: bool) -> Result<(), KeyError> {
        self.tag(Tag::Bool);
        self.raw(&[u8::from(value)]);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), KeyError> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), KeyError> {
        self.tag(Tag::Float);
        self.raw(&value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), KeyError> {
        self.tag(Tag::Char);
        self.raw(&u32::from(value).to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), KeyError> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), KeyError> {
        self.bytes(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), KeyError> {
        self.tag(Tag::None);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), KeyError> {
        self.tag(Tag::Some);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), KeyError> {
        self.tag(Tag::Unit);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), KeyError> {
        self.tagged(Tag::Struct, name.as_bytes());
        self.tag(Tag::End);
        Ok(())
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Result<(), KeyError> {
        self.tagged(Tag::Variant, name.as_bytes());
        self.text(variant);
        self.tag(Tag::End);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), KeyError> {
        self.tagged(Tag::Struct, name.as_bytes());
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), KeyError> {
        self.tagged(Tag::Variant, name.as_bytes());
        self.text(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Sequence<'a>, KeyError> {
        self.tag(Tag::List);
        Ok(Sequence(self))
    }

    fn serialize_tuple(self, _: usize) -> Result<Sequence<'a>, KeyError> {
        self.tag(Tag::Tuple);
        Ok(Sequence(self))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Sequence<'a>, KeyError> {
        self.tagged(Tag::Struct, name.as_bytes());
        Ok(Sequence(self))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Sequence<'a>, KeyError> {
        self.tagged(Tag::Variant, name.as_bytes());
        self.text(variant);
        Ok(Sequence(self))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, KeyError> {
        self.tag(Tag::Map);
        Ok(Entries { hasher: self, entry: KeyHasher::default(), digests: Vec::new() })
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Sequence<'a>, KeyError> {
        self.tagged(Tag::Struct, name.as_bytes());
        Ok(Sequence(self))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Sequence<'a>, KeyError> {
        self.tagged(Tag::Variant, name.as_bytes());
        self.text(variant);
        Ok(Sequence(self))
    }
}

/// Parts in a given order.
pub struct Sequence<'a>(&'a mut KeyHasher);

macro_rules! sequence {
    ($($tr:ident :: $method:ident),+) => {
        $(impl ser::$tr for Sequence<'_> {
            type Ok = ();
            type Error = KeyError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
                value.serialize(&mut *self.0)
            }
            fn end(self) -> Result<(), KeyError> {
                self.0.tag(Tag::End);
                Ok(())
            }
        })+
    };
}

sequence!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($tr:ident),+) => {
        $(impl ser::$tr for Sequence<'_> {
            type Ok = ();
            type Error = KeyError;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), KeyError> {
                self.0.label(key);
                value.serialize(&mut *self.0)
            }
            fn end(self) -> Result<(), KeyError> {
                self.0.tag(Tag::End);
                Ok(())
            }
        })+
    };
}

fields!(SerializeStruct, SerializeStructVariant);

/// Entries of a map, put into the order of their digests at the end.
pub struct Entries<'a> {
    hasher: &'a mut KeyHasher,
    /// The key of one entry, used anew for each.
    entry: KeyHasher,
    digests: Vec<KeyDigest>,
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = KeyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), KeyError> {
        key.serialize(&mut self.entry)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        value.serialize(&mut self.entry)?;
        self.digests.push(self.entry.digest());
        Ok(())
    }

    fn end(mut self) -> Result<(), KeyError> {
        self.digests.sort_unstable();
        self.hasher.raw(&(self.digests.len() as u64).to_le_bytes());
        for digest in &self.digests {
            self.hasher.raw(digest);
        }
        Ok(())
    }
}
