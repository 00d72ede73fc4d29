//! Cache keys of values: one canonical form, so that equal values have equal keys and unequal ones don't.
//!
//! Every part is written with a tag of its kind and its length, so `1`, `"1"`, `true`, `[1]` and `(1,)` are five things. So
//! are `1i64` and `1u64`; the width of a number doesn't count, because a parameter has one type. Floats count by their
//! bits: `0.0` and `-0.0` are two things, and a NaN equals itself. Maps are hashed by their entries in the order of the
//! entries' digests, so iteration order doesn't matter.

use serde::Serialize;

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
#[derive(Default)]
pub struct KeyHasher {
    /// What doesn't fit into the buffer any more. Most keys are short, and need no hasher before their end.
    hasher: Option<Box<blake3::Hasher>>,
    buffer: Vec<u8>,
    /// The named parts that were fed, so that it can be said later which one changed.
    parts: Vec<(String, KeyDigest)>,
}

const BUFFER_BYTES: usize = 4096;

#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Tag {
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

impl KeyHasher {
    /// Feeds a part that says what the next ones are.
    pub fn label(&mut self, label: &str) {
        self.tagged(Tag::Label, label.as_bytes());
    }

    /// Feeds a named part: an argument, a variable, the content of a file. When the key changes, it can be said by its name
    /// which part did.
    pub fn part(&mut self, name: &str, bytes: &[u8]) {
        self.label(name);
        self.bytes(bytes);
        self.parts.push((name.to_owned(), *blake3::hash(bytes).as_bytes()));
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
        value.serialize(&mut *self).map_err(|error| ValueError::new(format!("no cache key: {error}")))
    }

    /// Feeds a value by the key that its type gives.
    pub fn own_key(&mut self, type_name: &str, key: &str) {
        self.tagged(Tag::Own, type_name.as_bytes());
        self.text(key);
    }

    /// Returns the digest of everything fed.
    #[must_use]
    pub fn finish(mut self) -> KeyDigest {
        self.digest()
    }

    /// Returns the digest of everything fed, and those of the named parts.
    pub(crate) fn finish_parts(mut self) -> (KeyDigest, Vec<(String, KeyDigest)>) {
        (self.digest(), std::mem::take(&mut self.parts))
    }

    /// Returns the digest of everything fed and begins anew with an empty key.
    pub(super) fn digest(&mut self) -> KeyDigest {
        let digest = match self.hasher.take() {
            None => blake3::hash(&self.buffer),
            Some(mut hasher) => hasher.update(&self.buffer).finalize(),
        };
        self.buffer.clear();
        *digest.as_bytes()
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() <= BUFFER_BYTES {
            return self.buffer.extend_from_slice(bytes);
        }
        let hasher = self.hasher.get_or_insert_default();
        hasher.update(&self.buffer).update(bytes);
        self.buffer.clear();
    }

    pub(super) fn tag(&mut self, tag: Tag) {
        self.raw(&[tag as u8]);
    }

    pub(super) fn tagged(&mut self, tag: Tag, bytes: &[u8]) {
        self.tag(tag);
        self.raw(&(bytes.len() as u64).to_le_bytes());
        self.raw(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;
    use serde::Serializer;
    use serde::ser::SerializeTuple;

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

    /// Any value that serde can say.
    #[derive(Debug, Clone, PartialEq)]
    enum Any {
        Unit,
        Bool(bool),
        Signed(i64),
        Unsigned(u64),
        Float(u64),
        Char(char),
        Text(String),
        Bytes(Vec<u8>),
        Nothing,
        Something(Box<Any>),
        List(Vec<Any>),
        Tuple(Vec<Any>),
        Map(BTreeMap<String, Any>),
    }

    /// A value whose maps are gone through in this or that order.
    struct Told<'a>(&'a Any, bool);

    impl Serialize for Told<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let Self(any, backwards) = *self;
            match any {
                Any::Unit => serializer.serialize_unit(),
                Any::Bool(value) => serializer.serialize_bool(*value),
                Any::Signed(value) => serializer.serialize_i64(*value),
                Any::Unsigned(value) => serializer.serialize_u64(*value),
                Any::Float(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
                Any::Char(value) => serializer.serialize_char(*value),
                Any::Text(value) => serializer.serialize_str(value),
                Any::Bytes(value) => serializer.serialize_bytes(value),
                Any::Nothing => serializer.serialize_none(),
                Any::Something(value) => serializer.serialize_some(&Told(value, backwards)),
                Any::List(values) => serializer.collect_seq(values.iter().map(|value| Told(value, backwards))),
                Any::Tuple(values) => {
                    let mut tuple = serializer.serialize_tuple(values.len())?;
                    values.iter().try_for_each(|value| tuple.serialize_element(&Told(value, backwards)))?;
                    tuple.end()
                }
                Any::Map(entries) if backwards => {
                    serializer.collect_map(entries.iter().rev().map(|(key, value)| (key, Told(value, backwards))))
                }
                Any::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, Told(value, backwards)))),
            }
        }
    }

    /// Values that are often alike, so that equal and almost equal ones meet.
    fn any_value() -> impl Strategy<Value = Any> {
        let leaf = prop_oneof![
            Just(Any::Unit),
            Just(Any::Nothing),
            any::<bool>().prop_map(Any::Bool),
            (-2i64..3).prop_map(Any::Signed),
            (0u64..3).prop_map(Any::Unsigned),
            prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(f64::NAN), any::<f64>()]
                .prop_map(|value: f64| Any::Float(value.to_bits())),
            prop_oneof![Just('1'), Just('a')].prop_map(Any::Char),
            prop_oneof![Just(String::new()), Just("1".to_owned()), "[ab]{0,2}"].prop_map(Any::Text),
            prop::collection::vec(0u8..2, 0..3).prop_map(Any::Bytes),
        ];
        leaf.prop_recursive(3, 24, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|value| Any::Something(Box::new(value))),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Any::List),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Any::Tuple),
                prop::collection::btree_map("[ab]{0,2}", inner, 0..3).prop_map(Any::Map),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn keys_are_equal_just_where_values_are(one in any_value(), other in any_value()) {
            prop_assert_eq!(digest(&Told(&one, false)) == digest(&Told(&other, true)), one == other);
            prop_assert_eq!(digest(&Told(&one, false)), digest(&Told(&one, true)));
        }
    }

    #[test]
    fn a_key_is_the_same_in_every_process_and_release() {
        let value = (1i64, "1", [Some(true), None], 1.5, HashMap::from([("a", 1u8), ("b", 2)]));
        let hex: String = digest(&value).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "9ebd8145ded0f1c3");
    }
}
