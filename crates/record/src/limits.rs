//! How much one span may have.

/// How much one span may have. What is left out is counted: on the span, and in
/// [`RecorderStats`](crate::RecorderStats).
///
/// Of more events than `events`, the first and the last ones are kept, half each: how it began was shown while the span
/// ran, and how it ended says most. A flush passes on what was held back until then, so that a span which is flushed in
/// between may have more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanLimits {
    /// So many events. Default: 100.
    pub events: usize,
    /// So many attributes that are given while the span is open. Default: 128.
    pub attributes: usize,
    /// So many links. Default: 128.
    pub links: usize,
    /// So many bytes of a value of an attribute, cut between characters. Default: no limit here; of a text that is given to a span,
    /// a recorder keeps 16 KiB at the most.
    pub value_bytes: usize,
}

impl Default for SpanLimits {
    fn default() -> Self {
        Self { events: 100, attributes: 128, links: 128, value_bytes: usize::MAX }
    }
}

impl SpanLimits {
    /// Returns how many of the first and how many of the last events are kept.
    pub(crate) const fn first_and_last_events(self) -> (usize, usize) {
        (self.events - self.events / 2, self.events / 2)
    }
}
