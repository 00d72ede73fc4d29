//! Attributes that stand in a column of type `jsonb`, exactly as they were recorded: beside it stands only what JSON doesn't keep, the
//! order of keys and the types that look like others.

use flowglass_model::{AttributeValue, Attributes};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::json::is_exact;
use super::plain::Object;

/// What JSON doesn't keep of some attributes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Unkept {
    /// A byte for each attribute, in their order: where its key stands among the sorted keys, and in the upper bits its [`Kind`].
    #[serde(with = "bytes")]
    places: Vec<u8>,
    /// The values that JSON has no form for; all attributes, with no places, where that goes for a key.
    values: Vec<AttributeValue>,
    all: Option<Attributes>,
}

/// How a value comes out of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it stands there.
    Plain,
    /// It is a float, though `jsonb` may write it as a whole number.
    Float,
    /// Its digits stand there.
    Bytes,
    /// It doesn't.
    Unkept,
}

/// So many places fit beside a kind.
const MOST_PLACES: usize = 64;

impl Unkept {
    /// Says what [`object`](super::json::object) of these attributes doesn't keep.
    pub(super) fn of(attributes: &Attributes) -> Self {
        let Some(places) = places(attributes) else { return Self { all: Some(attributes.clone()), ..Self::default() } };
        let mut unkept = Self::default();
        for (place, (_, value)) in places.into_iter().zip(attributes) {
            let kind = Kind::of(value);
            unkept.places.push(place | (kind as u8) << 6);
            if kind == Kind::Unkept {
                unkept.values.push(value.clone());
            }
        }
        unkept
    }

    /// Returns the attributes from what JSON keeps of them.
    pub(super) fn restore(self, json: &str) -> Result<Attributes, Failure> {
        const DAMAGED: Failure = Failure::Damaged("attributes can't be read");
        if let Some(all) = self.all {
            return Ok(all);
        }
        let Object(mut entries) = Object::read(json, self.places.len()).map_err(|_| DAMAGED)?;
        if entries.len() != self.places.len() {
            return Err(DAMAGED);
        }
        if !entries.is_sorted_by_key(|(key, _)| sorting(key)) {
            entries.sort_unstable_by(|a, b| sorting(&a.0).cmp(&sorting(&b.0)));
        }
        let mut unkept = self.values.into_iter();
        let mut restored = Attributes::with_capacity(entries.len());
        for place in &self.places {
            let (key, value) = entries.get_mut(usize::from(place & 0x3f)).map(std::mem::take).ok_or(DAMAGED)?;
            let value = match place >> 6 {
                0 => Some(value),
                1 => float(&value),
                2 => bytes_of(&value),
                _ => unkept.next(),
            };
            restored.push((key, value.ok_or(DAMAGED)?));
        }
        Ok(restored)
    }
}

/// Returns where the key of each attribute stands among the sorted keys; nothing where JSON doesn't keep the keys.
fn places(attributes: &Attributes) -> Option<Vec<u8>> {
    let mut sorted: Vec<usize> = (0..attributes.len()).collect();
    sorted.sort_unstable_by(|a, b| sorting(&attributes[*a].0).cmp(&sorting(&attributes[*b].0)));
    let repeats = sorted.windows(2).any(|pair| attributes[pair[0]].0 == attributes[pair[1]].0);
    if repeats || attributes.len() > MOST_PLACES || !attributes.iter().all(|(key, _)| is_exact(key)) {
        return None;
    }
    let mut places = vec![0; attributes.len()];
    sorted.iter().zip(0..).for_each(|(at, place)| places[*at] = place);
    Some(places)
}

/// The order of keys in `jsonb`, which costs nothing to restore.
const fn sorting(key: &str) -> (usize, &str) {
    (key.len(), key)
}

impl Kind {
    fn of(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::Float(number) if number.is_finite() && !(*number == 0.0 && number.is_sign_negative()) => {
                Self::Float
            }
            AttributeValue::Bytes(_) => Self::Bytes,
            value if is_plain(value) => Self::Plain,
            _ => Self::Unkept,
        }
    }
}

