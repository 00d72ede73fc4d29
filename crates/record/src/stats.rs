//! What became of everything that was recorded, by kinds of records.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowglass_model::{RecordCounts, Timing};

/// Counts of a recorder, from its start on, of each kind of records.
///
/// After a flush, each sink has `recorded == delivered + dropped` ([`RecorderStats::dropped`]), for every kind. In
/// between, what is on its way to a sink is in neither.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Records made and seen by the collector, and those lost before.
    pub recorded: RecordCounts,
    /// Records lost because all buffers were full.
    pub dropped_buffer_full: RecordCounts,
    /// Events left out because their span has too many; see [`SpanLimits`](crate::SpanLimits).
    pub dropped_over_limit: RecordCounts,
    /// Records of traces that were held until their end and then let go; see [`Sampling`](crate::Sampling). They aren't among
    /// `recorded`.
    pub let_go: RecordCounts,
    /// Attributes, links and messages of spans lost because all buffers were full, or because a span has too many.
    pub dropped_attributes: u64,
    /// Values that were cut off because they are too long.
    pub truncated_values: u64,
    /// Secrets that were hidden; see [`RecorderBuilder::redaction`](crate::RecorderBuilder::redaction).
    pub redacted_values: u64,
    /// Measurements that went to their metric's overflow set, because it has too many sets of attributes.
    pub overflowed_measurements: u64,
    /// Spans and events of retained traces that were let go because retention was full.
    pub dropped_retained: u64,
    /// Memory that the buffers of all threads take now, in bytes; see
    /// [`RecorderBuilder::buffer_bytes`](crate::RecorderBuilder::buffer_bytes).
    pub buffers_bytes: u64,
    /// How often the buffers were nearly full: nine tenths of what they may take. It counts anew when they were half empty in between.
    pub buffers_nearly_full: u64,
    /// What became of all that at each sink.
    pub sinks: Vec<SinkStats>,
}

/// Counts of one sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SinkStats {
    /// The name that the sink was added by.
    pub name: String,
    /// Records that the sink took.
    pub delivered: RecordCounts,
    /// Records lost because the sink's queue was full.
    pub dropped_queue_full: RecordCounts,
    /// Records that the sink refused, or that came after it panicked or was shut down.
    pub dropped_failed: RecordCounts,
    /// Memory that batches take which wait for the sink, or which it is writing, in bytes; see
    /// [`RecorderBuilder::queue_bytes`](crate::RecorderBuilder::queue_bytes).
    pub queued_bytes: u64,
    /// How often the queue was nearly full, as with [`buffers_nearly_full`](RecorderStats::buffers_nearly_full).
    pub nearly_full: u64,
    /// How long the sink takes for what it is given at once, on average and the last time, with all attempts. One that sends over a
    /// network takes it into a backlog of its own: how long a request takes, its own counts tell.
    pub writes: Timing,
    /// The sink's last error since the last flush, or why it is not used any more.
    pub error: Option<String>,
}

impl RecorderStats {
    /// Returns how many records didn't reach a sink, wherever they were lost.
    #[must_use]
    pub fn dropped(&self, sink: &SinkStats) -> RecordCounts {
        self.dropped_buffer_full + self.dropped_over_limit + sink.dropped_queue_full + sink.dropped_failed
    }
}

/// One span.
pub(crate) const SPAN: RecordCounts = RecordCounts { spans: 1, events: 0, logs: 0, points: 0 };
/// One event.
pub(crate) const EVENT: RecordCounts = RecordCounts { spans: 0, events: 1, logs: 0, points: 0 };
/// One log record.
pub(crate) const LOG: RecordCounts = RecordCounts { spans: 0, events: 0, logs: 1, points: 0 };

/// [`RecordCounts`] that several threads add to.
#[derive(Debug, Default)]
pub(crate) struct AtomicCounts {
    spans: AtomicU64,
    events: AtomicU64,
    logs: AtomicU64,
    points: AtomicU64,
}

impl AtomicCounts {
    pub(crate) fn add(&self, counts: RecordCounts) {
        let add = |counter: &AtomicU64, count: u64| {
            if count > 0 {
                counter.fetch_add(count, Relaxed);
            }
        };
        add(&self.spans, counts.spans);
        add(&self.events, counts.events);
        add(&self.logs, counts.logs);
        add(&self.points, counts.points);
    }

    pub(crate) fn get(&self) -> RecordCounts {
        RecordCounts {
            spans: self.spans.load(Relaxed),
            events: self.events.load(Relaxed),
            logs: self.logs.load(Relaxed),
            points: self.points.load(Relaxed),
        }
    }
}
