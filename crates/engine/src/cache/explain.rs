//! Why a node was computed: which parts of its signature differ from those of an earlier entry.

use super::{DiskEntry, Part};
use crate::value::KeyDigest;

/// What became of a part of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is what it was.
    Same,
    /// It is another.
    Changed,
    /// It wasn't there.
    Added,
    /// It isn't there any more.
    Removed,
}

impl Change {
    /// Returns the word for it: `same`, `changed`, `added`, `removed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

/// A part of a signature, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartChange {
    /// The part's name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// What it is now, where it is there.
    pub digest: Option<KeyDigest>,
}

/// Compares the parts of a signature with those of an earlier one, in the order of the later one.
#[must_use]
pub fn compare(now: &[Part], before: &[Part]) -> Vec<PartChange> {
    let of = |parts: &[Part], name: &str| parts.iter().find(|part| part.name == name).map(|part| part.digest);
    let changes = now.iter().map(|part| {
        let change = match of(before, &part.name) {
            None => Change::Added,
            Some(digest) if digest == part.digest => Change::Same,
            Some(_) => Change::Changed,
        };
        PartChange { name: part.name.clone(), change, digest: Some(part.digest) }
    });
    let removed = before.iter().filter(|part| of(now, &part.name).is_none());
    let removed = removed.map(|part| PartChange { name: part.name.clone(), change: Change::Removed, digest: None });
    changes.chain(removed).collect()
}

/// Finds the entry that is most like this one among those of the same node that were stored before it: the one with the most
/// equal parts, of several the newest.
#[must_use]
pub fn nearest_earlier<'a>(of: &DiskEntry, entries: &'a [DiskEntry]) -> Option<&'a DiskEntry> {
    let is_earlier = |entry: &&DiskEntry| {
        entry.entry.path == of.entry.path
            && entry.signature != of.signature
            && entry.entry.stored_unix_ns <= of.entry.stored_unix_ns
    };
    let likeness = |entry: &&DiskEntry| {
        let same = entry.entry.parts.iter().filter(|part| of.entry.parts.contains(part)).count();
        (same, entry.entry.stored_unix_ns, entry.signature)
    };
    entries.iter().filter(is_earlier).max_by_key(likeness)
}

/// Finds the entry whose output a digest stands for.
#[must_use]
pub fn made_by<'a>(digest: &KeyDigest, entries: &'a [DiskEntry]) -> Option<&'a DiskEntry> {
    entries.iter().find(|entry| super::identity::stands_for(digest, &entry.signature, &entry.entry.outputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Entry;

    fn part(name: &str, digest: u8) -> Part {
        Part { name: name.to_owned(), digest: [digest; 32] }
    }

    fn entry(signature: u8, path: &str, stored_unix_ns: i64, parts: Vec<Part>) -> DiskEntry {
        let entry = Entry {
            path: path.to_owned(),
            cost_ns: 0,
            stored_unix_ns,
            ttl_ns: None,
            parts,
            outputs: Vec::new(),
            pipeline: None,
        };
        DiskEntry { signature: [signature; 32], entry, used_unix_ns: stored_unix_ns, record_bytes: 1 }
    }

    #[test]
    fn each_part_is_told_of() {
        let changes =
            compare(&[part("code", 1), part("a", 2), part("new", 3)], &[part("code", 1), part("a", 9), part("old", 4)]);
        let told: Vec<_> = changes.iter().map(|change| (change.name.as_str(), change.change.as_str())).collect();
        assert_eq!(told, [("code", "same"), ("a", "changed"), ("new", "added"), ("old", "removed")]);
    }

    #[test]
    fn the_most_like_earlier_entry_of_the_same_node_is_found() {
        let now = entry(1, "p > n", 100, vec![part("code", 1), part("a", 1), part("b", 1)]);
        let like = entry(2, "p > n", 10, vec![part("code", 1), part("a", 1), part("b", 2)]);
        let unlike = entry(3, "p > n", 90, vec![part("code", 2), part("a", 1), part("b", 2)]);
        let other = entry(4, "p > m", 50, now.entry.parts.clone());
        let later = entry(5, "p > n", 200, now.entry.parts.clone());
        let entries = [unlike, like.clone(), other, later, now.clone()];
        assert_eq!(nearest_earlier(&now, &entries), Some(&like));
        assert_eq!(nearest_earlier(&like, &entries), None);
    }
}
