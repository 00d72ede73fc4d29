//! Which spans are wanted, in the plain terms that sketches can decide: what is left of a query after all else is taken away.

use flowglass_model::{AttributeValue, SpanId, Status, TraceId};

/// Which spans are wanted: those that everything given here holds for, the latest start first.
///
/// ```
/// use flowglass_store::SpanFilter;
/// use flowglass_model::Status;
///
/// let failed = SpanFilter { status: Some(Status::Error), ..SpanFilter::default() };
/// let slow = SpanFilter { min_duration_ns: 2_000_000_000, ..SpanFilter::default() };
/// let hits = SpanFilter { attributes: vec![("cache.status".into(), "hit".into())], ..SpanFilter::default() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SpanFilter {
    /// Only spans of this trace.
    pub trace_id: Option<TraceId>,
    /// Only the span with this id.
    pub span_id: Option<SpanId>,
    /// Only spans directly below this one; [`SpanId::NONE`] asks for roots.
    pub parent_id: Option<SpanId>,
    /// Only spans that started at this time or later, in nanoseconds since 1970 UTC.
    pub min_start_unix_ns: i64,
    /// Only spans that started before this time, in nanoseconds since 1970 UTC.
    pub end_start_unix_ns: i64,
    /// Only spans with exactly this name.
    pub name: Option<String>,
    /// Only spans that stand like this.
    pub status: Option<Status>,
    /// Only spans that took as long or longer, in nanoseconds.
    pub min_duration_ns: u64,
    /// Only spans that took as long or less, in nanoseconds.
    pub max_duration_ns: u64,
    /// Only spans with all of these attributes, each with exactly this value of exactly this type.
    pub attributes: Vec<(String, AttributeValue)>,
    /// Only spans that come after this one in the order of the answer: a start and a span id, those of the last span of the
    /// page before.
    pub after: Option<(i64, SpanId)>,
    /// The most spans to return; 20 by default. Counts don't look at it.
    pub limit: usize,
}

impl Default for SpanFilter {
    fn default() -> Self {
        Self {
            trace_id: None,
            span_id: None,
            parent_id: None,
            min_start_unix_ns: i64::MIN,
            end_start_unix_ns: i64::MAX,
            name: None,
            status: None,
            min_duration_ns: 0,
            max_duration_ns: u64::MAX,
            attributes: Vec::new(),
            after: None,
            limit: 20,
        }
    }
}