fn is_plain(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Null | AttributeValue::Bool(_) | AttributeValue::Int(_) => true,
        AttributeValue::Str(text) => is_exact(text),
        AttributeValue::List(values) => values.iter().all(is_plain),
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a float that looks like a whole number is one of those that floats have")]
const fn float(value: &AttributeValue) -> Option<AttributeValue> {
    match value {
        AttributeValue::Float(number) => Some(AttributeValue::Float(*number)),
        AttributeValue::Int(number) => Some(AttributeValue::Float(*number as f64)),
        _ => None,
    }
}

fn bytes_of(value: &AttributeValue) -> Option<AttributeValue> {
    let (pairs, rest) = value.as_str()?.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    let mut bytes = Vec::with_capacity(pairs.len());
    for pair in pairs {
        bytes.push(byte(pair)?);
    }
    rest.is_empty().then_some(AttributeValue::Bytes(bytes))
}

/// Bytes as MessagePack's own.
pub(super) mod bytes {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub(in super::super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Owned;
        impl Visitor<'_> for Owned {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Owned)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::json;
    use super::*;

    fn any_value() -> impl Strategy<Value = AttributeValue> {
        let leaf = prop_oneof![
            Just(AttributeValue::Null),
            any::<bool>().prop_map(AttributeValue::Bool),
            any::<i64>().prop_map(AttributeValue::Int),
            prop_oneof![any::<f64>(), (-9_i8..9).prop_map(f64::from), Just(-0.0), Just(1e16), Just(1e300)]
                .prop_filter("equal to itself", |number| !number.is_nan())
                .prop_map(AttributeValue::Float),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(AttributeValue::Bytes),
            "[a-c\u{0}\u{1}\u{e4}\"\\\\]{0,3}".prop_map(AttributeValue::Str),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(AttributeValue::List),
                prop::collection::vec(("[ab]{1,2}", inner), 0..3).prop_map(AttributeValue::Map),
            ]
        })
    }

    /// What a server does to JSON, as far as it matters: keys are sorted, exponents and the sign of zero are gone.
    fn through_a_server(json: &str) -> String {
        let Object(mut entries) = serde_json::from_str(json).unwrap();
        entries.sort_by(|a, b| sorting(&a.0).cmp(&sorting(&b.0)));
        let plain = |value: &AttributeValue| match value {
            AttributeValue::Float(number) => format!("{}", number + 0.0),
            value => json::value(value),
        };
        let entry = |(key, value): &(String, AttributeValue)| format!("{}:{}", json::value(&key.as_str().into()), plain(value));
        format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn attributes_come_back_as_they_were(attributes in prop::collection::vec(("[a-d\u{0}]{1,2}", any_value()), 0..8)) {
            let stored = rmp_serde::to_vec(&Unkept::of(&attributes)).unwrap();
            let unkept: Unkept = rmp_serde::from_slice(&stored).unwrap();
            let restored = unkept.restore(&through_a_server(&json::object(&attributes))).unwrap();
            let same = |(found, wanted): (&(String, AttributeValue), &(String, AttributeValue))| match (&found.1, &wanted.1) {
                (AttributeValue::Float(a), AttributeValue::Float(b)) => found.0 == wanted.0 && a.to_bits() == b.to_bits(),
                (a, b) => found.0 == wanted.0 && a == b,
            };
            prop_assert!(restored.len() == attributes.len() && restored.iter().zip(&attributes).all(same), "{restored:?}");
        }
    }

    #[test]
    fn few_bytes_stand_beside_usual_attributes() {
        let entry = |key: &str, value: AttributeValue| (key.to_owned(), value);
        let attributes = vec![
            entry("node.id", "encode".into()),
            entry("cache.signature", AttributeValue::Bytes(vec![7; 16])),
            entry("cache.duration_ms", 1.0.into()),
            entry("map.index", 3i64.into()),
        ];
        assert!(rmp_serde::to_vec(&Unkept::of(&attributes)).unwrap().len() < 12);
    }

    #[test]
    fn what_doesnt_fit_together_is_damaged() {
        let attributes = vec![("k".to_owned(), AttributeValue::Bytes(vec![1]))];
        for json in ["{}", "[]", "", r#"{"k":"x"}"#, r#"{"k":1}"#, r#"{"k":"01","l":2}"#] {
            assert!(Unkept::of(&attributes).restore(json).is_err(), "{json}");
        }
        let beyond = Unkept { places: vec![5], ..Unkept::default() };
        assert!(beyond.restore(r#"{"k":1}"#).is_err());
    }
}
