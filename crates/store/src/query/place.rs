//! Where a thing stands in an answer: the one order that all stores keep, and that cursors name.

use std::cmp::Ordering;

use flowglass_model::{SpanId, TraceId};

use super::{Cursor, Sort, SortKey};

/// A thing's place in an answer: by what it is sorted, then by its trace, its span, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    descending: bool,
    pub(crate) key: SortKey,
    trace_id: TraceId,
    span_id: SpanId,
    /// Tells things apart that have no ids: events, logs and points.
    tie: u64,
}

impl Place {
    pub(crate) const fn new(sort: &Sort, key: SortKey, (trace_id, span_id): (TraceId, SpanId), tie: u64) -> Self {
        Self { descending: sort.descending, key, trace_id, span_id, tie }
    }

    /// Returns the place that a cursor names.
    pub(crate) fn of_cursor(cursor: &Cursor, sort: &Sort) -> Self {
        Self::new(sort, cursor.key.clone(), (cursor.trace_id, cursor.span_id), cursor.tie)
    }

    /// Returns a cursor behind as many of the things at this place.
    pub(crate) fn into_cursor(self, seen: u32) -> Cursor {
        Cursor { key: self.key, trace_id: self.trace_id, span_id: self.span_id, tie: self.tie, seen }
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.key.cmp(&other.key);
        let keys = if self.descending { keys.reverse() } else { keys };
        let rest = |place: &Self| (place.trace_id, place.span_id, place.tie);
        keys.then_with(|| rest(self).cmp(&rest(other)))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
