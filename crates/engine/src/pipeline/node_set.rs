//! Sets of a plan's nodes, one bit each.

/// A set of nodes from which the lowest is taken first.
#[derive(Clone)]
pub(crate) struct NodeSet {
    words: Vec<u64>,
    /// No node lies in a word before this one.
    first: usize,
}

impl NodeSet {
    pub(crate) fn empty(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], first: 0 }
    }

    /// The nodes of the set, the lowest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.words.len() * 64).filter(|&node| self.has(node))
    }

    pub(crate) fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    #[inline]
    pub(crate) fn insert(&mut self, node: usize) {
        self.words[node / 64] |= 1 << (node % 64);
        self.first = self.first.min(node / 64);
    }

    pub(crate) fn has(&self, node: usize) -> bool {
        self.words.get(node / 64).is_some_and(|word| word & (1 << (node % 64)) != 0)
    }

    #[inline]
    pub(crate) fn remove(&mut self, node: usize) {
        self.words[node / 64] &= !(1 << (node % 64));
    }

    #[inline]
    pub(crate) fn pop_first(&mut self) -> Option<usize> {
        while let Some(word) = self.words.get_mut(self.first) {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return Some(self.first * 64 + bit);
            }
            self.first += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_nodes_is_a_sorted_set(length in 1usize..200, changes in prop::collection::vec((0u8..3, any::<prop::sample::Index>()), 0..300)) {
            let (mut set, mut model) = (NodeSet::empty(length), BTreeSet::new());
            for (change, node) in changes {
                let node = node.index(length);
                match change {
                    0 => {
                        set.insert(node);
                        model.insert(node);
                    }
                    1 => {
                        set.remove(node);
                        model.remove(&node);
                    }
                    _ => prop_assert_eq!(set.pop_first(), model.pop_first()),
                }
            }
            prop_assert!(set.iter().eq(model.iter().copied()) && set.len() == model.len() as u64);
            prop_assert!(std::iter::from_fn(|| set.pop_first()).eq(model));
        }
    }
}
