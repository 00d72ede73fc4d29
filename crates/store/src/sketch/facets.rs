//! Facets: how often each value of an attribute occurs in a segment, for the keys that have few values there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::block::Damaged;
use crate::block::bytes::{Reader, put_varint};

/// A key with more values in one commit is not counted by value.
pub(crate) const MOST_VALUES_OF_A_BLOCK: usize = 64;
/// A key with more values in a merged segment is not counted by value any more.
const MOST_VALUES_OF_A_SEGMENT: usize = 1024;

/// The counts of a segment, by the hash of the key and the fingerprint of key and value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facets {
    counted: BTreeMap<u64, BTreeMap<u64, u64>>,
    /// Keys that have too many values.
    uncounted: BTreeSet<u64>,
}

impl Facets {
    /// Adds the values of a key in a block: fingerprints of key and value, each there once, with their counts.
    pub(crate) fn count(&mut self, key: u64, values: impl Iterator<Item = (u64, u64)> + Clone) {
        if values.clone().nth(MOST_VALUES_OF_A_BLOCK).is_some() {
            return self.give_up(key);
        }
        values.for_each(|(value, count)| self.add(key, value, count));
    }

    /// Adds the counts of another segment.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.uncounted.iter().for_each(|&key| self.give_up(key));
        for (&key, values) in &other.counted {
            values.iter().for_each(|(&value, &count)| self.add(key, value, count));
        }
    }

    /// Takes away how often a value of a key occurred in what is there no more.
    pub(crate) fn take_away(&mut self, key: u64, value: u64, count: u64) {
        let Some(values) = self.counted.get_mut(&key) else { return };
        if let Some(left) = values.get_mut(&value) {
            *left = left.saturating_sub(count);
        }
        values.retain(|_, left| *left > 0);
        if values.is_empty() {
            self.counted.remove(&key);
        }
    }

    /// Says whether a key has too many values to be counted by value.
    pub(crate) fn has_given_up(&self, key: u64) -> bool {
        self.uncounted.contains(&key)
    }

    /// Says whether each key that is counted by value has exactly these counts.
    pub(crate) fn agree_with(&self, counts: &HashMap<u64, HashMap<u64, u64>>) -> bool {
        let known = counts.keys().all(|key| self.uncounted.contains(key) || self.counted.contains_key(key));
        let equal = self.counted.iter().all(|(key, values)| {
            let found = counts.get(key);
            let same = |found: &HashMap<u64, u64>| values.iter().all(|(value, count)| found.get(value) == Some(count));
            found.map_or(values.is_empty(), |found| found.len() == values.len() && same(found))
        });
        known && equal
    }

    /// Adds how often a value of a key occurs.
    pub(crate) fn add(&mut self, key: u64, value: u64, count: u64) {
        if self.uncounted.contains(&key) {
            return;
        }
        let values = self.counted.entry(key).or_default();
        *values.entry(value).or_default() += count;
        if values.len() > MOST_VALUES_OF_A_SEGMENT {
            self.give_up(key);
        }
    }

    /// Notes that a key has too many values to be counted by value.
    pub(crate) fn give_up(&mut self, key: u64) {
        self.counted.remove(&key);
        self.uncounted.insert(key);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.uncounted.len() as u64);
        self.uncounted.iter().for_each(|key| out.extend(key.to_le_bytes()));
        for (key, values) in &self.counted {
            out.extend(key.to_le_bytes());
            put_varint(&mut out, values.len() as u64);
            for (value, count) in values {
                out.extend(value.to_le_bytes());
                put_varint(&mut out, *count);
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let mut facets = Self::default();
        for _ in 0..reader.count()? {
            facets.uncounted.insert(u64::from_le_bytes(reader.array()?));
        }
        while !reader.is_empty() {
            let key = u64::from_le_bytes(reader.array()?);
            let values = facets.counted.entry(key).or_default();
            for _ in 0..reader.count()? {
                values.insert(u64::from_le_bytes(reader.array()?), reader.varint()?);
            }
        }
        Ok(facets)
    }
}

/// Returns how often a value occurs, from the stored form; nothing if its key was not counted by value.
pub(crate) fn look_up(bytes: &[u8], wanted_key: u64, wanted_value: u64) -> Result<Option<u64>, Damaged> {
    let mut reader = Reader::new(bytes);
    for _ in 0..reader.count()? {
        if u64::from_le_bytes(reader.array()?) == wanted_key {
            return Ok(None);
        }
    }
    let mut found = 0;
    while !reader.is_empty() {
        let key = u64::from_le_bytes(reader.array()?);
        for _ in 0..reader.count()? {
            let (value, count) = (u64::from_le_bytes(reader.array()?), reader.varint()?);
            if key == wanted_key && value == wanted_value {
                found = count;
            }
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(key: u64, values: impl IntoIterator<Item = (u64, u64), IntoIter: Clone>) -> Facets {
        let mut facets = Facets::default();
        facets.count(key, values.into_iter());
        facets
    }

    #[test]
    fn counts_add_up_and_keys_with_many_values_are_given_up() {
        let mut facets = of(1, [(0, 34), (1, 33), (2, 33)]);
        facets.count(2, (0..100).map(|at| (at, 1)));
        facets.merge(&of(1, [(0, 6)]));
        facets.merge(&of(3, [(9, 1)]));
        let stored = facets.encode();
        assert_eq!(Facets::decode(&stored).unwrap(), facets);
        let look = |key, value| look_up(&stored, key, value).unwrap();
        assert_eq!([look(1, 0), look(1, 7), look(2, 5), look(3, 9), look(4, 1)], [Some(40), Some(0), None, Some(1), Some(0)]);
        let mut whole = Facets::default();
        (0..20).for_each(|part| whole.merge(&of(1, (0..60).map(|at| (part * 60 + at, 1)))));
        assert_eq!(look_up(&whole.encode(), 1, 5).unwrap(), None);
        whole.merge(&of(1, [(5, 1)]));
        assert_eq!(look_up(&whole.encode(), 1, 5).unwrap(), None, "what was given up stays so");
    }

    #[test]
    fn what_is_taken_away_counts_no_more() {
        let mut facets = of(1, [(0, 2), (1, 3)]);
        facets.merge(&of(2, [(5, 1)]));
        facets.take_away(1, 0, 2);
        facets.take_away(1, 1, 1);
        facets.take_away(2, 5, 1);
        facets.take_away(3, 9, 1);
        assert_eq!(facets, of(1, [(1, 2)]));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Facets::decode(&bytes);
            let _ = look_up(&bytes, 1, 2);
        }
    }
}
