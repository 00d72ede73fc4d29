//! What a receiver has taken and refused so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowglass_model::RecordCounts;

/// What a receiver has taken and refused so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Requests that were taken, perhaps but for some records.
    pub taken_requests: u64,
    /// Requests that were refused for good: malformed, too large, unknown.
    pub refused_requests: u64,
    /// Requests that were told to come again.
    pub postponed_requests: u64,
    /// Requests that wait for the sink now.
    pub waiting_requests: u64,
    /// Records that the sink took.
    pub taken: RecordCounts,
    /// Spans, data points and log records that were left out because they are wrong.
    pub rejected: u64,
    /// Fields that this version doesn't know, which were left out.
    pub unknown_fields: u64,
    /// Calls of the sink that wrote something; several requests may share one.
    pub writes: u64,
}

/// The counters behind [`ReceiverStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) taken_requests: AtomicU64,
    pub(crate) refused_requests: AtomicU64,
    pub(crate) postponed_requests: AtomicU64,
    pub(crate) waiting_requests: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) unknown_fields: AtomicU64,
    pub(crate) writes: AtomicU64,
    spans: AtomicU64,
    events: AtomicU64,
    logs: AtomicU64,
    points: AtomicU64,
}

impl Counters {
    pub(crate) fn add_taken(&self, counts: RecordCounts) {
        self.spans.fetch_add(counts.spans, Relaxed);
        self.events.fetch_add(counts.events, Relaxed);
        self.logs.fetch_add(counts.logs, Relaxed);
        self.points.fetch_add(counts.points, Relaxed);
    }

    pub(crate) fn stats(&self) -> ReceiverStats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        ReceiverStats {
            taken_requests: read(&self.taken_requests),
            refused_requests: read(&self.refused_requests),
            postponed_requests: read(&self.postponed_requests),
            waiting_requests: read(&self.waiting_requests),
            taken: RecordCounts {
                spans: read(&self.spans),
                events: read(&self.events),
                logs: read(&self.logs),
                points: read(&self.points),
            },
            rejected: read(&self.rejected),
            unknown_fields: read(&self.unknown_fields),
            writes: read(&self.writes),
        }
    }
}
