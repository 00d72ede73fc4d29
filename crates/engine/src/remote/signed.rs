//! What stands for a value in cache keys, on its way beside the value: for a list that a map made, what stands for each of its items.

use serde::{Deserialize, Serialize};

use super::payload::Payload;
use crate::value::KeyDigest;

/// The signatures of what made a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Signed {
    /// One for the whole value, or none.
    Whole(Option<KeyDigest>),
    /// One for each item of a list, one behind the other.
    Each(Payload),
    /// A list of lists.
    Lists(Vec<Self>),
}

/// What a signature takes in a message, in bytes, about: a number is written in up to two.
const SIGNATURE_BYTES: usize = 2 * size_of::<KeyDigest>();

impl Default for Signed {
    fn default() -> Self {
        Self::Whole(None)
    }
}

impl Signed {
    /// The signatures of a list's items.
    pub(crate) fn each(items: &[KeyDigest]) -> Self {
        Self::Each(Payload(items.as_flattened().to_vec()))
    }

    /// The signatures of a list's items, if these are such.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::Whole(_) => None,
            Self::Lists(lists) => Some(lists.clone()),
            Self::Each(items) => {
                let (items, rest) = items.0.as_chunks();
                rest.is_empty().then(|| items.iter().map(|item| Self::Whole(Some(*item))).collect())
            }
        }
    }

    /// Says whether something stands for the value besides itself.
    pub(crate) fn is_some(&self) -> bool {
        *self != Self::Whole(None)
    }

    /// Returns what it takes in a message, in bytes.
    pub(crate) fn message_bytes(&self) -> usize {
        match self {
            Self::Whole(_) => SIGNATURE_BYTES,
            Self::Each(items) => items.0.len(),
            Self::Lists(lists) => lists.iter().map(Self::message_bytes).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_what_the_list_came_with() {
        let (one, other) = ([1; 32], [2; 32]);
        let each = Signed::each(&[one, other]);
        assert_eq!(each.items().unwrap(), [Signed::Whole(Some(one)), Signed::Whole(Some(other))]);
        assert_eq!(Signed::Lists(vec![each.clone()]).items().unwrap(), std::slice::from_ref(&each));
        assert_eq!(Signed::each(&[]).items().unwrap(), []);
        assert_eq!(Signed::Whole(Some(one)).items(), None);
        assert_eq!(Signed::Each(Payload(vec![1; 33])).items(), None, "half a signature is none");
        assert!(each.is_some() && !Signed::default().is_some());
    }
}
