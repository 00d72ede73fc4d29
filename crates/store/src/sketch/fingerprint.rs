//! Fingerprints: the 64-bit numbers under which sketches know traces, names and attributes. Part of the file format.

use flowglass_model::{Arena, AttributeValue, Scalar, Sym, TraceId};

use crate::hash::{hash, pair, pair_begun, pair_ended, stir};

const TRACE: u64 = 1;
const NAME: u64 = 2;
const ATTRIBUTE: u64 = 3;

/// As many digits of a trace id make its [`beginning`].
pub(crate) const BEGINNING_DIGITS: usize = 6;

/// Returns the fingerprint of a trace.
pub(crate) fn trace(trace: TraceId) -> u64 {
    pair(TRACE, hash(&trace.to_bytes()))
}

/// Returns the fingerprint of all traces whose ids begin with the same six digits.
pub(crate) const fn beginning(trace: TraceId) -> u64 {
    let [a, b, c, ..] = trace.to_bytes();
    stir(u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c]))
}

/// Fingerprints of which whatever is looked for has one of each group; no group at all stands for everything.
pub(crate) type Groups = Vec<Vec<u64>>;

/// Returns what is known of everything that belongs to a trace: two fingerprints, which hardly ever meet by chance in one block,
/// as one alone does often where segments are large.
pub(crate) fn of_trace(trace: TraceId) -> Groups {
    vec![vec![self::trace(trace)], vec![beginning(trace)]]
}

/// Returns what is known of everything with this name.
pub(crate) fn of_name(name: &str) -> Groups {
    vec![vec![self::name(name)]]
}

/// Returns the fingerprint of a span's name.
pub(crate) fn name(name: &str) -> u64 {
    named(hash(name.as_bytes()))
}

/// Returns the fingerprint of a name from the hash of its text.
pub(crate) const fn named(hash: u64) -> u64 {
    pair(NAME, hash)
}

/// Returns the hash that names an attribute's key in facets.
pub(crate) fn key(key: &str) -> u64 {
    hash(key.as_bytes())
}

/// Returns the fingerprint of an attribute with a value.
pub(crate) fn attribute(key: &str, value: &AttributeValue) -> u64 {
    let hash_of = match value {
        AttributeValue::Str(text) => hash(text.as_bytes()),
        AttributeValue::Bytes(bytes) => hash(bytes),
        AttributeValue::Bool(flag) => u64::from(*flag),
        AttributeValue::Int(number) => number.cast_unsigned(),
        AttributeValue::Float(number) => number.to_bits(),
        AttributeValue::Null => 0,
        nested => hash(&serde_json::to_vec(nested).unwrap_or_default()),
    };
    combined(self::key(key), tag(value), hash_of)
}

/// Returns the hash of a text, under which facets know it as a key.
pub(crate) fn of_text(text: &[u8]) -> u64 {
    hash(text)
}

/// Returns the fingerprint of an attribute whose key has this hash, as [`attribute`] does, with a value whose contents an arena has.
pub(crate) fn of_scalar(key: u64, arena: &Arena, value: Scalar) -> u64 {
    let (tag, hash_of) = match value {
        Scalar::Str(sym) => (0, hash(arena.bytes(sym))),
        Scalar::Bool(flag) => (1, u64::from(flag)),
        Scalar::Int(number) => (2, number.cast_unsigned()),
        Scalar::Float(number) => (3, number.to_bits()),
        Scalar::Bytes(sym) => (4, hash(arena.bytes(sym))),
        Scalar::Nested(sym) => (5, hash(arena.bytes(sym))),
        // As `Hashes::value` has it.
        _ => (6, 0),
    };
    combined(key, tag, hash_of)
}

const fn tag(value: &AttributeValue) -> u64 {
    match value {
        AttributeValue::Str(_) => 0,
        AttributeValue::Bool(_) => 1,
        AttributeValue::Int(_) => 2,
        AttributeValue::Float(_) => 3,
        AttributeValue::Bytes(_) => 4,
        AttributeValue::Null => 6,
        _ => 5,
    }
}

const fn combined(key: u64, tag: u64, value: u64) -> u64 {
    pair(with_tag(key, tag), value)
}

const fn with_tag(key: u64, tag: u64) -> u64 {
    key ^ ATTRIBUTE << 60 ^ tag << 56
}

/// The types that [`tag`] tells apart.
const TAGS: usize = 7;

/// The hash of an attribute's key, and of it with each type: what the fingerprints of all its values begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyPrints {
    pub(crate) hash: u64,
    with_tags: [u64; TAGS],
}

impl KeyPrints {
    fn new(hash: u64) -> Self {
        Self { hash, with_tags: std::array::from_fn(|tag| pair_begun(with_tag(hash, tag as u64))) }
    }

    /// Returns the fingerprint of an attribute as [`attribute`] does.
    pub(crate) const fn with(&self, (tag, value): (usize, u64)) -> u64 {
        pair_ended(self.with_tags[tag], value)
    }
}

/// The hashes of an arena's entries, each made when it is first asked for.
pub(crate) struct Hashes<'a> {
    arena: &'a Arena,
    known: Vec<Option<u64>>,
}

impl<'a> Hashes<'a> {
    pub(crate) fn new(arena: &'a Arena) -> Self {
        Self { arena, known: vec![None; arena.len()] }
    }

    pub(crate) fn of(&mut self, sym: Sym) -> u64 {
        let Some(known) = self.known.get_mut(sym.0 as usize) else { return hash(b"") };
        *known.get_or_insert_with(|| hash(self.arena.bytes(sym)))
    }

    pub(crate) fn key(&mut self, key: Sym) -> KeyPrints {
        KeyPrints::new(self.of(key))
    }

    /// Returns the type and the hash of a value.
    pub(crate) fn value(&mut self, value: Scalar) -> (usize, u64) {
        match value {
            Scalar::Str(sym) => (0, self.of(sym)),
            Scalar::Bool(flag) => (1, u64::from(flag)),
            Scalar::Int(number) => (2, number.cast_unsigned()),
            Scalar::Float(number) => (3, number.to_bits()),
            Scalar::Bytes(sym) => (4, self.of(sym)),
            Scalar::Nested(sym) => (5, self.of(sym)),
            // Or a type that the model got later and this writer doesn't know: it is stored as nothing.
            _ => (6, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::BatchBuilder;

    use super::*;

    #[test]
    fn a_column_and_a_value_have_the_same_fingerprint() {
        let values = [
            "text".into(),
            "".into(),
            true.into(),
            AttributeValue::Null,
            7i64.into(),
            0.5.into(),
            AttributeValue::Bytes(vec![1, 2]),
            AttributeValue::List(vec![1i64.into(), "a".into()]),
        ];
        let mut builder = BatchBuilder::default();
        let key = builder.intern("some.key");
        let scalars: Vec<_> = values.iter().map(|value| builder.scalar(value)).collect();
        let batch = builder.finish();
        let mut hashes = Hashes::new(&batch.arena);
        for (value, scalar) in values.iter().zip(scalars) {
            assert_eq!(of_scalar(of_text(b"some.key"), &batch.arena, scalar), attribute("some.key", value));
            let (key, value_of) = (hashes.key(key), hashes.value(scalar));
            assert_eq!((key.hash, key.with(value_of)), (self::key("some.key"), attribute("some.key", value)));
        }
        assert_ne!(attribute("k", &1i64.into()), attribute("k", &true.into()));
        assert_ne!(attribute("k", &"1".into()), attribute("k2", &"1".into()));
    }
}
