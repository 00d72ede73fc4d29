//! What a cache knows of a computation: what it cost, what its signature was made of, where its outputs are.

use std::time::Duration;

use crate::value::KeyDigest;

/// A computation that a cache knows. Its large outputs lie elsewhere and are loaded when somebody needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where the node stands: `pipeline > node`, without the indexes of map items.
    pub path: String,
    /// How long the computation took, in nanoseconds.
    pub cost_ns: u64,
    /// When the entry was stored, in nanoseconds since 1970.
    pub stored_unix_ns: i64,
    /// For how long the results hold, in nanoseconds; without it, until something in the signature changes.
    pub ttl_ns: Option<u64>,
    /// The digest of each named part of the signature, so that it can be said which part changed.
    pub parts: Vec<Part>,
    /// The outputs, in the order in which the node declares them. Of a list that a map inside a pipeline made, each item is one.
    pub outputs: Vec<CachedOutput>,
    /// What the entry of a whole pipeline says besides of its outputs; nothing where the computation is a node's.
    pub pipeline: Option<Box<PipelineOutputs>>,
}

/// What the entry of a whole pipeline says of its outputs, so that readers find the same keys whether it ran or was a hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PipelineOutputs {
    /// What stands for each of the outputs in the keys of those who read it.
    pub identities: Vec<KeyDigest>,
    /// How long the lists are that maps made, in their order; each before those that lie in it.
    pub lengths: Vec<u64>,
}

/// A named part of a signature: the code, an input, the content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is: `code`, `environment`, `input.NAME`, …
    pub name: String,
    /// The digest of it.
    pub digest: KeyDigest,
}

/// An output of a computation: what is known of its bytes, and the bytes themselves where they are few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedOutput {
    /// The digest of the encoded value, by which a [`ValueStore`](super::ValueStore) finds it.
    pub digest: KeyDigest,
    /// The length of the encoded value in bytes.
    pub size_bytes: u64,
    /// The value's type, for people.
    pub type_name: String,
    /// The encoded value, if it is small enough to lie in the entry.
    pub inline: Option<Vec<u8>>,
}

impl Entry {
    /// Says whether the results no longer hold after `ttl` (the entry's own, where none is given).
    #[must_use]
    pub fn is_expired(&self, ttl: Option<Duration>, now_unix_ns: i64) -> bool {
        let ttl_ns = ttl.map(nanoseconds).or(self.ttl_ns);
        ttl_ns.is_some_and(|ttl_ns| self.stored_unix_ns.saturating_add_unsigned(ttl_ns) <= now_unix_ns)
    }

    /// Returns the size of all outputs together, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.outputs.iter().map(|output| output.size_bytes).fold(0, u64::saturating_add)
    }
}

impl CachedOutput {
    /// Describes encoded bytes that lie elsewhere, by their digest.
    #[must_use]
    pub fn of(bytes: &[u8], type_name: String) -> Self {
        let digest = *blake3::hash(bytes).as_bytes();
        Self { digest, size_bytes: bytes.len() as u64, type_name, inline: None }
    }

    /// Puts the encoded bytes into the entry.
    #[must_use]
    pub fn with_inline(self, bytes: Vec<u8>) -> Self {
        Self { inline: Some(bytes), ..self }
    }
}

/// The length of a time in whole nanoseconds, at most some 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stored_unix_ns: i64, ttl_ns: Option<u64>) -> Entry {
        Entry {
            path: "p > n".into(),
            cost_ns: 1,
            stored_unix_ns,
            ttl_ns,
            parts: Vec::new(),
            outputs: Vec::new(),
            pipeline: None,
        }
    }

    #[test]
    fn the_readers_time_to_live_wins_over_the_entrys() {
        let second = Duration::from_secs(1);
        assert!(!entry(0, None).is_expired(None, i64::MAX));
        assert!(entry(0, Some(5)).is_expired(None, 5) && !entry(0, Some(5)).is_expired(None, 4));
        assert!(!entry(0, Some(5)).is_expired(Some(second), 999_999_999));
        assert!(entry(0, None).is_expired(Some(second), 1_000_000_000));
        assert!(!entry(i64::MAX - 1, Some(u64::MAX)).is_expired(None, i64::MAX - 1), "no time overflows");
    }
}
