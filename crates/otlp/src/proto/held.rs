//! Events and links, found by their span: those of a batch, and those that wait for a span that hasn't ended yet.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use flowglass_model::{SpanId, TraceId};

/// Whose event it is.
pub(crate) type Owner = (TraceId, SpanId);

/// Events or links of a batch, found by their spans.
#[derive(Debug)]
pub(crate) struct OwnedRows<'a> {
    traces: &'a [TraceId],
    spans: &'a [SpanId],
    /// By the hash of a span, one more than the first row that may be of it; 0 where there is none. A power of two of them.
    first: Vec<u32>,
    /// By rows, one more than the next one with the same hash.
    next: Vec<u32>,
    written: Vec<bool>,
    /// Ids may come from anywhere, and nobody shall know which have one hash.
    seed: u64,
}

impl<'a> OwnedRows<'a> {
    /// Finds the rows of a table by the columns of their owners. Rows without a span are left out.
    pub(crate) fn new(traces: &'a [TraceId], spans: &'a [SpanId]) -> Self {
        let rows = traces.len().min(spans.len()).min(u32::MAX as usize - 1);
        let places = if rows == 0 { 0 } else { (2 * rows).next_power_of_two() };
        let (first, next, written) = (vec![0; places], vec![0; rows], vec![false; rows]);
        let mut owned = Self { traces, spans, first, next, written, seed: RandomState::new().hash_one(0) | 1 };
        // The last one first, so that they are found in the order in which they were recorded.
        (0..rows).rev().filter(|row| !spans[*row].is_none()).for_each(|row| owned.insert(row));
        owned
    }

    /// Tells of the rows of a span in the order in which they were recorded, and notes that they were asked for.
    #[inline]
    pub(crate) fn take(&mut self, (trace, span): Owner, mut tell: impl FnMut(usize)) {
        if self.first.is_empty() {
            return;
        }
        let mut row = self.first[self.place(span)];
        while let Some(at) = (row as usize).checked_sub(1) {
            if self.spans[at] == span && self.traces[at] == trace {
                self.written[at] = true;
                tell(at);
            }
            row = self.next[at];
        }
    }

    /// Iterates over the rows that nobody asked for, and their owners.
    pub(crate) fn left(&self) -> impl Iterator<Item = (Owner, usize)> + '_ {
        let unwritten = self.written.iter().enumerate().filter(|(_, written)| !**written);
        unwritten.map(|(row, _)| ((self.traces[row], self.spans[row]), row)).filter(|((_, span), _)| !span.is_none())
    }

    fn insert(&mut self, row: usize) {
        let place = self.place(self.spans[row]);
        self.next[row] = std::mem::replace(&mut self.first[place], row as u32 + 1);
    }

    #[inline]
    fn place(&self, span: SpanId) -> usize {
        (span.to_u64().wrapping_mul(self.seed) >> 32) as usize & (self.first.len() - 1)
    }
}

/// Events and links that came before the end of their span, written already.
#[derive(Debug)]
pub(crate) struct HeldParts {
    of_spans: HashMap<Owner, Held>,
    size_bytes: usize,
    most_bytes: usize,
    lost: u64,
}

/// What waits for one span.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Fields of a `Span`.
    pub(crate) fields: Vec<u8>,
    /// Events that there was no room for.
    pub(crate) lost: u32,
}

/// What an entry takes besides its bytes.
const ENTRY_BYTES: usize = 96;

impl HeldParts {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { of_spans: HashMap::new(), size_bytes: 0, most_bytes, lost: 0 }
    }

    /// Keeps a field for its span, or counts it where there is no room.
    pub(crate) fn put(&mut self, owner: Owner, field: &[u8]) {
        let added = field.len() + if self.of_spans.contains_key(&owner) { 0 } else { ENTRY_BYTES };
        if self.size_bytes + added > self.most_bytes {
            self.lost += 1;
            if let Some(held) = self.of_spans.get_mut(&owner) {
                held.lost += 1;
            }
            return;
        }
        self.size_bytes += added;
        self.of_spans.entry(owner).or_default().fields.extend_from_slice(field);
    }

    /// Gives what waits for a span that has ended.
    pub(crate) fn take(&mut self, owner: Owner) -> Option<Held> {
        if self.of_spans.is_empty() {
            return None;
        }
        let held = self.of_spans.remove(&owner)?;
        self.size_bytes -= held.fields.len() + ENTRY_BYTES;
        Some(held)
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(span: u64) -> Owner {
        (TraceId::default(), SpanId::from_u64(span))
    }

    #[test]
    fn rows_are_found_by_their_spans_in_their_order() {
        let (one, two) = (TraceId::from_bytes([1; 16]), TraceId::from_bytes([2; 16]));
        let ids = [7, 8, 0, 7, 7, 9].map(SpanId::from_u64);
        let traces = [one, one, one, one, two, one];
        let mut rows = OwnedRows::new(&traces, &ids);
        let mut take = |trace, span| {
            let mut found = Vec::new();
            rows.take((trace, SpanId::from_u64(span)), |row| found.push(row));
            found
        };
        assert_eq!((take(one, 7), take(two, 7), take(one, 8), take(two, 8)), (vec![0, 3], vec![4], vec![1], vec![]));
        let left: Vec<_> = rows.left().collect();
        assert_eq!(left, [((one, SpanId::from_u64(9)), 5)], "one without a span is nobody's");
        OwnedRows::new(&[], &[]).take(owner(1), |row| panic!("{row}"));
    }

    #[test]
    fn no_more_is_held_than_there_is_room_for() {
        let mut held = HeldParts::new(ENTRY_BYTES + 10);
        held.put(owner(1), &[1; 6]);
        held.put(owner(1), &[2; 6]);
        held.put(owner(2), &[3; 1]);
        let first = held.take(owner(1)).unwrap();
        assert_eq!((first.fields.len(), first.lost, held.lost()), (6, 1, 2));
        assert!(held.take(owner(1)).is_none() && held.take(owner(2)).is_none());
        held.put(owner(2), &[3; 10]);
        assert_eq!(held.take(owner(2)).unwrap().fields, [3; 10]);
        assert_eq!(held.size_bytes, 0);
    }
}
