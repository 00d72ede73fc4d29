//! Cache keys of values: one canonical form, so that equal values have equal keys and unequal ones don't.
//!
//! Every part is written with a tag of its kind and its length, so `1`, `"1"`, `true`, `[1]` and `(1,)` are five things.
//! Maps and sets are hashed by their entries in the order of the entries' digests, so iteration order doesn't matter.

use std::fmt;

use serde::Serialize;
use serde::ser;

use super::ValueError;

/// A value that knows what makes it equal for a cache: a client by its address and model, not by its connection.
///
/// Leave secrets out: keys are stored in plain.
pub trait CacheKey {
    /// Returns a text that is equal for two values exactly if a computation with the one may stand for one with the other.
    fn cache_key(&self) -> String;
}

/// The digest of a key: 32 bytes of BLAKE3.
pub type KeyDigest = [u8; 32];

/// Feeds values into a digest.
pub struct KeyHasher {
    hasher: blake3::Hasher,
    // Small parts are gathered, because BLAKE3 has a cost a call.
    buffer: Vec<u8>,
}

const BUFFER_BYTES: usize = 4096;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Tag {
    Unit = 1,
    Bool,
    Int,
    Uint,
    Float,
    Char,
    Str,
    Bytes,
    None,
    Some,
    List,
    Tuple,
    Map,
    Struct,
    Variant,
    End,
    Own,
    Label,
}

impl Default for KeyHasher {
    fn default() -> Self {
        Self { hasher: blake3::Hasher::new(), buffer: Vec::with_capacity(256) }
    }
}

impl KeyHasher {
    /// Feeds a part that says what the next ones are.
    pub fn label(&mut self, label: &str) {
        self.tagged(Tag::Label, label.as_bytes());
    }

    /// Feeds raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.tagged(Tag::Bytes, bytes);
    }

    /// Feeds text.
    pub fn text(&mut self, text: &str) {
        self.tagged(Tag::Str, text.as_bytes());
    }

    /// Feeds the head of a list of this many values; the values follow.
    pub fn list(&mut self, length: usize) {
        self.tag(Tag::List);
        self.raw(&(length as u64).to_le_bytes());
    }

    /// Feeds a value by its serialised form.
    ///
    /// # Errors
    /// If the value's `Serialize` fails.
    pub fn serialize<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        value.serialize(&mut *self).map_err(|error| ValueError::new(format!("no cache key: {}", error.0)))
    }

    /// Feeds a value by the key that its type gives.
    pub fn own_key(&mut self, type_name: &str, key: &str) {
        self.tagged(Tag::Own, type_name.as_bytes());
        self.text(key);
    }

    /// Returns the digest of everything fed.
    #[must_use]
    pub fn finish(mut self) -> KeyDigest {
        self.flush();
        *self.hasher.finalize().as_bytes()
    }

    fn flush(&mut self) {
        self.hasher.update(&self.buffer);
        self.buffer.clear();
    }

    fn raw(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush();
        }
        if bytes.len() > BUFFER_BYTES {
            self.hasher.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.raw(&[tag as u8]);
    }

    fn tagged(&mut self, tag: Tag, bytes: &[u8]) {
        self.tag(tag);
        self.raw(&(bytes.len() as u64).to_le_bytes());
        self.raw(bytes);
    }
}

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
        Ok(Entries { hasher: self, entry: None, digests: Vec::new() })
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
    entry: Option<KeyHasher>,
    digests: Vec<KeyDigest>,
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = KeyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), KeyError> {
        let mut entry = KeyHasher::default();
        key.serialize(&mut entry)?;
        self.entry = Some(entry);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        let mut entry = self.entry.take().unwrap_or_default();
        value.serialize(&mut entry)?;
        self.digests.push(entry.finish());
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn digest<T: Serialize + ?Sized>(value: &T) -> KeyDigest {
        let mut hasher = KeyHasher::default();
        hasher.serialize(value).unwrap();
        hasher.finish()
    }

    #[test]
    fn types_that_look_alike_have_keys_of_their_own() {
        let keys = [
            digest(&1i64),
            digest("1"),
            digest(&true),
            digest(&[1i64][..]),
            digest(&(1i64,)),
            digest(&1u64),
            digest(&1.0),
            digest(&'1'),
            digest(&Some(1i64)),
            digest(&None::<i64>),
            digest(&()),
            digest(&vec![vec![1i64]]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(key), "{at}");
        }
    }

    #[test]
    fn boundaries_matter() {
        assert_ne!(digest(&["ab", "c"][..]), digest(&["a", "bc"][..]));
        assert_ne!(digest(&vec![vec![1], vec![]]), digest(&vec![vec![], vec![1]]));
    }

    #[test]
    fn the_order_of_a_map_does_not_matter() {
        let pairs = || (0..50).map(|n| (format!("key {n}"), n));
        let forwards: HashMap<String, i32> = pairs().collect();
        let backwards: HashMap<String, i32> = pairs().rev().collect();
        assert_eq!(digest(&forwards), digest(&backwards));
        assert_ne!(digest(&forwards), digest(&pairs().take(49).collect::<HashMap<_, _>>()));
    }

    #[test]
    fn long_values_are_hashed_whole() {
        let (mut a, mut b) = (vec![0u8; 20_000], vec![0u8; 20_000]);
        a[19_999] = 1;
        assert_ne!(digest(&a), digest(&b));
        b[19_999] = 1;
        assert_eq!(digest(&a), digest(&b));
    }
}
