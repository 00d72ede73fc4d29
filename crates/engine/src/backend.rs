//! Where the nodes of a run and the items of a map are executed, and how they are scheduled in this process.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

use crate::pipeline::Setting;
use crate::remote::RemoteBackend;

/// Where a pipeline's nodes and items are executed.
#[derive(Debug, Clone)]
pub enum Backend {
    /// In this process.
    Local(LocalBackend),
    /// By workers in other processes.
    Remote(RemoteBackend),
}

impl Default for Backend {
    fn default() -> Self {
        Self::Local(LocalBackend::default())
    }
}

impl From<LocalBackend> for Backend {
    fn from(backend: LocalBackend) -> Self {
        Self::Local(backend)
    }
}

impl From<RemoteBackend> for Backend {
    fn from(backend: RemoteBackend) -> Self {
        Self::Remote(backend)
    }
}

impl From<LocalBackend> for Setting<Backend> {
    fn from(backend: LocalBackend) -> Self {
        Self::Set(backend.into())
    }
}

impl From<RemoteBackend> for Setting<Backend> {
    fn from(backend: RemoteBackend) -> Self {
        Self::Set(backend.into())
    }
}

impl Backend {
    /// Returns how this process schedules, if the backend is local.
    #[must_use]
    pub const fn as_local(&self) -> Option<&LocalBackend> {
        match self {
            Self::Local(local) => Some(local),
            Self::Remote(_) => None,
        }
    }

    /// Returns the attribute `backend.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Local(_) => LOCAL,
            Self::Remote(remote) => remote.name(),
        }
    }

    /// Returns how the driver of a level schedules its nodes and items, and who executes them if that isn't the driver.
    pub(crate) fn parts(self) -> (LocalBackend, Option<RemoteBackend>) {
        match self {
            Self::Local(local) => (local, None),
            Self::Remote(remote) => (LocalBackend::default().max_workers(ITEMS_AWAY), Some(remote)),
        }
    }
}

/// The name of what runs in the process of the run itself.
pub(crate) const LOCAL: &str = "local";

/// How many items of one level are handed out at once, at most: enough to fill jobs, few enough to be held in memory.
const ITEMS_AWAY: usize = 4096;

/// How independent pieces of work are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Execution {
    /// One after the other.
    Sequential,
    /// Async work overlaps; everything else runs inline.
    #[default]
    Async,
    /// Nodes that aren't async run on threads, so that they overlap too.
    Threads,
}

impl Execution {
    /// Returns the word used for the attribute `backend.mode`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Async => "async",
            Self::Threads => "threads",
        }
    }
}

/// Runs everything in this process. Nodes of a run and items of a map are scheduled independently of each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalBackend {
    /// How independent nodes of one run are scheduled.
    pub node_execution: Execution,
    /// How the items of a map are scheduled. Where they run on threads, so do the nodes inside of them, those of one item
    /// still as `node_execution` says.
    pub map_execution: Execution,
    /// How many pieces of work of one level may be under way at once. If it isn't set: as many as there are processors, and
    /// any number of async nodes, which need none while they wait.
    pub max_workers: Option<usize>,
}

impl LocalBackend {
    /// Runs one thing at a time.
    #[must_use]
    pub fn sequential() -> Self {
        Self { node_execution: Execution::Sequential, map_execution: Execution::Sequential, ..Self::default() }
    }

    /// Runs nodes and items on threads.
    #[must_use]
    pub fn threads() -> Self {
        Self { node_execution: Execution::Threads, map_execution: Execution::Threads, ..Self::default() }
    }

    /// Sets how many pieces of work of one level may be under way at once: threads, items, and async nodes.
    #[must_use]
    pub fn max_workers(mut self, max_workers: usize) -> Self {
        self.max_workers = Some(max_workers.max(1));
        self
    }

    /// Returns how many pieces of work may need a processor at once.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.max_workers.map_or_else(processors, |max| max.max(1))
    }

    /// Says whether another node may start while so many wait or run on threads.
    #[inline]
    pub(crate) fn has_room_for_node(&self, under_way: usize) -> bool {
        match self.node_execution {
            _ if under_way == 0 => true,
            Execution::Sequential => false,
            Execution::Async => self.max_workers.is_none_or(|max| under_way < max),
            Execution::Threads => under_way < self.workers(),
        }
    }

    /// Says whether another item may start while so many are under way.
    #[inline]
    pub(crate) fn has_room_for_item(&self, under_way: usize) -> bool {
        match self.map_execution {
            _ if under_way == 0 => true,
            Execution::Sequential => false,
            Execution::Async | Execution::Threads => under_way < self.workers(),
        }
    }
}

/// Asked once: the answer takes some system calls, and doesn't change.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, NonZeroUsize::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(backend: &LocalBackend, has_room: fn(&LocalBackend, usize) -> bool) -> usize {
        (0..1_000).find(|&under_way| !has_room(backend, under_way)).unwrap_or(1_000)
    }

    #[test]
    fn what_is_set_bounds_every_way_of_scheduling() {
        for node_execution in [Execution::Async, Execution::Threads] {
            let backend = LocalBackend { node_execution, map_execution: node_execution, ..LocalBackend::default() };
            let backend = backend.max_workers(3);
            assert_eq!(room(&backend, LocalBackend::has_room_for_node), 3);
            assert_eq!(room(&backend, LocalBackend::has_room_for_item), 3);
        }
        let sequential = LocalBackend::sequential().max_workers(3);
        assert_eq!(room(&sequential, LocalBackend::has_room_for_node), 1);
        assert_eq!(room(&sequential, LocalBackend::has_room_for_item), 1);
    }

    #[test]
    fn unset_it_is_one_a_processor_where_one_is_needed() {
        let (backend, threads) = (LocalBackend::default(), LocalBackend::threads());
        assert_eq!(room(&backend, LocalBackend::has_room_for_node), 1_000, "async nodes need none");
        assert_eq!(room(&threads, LocalBackend::has_room_for_node), processors());
        assert_eq!(room(&backend, LocalBackend::has_room_for_item), processors());
    }
}
