//! What a run did, in numbers.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowglass_model::CacheStatus;

use super::ended::Ended;
use crate::remote::Counts;

/// What a run did, counted whether or not spans are recorded.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) nodes: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) saved_ns: AtomicU64,
    /// How many nodes asked the cache in vain.
    misses: AtomicU64,
    writes: AtomicU64,
    damaged: AtomicU64,
    /// The first thing that went wrong with the cache.
    problem: OnceLock<String>,
}

/// What the caches did for a run, its nested pipelines and maps included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// How many nodes came from the cache.
    pub hits: u64,
    /// How many nodes were computed though they may be cached.
    pub misses: u64,
    /// How many of those were stored.
    pub writes: u64,
    /// How long the computations took that needn't be done again, in nanoseconds.
    pub saved_ns: u64,
    /// How many results the cache knew of but couldn't give; they were computed.
    pub damaged: u64,
    /// The first thing that went wrong with the cache, if something did. The run went on without it.
    pub problem: Option<String>,
}

impl Totals {
    pub(crate) fn count(&self, ended: &Ended<'_>) {
        match ended {
            Ended::Hit { saved_ns, .. } => {
                self.hits.fetch_add(1, Relaxed);
                self.saved_ns.fetch_add(*saved_ns, Relaxed);
            }
            Ended::Failed { .. } => {
                self.nodes.fetch_add(1, Relaxed);
                self.failed.fetch_add(1, Relaxed);
            }
            Ended::Computed { cache, .. } => {
                self.nodes.fetch_add(1, Relaxed);
                self.misses.fetch_add(u64::from(matches!(cache, CacheStatus::Miss | CacheStatus::Write)), Relaxed);
                self.writes.fetch_add(u64::from(*cache == CacheStatus::Write), Relaxed);
            }
            Ended::Cancelled => {}
        }
    }

    /// Notes that the cache knows of a result but can't give it.
    pub(crate) fn count_damage(&self, problem: impl fmt::Display) {
        self.damaged.fetch_add(1, Relaxed);
        self.note_problem(problem);
    }

    /// Notes that something went wrong with the cache.
    pub(crate) fn note_problem(&self, problem: impl fmt::Display) {
        self.problem.get_or_init(|| problem.to_string());
    }

    /// Counts what happened in another process as this run's own.
    pub(crate) fn add(&self, counts: &Counts) {
        let Counts { nodes, hits, failed, saved_ns, misses, writes, damaged } = *counts;
        self.nodes.fetch_add(nodes, Relaxed);
        self.hits.fetch_add(hits, Relaxed);
        self.failed.fetch_add(failed, Relaxed);
        self.saved_ns.fetch_add(saved_ns, Relaxed);
        self.misses.fetch_add(misses, Relaxed);
        self.writes.fetch_add(writes, Relaxed);
        self.damaged.fetch_add(damaged, Relaxed);
    }

    /// Returns what another process is to count as its own.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            nodes: self.nodes.load(Relaxed),
            hits: self.hits.load(Relaxed),
            failed: self.failed.load(Relaxed),
            saved_ns: self.saved_ns.load(Relaxed),
            misses: self.misses.load(Relaxed),
            writes: self.writes.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
        }
    }

    pub(crate) fn cache(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            writes: self.writes.load(Relaxed),
            saved_ns: self.saved_ns.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            problem: self.problem.get().cloned(),
        }
    }
}
