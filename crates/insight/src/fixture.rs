//! Runs made by hand for tests: ids from a counter, times in milliseconds.

use flowglass_model::{AttributeValue, Span, SpanId, SpanKind, SpanType, Status, TraceId};
use proptest::prelude::*;

const START_UNIX_NS: i64 = 1_700_000_000_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Runs {
    spans: Vec<Span>,
}

impl Runs {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a span below another and returns its place.
    pub(crate) fn add(&mut self, parent: Option<usize>, span_type: SpanType, name: &str, at_ms: u64, ms: u64) -> usize {
        let parent_id = parent.map_or(SpanId::NONE, |parent| self.spans[parent].span_id);
        let word = if span_type == SpanType::Custom { String::new() } else { format!("{span_type} ") };
        let mut span = span(self.spans.len() as u64 + 1, parent_id, at_ms * 1_000_000, ms * 1_000_000);
        span.name = format!("{word}{name}");
        span.span_type = span_type;
        self.spans.push(span);
        self.spans.len() - 1
    }

    pub(crate) fn set(&mut self, at: usize, key: &str, value: impl Into<AttributeValue>) {
        self.spans[at].attributes.push((key.to_owned(), value.into()));
    }

    pub(crate) fn fail(&mut self, at: usize, message: &str) {
        self.spans[at].status = Status::Error;
        self.spans[at].status_message = message.to_owned();
    }

    pub(crate) fn span(&self, at: usize) -> &Span {
        &self.spans[at]
    }

    pub(crate) fn span_mut(&mut self, at: usize) -> &mut Span {
        &mut self.spans[at]
    }

    pub(crate) fn into_spans(self) -> Vec<Span> {
        self.spans
    }
}

fn span(id: u64, parent_id: SpanId, offset_ns: u64, duration_ns: u64) -> Span {
    Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(id),
        parent_id,
        name: String::new(),
        kind: SpanKind::Internal,
        span_type: SpanType::Custom,
        status: Status::Ok,
        status_message: String::new(),
        start_unix_ns: START_UNIX_NS.saturating_add_unsigned(offset_ns),
        duration_ns,
        flags: 1,
        attributes: Vec::new(),
        ..Span::default()
    }
}

/// Spans with ids and parents from a small range, so that duplicates, orphans and circles are common, and any times.
pub(crate) fn arbitrary_spans() -> impl Strategy<Value = Vec<Span>> {
    let time = prop_oneof![0..1_000_u64, any::<u64>()];
    let one =
        (0..24_u64, 0..24_u64, time.clone(), time, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>());
    prop::collection::vec(one, 0..40).prop_map(|rows| {
        rows.into_iter()
            .map(|(id, parent, start, duration, kind, status, total)| {
                let parent = SpanId::from_u64(parent);
                let mut span = span(id, parent, start, duration);
                span.span_type = *kind.get(SpanType::ALL);
                span.status = *status.get(Status::ALL);
                span.name = format!("s{id}");
                let total = i64::from(total);
                span.attributes =
                    ["map.total", "map.unsampled", "cache.saved_ms"].map(|key| (key.to_owned(), total.into())).into();
                span
            })
            .collect()
    })
}
