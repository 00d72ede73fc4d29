//! Events and links, found by their span: those of a batch, and those that wait for a span that hasn't ended yet.

use std::collections::HashMap;

use flowglass_model::{SpanId, TraceId};

/// Whose event it is.
pub(crate) type Owner = (TraceId, SpanId);

/// Events or links of a batch, in order of their spans.
#[derive(Debug, Default)]
pub(crate) struct OwnedRows {
    rows: Vec<(Owner, usize)>,
    written: Vec<bool>,
}

impl OwnedRows {
    /// Finds the rows of a table by the columns of their owners. Rows without a span are left out.
    pub(crate) fn new(traces: &[TraceId], spans: &[SpanId]) -> Self {
        let owners = traces.iter().copied().zip(spans.iter().copied());
        let mut rows: Vec<_> = owners.enumerate().map(|(row, owner)| (owner, row)).collect();
        rows.retain(|((_, span), _)| !span.is_none());
        rows.sort_unstable();
        Self { written: vec![false; rows.len()], rows }
    }

    /// Returns the rows of a span in the order in which they were recorded, and notes that they were asked for.
    pub(crate) fn take(&mut self, owner: Owner) -> impl Iterator<Item = usize> + '_ {
        let row = |(_, row): &(Owner, usize)| *row;
        if self.rows.is_empty() {
            return self.rows[..0].iter().map(row);
        }
        let start = self.rows.partition_point(|(other, _)| *other < owner);
        let count = self.rows[start..].iter().take_while(|(other, _)| *other == owner).count();
        self.written[start..start + count].fill(true);
        self.rows[start..start + count].iter().map(row)
    }

    /// Iterates over the rows that nobody asked for.
    pub(crate) fn left(&self) -> impl Iterator<Item = (Owner, usize)> + '_ {
        self.rows.iter().zip(&self.written).filter(|(_, written)| !**written).map(|(row, _)| *row)
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
