//! How the nodes of a run and the items of a map are scheduled in this process.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// How independent pieces of work are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalBackend {
    /// How independent nodes of one run are scheduled.
    pub node_execution: Execution,
    /// How the items of a map are scheduled.
    pub map_execution: Execution,
    /// How many pieces of work of one level may be under way at once; by default one a processor.
    pub max_workers: usize,
}

impl Default for LocalBackend {
    fn default() -> Self {
        Self {
            node_execution: Execution::Async,
            map_execution: Execution::Async,
            max_workers: available_parallelism().map_or(1, NonZeroUsize::get),
        }
    }
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

    /// Sets how many pieces of work of one level may be under way at once.
    #[must_use]
    pub fn max_workers(mut self, max_workers: usize) -> Self {
        self.max_workers = max_workers.max(1);
        self
    }
}
