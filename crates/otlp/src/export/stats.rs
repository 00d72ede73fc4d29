//! What became of what was to be exported.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowglass_model::Timing;
use parking_lot::Mutex;

use crate::Signal;

/// Counts of an exporter, which live as long as somebody looks at them.
#[derive(Debug, Clone, Default)]
pub struct ExportStats {
    of_signals: Arc<[Counters; 3]>,
}

/// What became of the items of one signal: spans, data points or log records. What isn't counted here still waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportCounts {
    /// Taken by the destination.
    pub exported: u64,
    /// Left out by the destination, of requests that it took.
    pub rejected: u64,
    /// Lost: refused by the destination, or there was no room to let them wait.
    pub dropped: u64,
    /// How often a request was tried again.
    pub retries: u64,
    /// How often what waits was nearly full, in memory or on disk: nine tenths of what may wait. It counts anew when it was half empty in
    /// between.
    pub nearly_full: u64,
    /// How long a request takes, answered or not, on average and the last time.
    pub requests: Timing,
    /// What the destination, or the way to it, said last; empty while all is well.
    pub last_error: String,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) exported: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) nearly_full: AtomicU64,
    pub(super) requests: Mutex<Timing>,
    pub(super) last_error: Mutex<String>,
}

impl ExportStats {
    /// Returns the counts of a signal so far.
    #[must_use]
    pub fn of(&self, signal: Signal) -> ExportCounts {
        let counters = self.counters(signal);
        ExportCounts {
            exported: counters.exported.load(Relaxed),
            rejected: counters.rejected.load(Relaxed),
            dropped: counters.dropped.load(Relaxed),
            retries: counters.retries.load(Relaxed),
            nearly_full: counters.nearly_full.load(Relaxed),
            requests: *counters.requests.lock(),
            last_error: counters.last_error.lock().clone(),
        }
    }

    pub(super) fn counters(&self, signal: Signal) -> &Counters {
        &self.of_signals[signal as usize]
    }
}
