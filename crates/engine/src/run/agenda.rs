//! Which node comes next: a state machine over a plan that knows of no values, threads or clocks.

use crate::pipeline::Steps;

/// What is left to do of one level.
pub(crate) struct Agenda {
    /// Of how many nodes each node still waits.
    waits: Vec<u32>,
    /// Nodes that can start.
    ready: NodeSet,
    /// Nodes that must run and haven't started.
    unstarted: NodeSet,
}

/// More than any node waits for: it never starts.
const NEVER: u32 = u32::MAX;

impl Agenda {
    /// Plans to run the nodes that are needed; all, if it isn't said which.
    pub(crate) fn new(steps: &Steps, needed: Option<&[bool]>) -> Self {
        let all = || Self {
            waits: steps.waits.to_vec(),
            ready: NodeSet { words: steps.sources.to_vec(), first: 0 },
            unstarted: NodeSet::full(steps.waits.len()),
        };
        needed.map_or_else(all, |needed| Self::of_needed(steps, needed))
    }

    fn of_needed(steps: &Steps, needed: &[bool]) -> Self {
        let length = steps.waits.len();
        let (mut ready, mut unstarted) = (NodeSet::empty(length), NodeSet::empty(length));
        for node in (0..length).filter(|&node| needed[node]) {
            unstarted.insert(node);
            if steps.waits[node] == 0 {
                ready.insert(node);
            }
        }
        let wait = |(&waits, &needed): (&u32, &bool)| if needed { waits } else { NEVER };
        Self { waits: steps.waits.iter().zip(needed).map(wait).collect(), ready, unstarted }
    }

    /// Starts the first node that can: the lowest, so that the order is the plan's.
    #[inline]
    pub(crate) fn start_next(&mut self) -> Option<usize> {
        let node = self.ready.pop_first()?;
        self.unstarted.remove(node);
        Some(node)
    }

    /// Takes back that a node starts.
    #[cold]
    pub(crate) fn unstart(&mut self, node: usize) {
        self.unstarted.insert(node);
    }

    /// Takes note that a node has made its outputs: those that read them may be ready now.
    #[inline]
    pub(crate) fn done(&mut self, steps: &Steps, node: usize) {
        for &reader in steps.readers_of(node) {
            let waits = &mut self.waits[reader as usize];
            *waits -= 1;
            if *waits == 0 {
                self.ready.insert(reader as usize);
            }
        }
    }

    /// Says whether a node has started; none of one that nobody needs.
    pub(crate) fn is_started(&self, node: usize) -> Option<bool> {
        let is_unstarted = self.unstarted.has(node);
        (is_unstarted || *self.waits.get(node)? != NEVER).then_some(!is_unstarted)
    }

    /// Gives up: returns the nodes that will never start.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = usize> {
        self.ready.words.fill(0);
        std::iter::from_fn(|| self.unstarted.pop_first())
    }
}

/// A set of nodes from which the lowest is taken first.
struct NodeSet {
    words: Vec<u64>,
    /// No node lies in a word before this one.
    first: usize,
}

impl NodeSet {
    fn empty(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], first: 0 }
    }

    fn full(length: usize) -> Self {
        let mut words = vec![u64::MAX; length.div_ceil(64)];
        if let (Some(last), spare @ 1..) = (words.last_mut(), length.wrapping_neg() % 64) {
            *last >>= spare;
        }
        Self { words, first: 0 }
    }

    #[inline]
    fn insert(&mut self, node: usize) {
        self.words[node / 64] |= 1 << (node % 64);
        self.first = self.first.min(node / 64);
    }

    fn has(&self, node: usize) -> bool {
        self.words.get(node / 64).is_some_and(|word| word & (1 << (node % 64)) != 0)
    }

    #[inline]
    fn remove(&mut self, node: usize) {
        self.words[node / 64] &= !(1 << (node % 64));
    }

    #[inline]
    fn pop_first(&mut self) -> Option<usize> {
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
            prop_assert!(std::iter::from_fn(|| set.pop_first()).eq(model));
        }

        #[test]
        fn a_full_set_has_each_node_once(length in 0usize..200) {
            let mut set = NodeSet::full(length);
            prop_assert!(std::iter::from_fn(|| set.pop_first()).eq(0..length));
        }
    }
}
