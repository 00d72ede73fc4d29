//! Which node comes next: a state machine over a plan that knows of no values, threads or clocks.

use crate::pipeline::{NEVER, Needs, NodeSet, Steps};

/// What is left to do of one level.
pub(crate) struct Agenda {
    /// Of how many nodes each node still waits.
    waits: Vec<u32>,
    /// Nodes that can start.
    ready: NodeSet,
    /// Nodes that must run and haven't started.
    unstarted: NodeSet,
}

impl Agenda {
    /// Plans to run what is needed.
    pub(crate) fn new(needs: &Needs) -> Self {
        Self { waits: needs.waits.to_vec(), ready: needs.sources.clone(), unstarted: needs.running.clone() }
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
        self.ready.clear();
        std::iter::from_fn(|| self.unstarted.pop_first())
    }
}
