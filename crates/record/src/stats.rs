//! What became of everything that was recorded.

/// Counts of a recorder, from its start on. Spans and events count one each.
///
/// After a flush, each sink has `recorded == delivered + dropped` ([`RecorderStats::dropped`]). In between, what is on
/// its way to a sink is in neither.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Spans and events recorded and seen by the collector, and those lost before.
    pub recorded: u64,
    /// Spans and events lost because all buffers were full.
    pub dropped_buffer_full: u64,
    /// Attributes and messages of spans lost because all buffers were full, or because a span has too many.
    pub dropped_attributes: u64,
    /// Values that were cut off because they are too long.
    pub truncated_values: u64,
    /// Spans and events of retained traces that were let go because retention was full.
    pub dropped_retained: u64,
    /// What became of all that at each sink.
    pub sinks: Vec<SinkStats>,
}

/// Counts of one sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SinkStats {
    /// The name that the sink was added by.
    pub name: String,
    /// Spans and events that the sink took.
    pub delivered: u64,
    /// Spans and events lost because the sink's queue was full.
    pub dropped_queue_full: u64,
    /// Spans and events that the sink refused, or that came after it panicked or was shut down.
    pub dropped_failed: u64,
    /// The sink's last error since the last flush, or why it is not used any more.
    pub error: Option<String>,
}

impl RecorderStats {
    /// Returns how many spans and events didn't reach a sink, wherever they were lost.
    #[must_use]
    pub const fn dropped(&self, sink: &SinkStats) -> u64 {
        self.dropped_buffer_full + sink.dropped_queue_full + sink.dropped_failed
    }
}
