//! Attributes and messages of spans that are still open, kept as they stand in their records until the end comes.

use flowglass_model::SpanId;

use crate::id_hash::IdMap;
use crate::raw::{Field, Fields};

/// So many fields are kept of a span; further ones are lost, counted.
const FIELDS: usize = 128;
/// So many empty buffers are kept.
const SPARE: usize = 256;

/// What was said of open spans.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    of_spans: IdMap<SpanId, OfSpan>,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct OfSpan {
    scope: u64,
    fields: usize,
    bytes: Vec<u8>,
}

impl Parts {
    /// Keeps fields of a span; returns how many had no room.
    pub(crate) fn add(&mut self, scope: u64, span: SpanId, fields: Fields<'_>) -> u64 {
        let of_span = self.of_spans.entry(span).or_insert_with(|| OfSpan {
            scope,
            fields: 0,
            bytes: self.spare.pop().unwrap_or_default(),
        });
        if of_span.fields >= FIELDS {
            let mut each = fields;
            let replaced = each.all(|field| of_span.replace(&field));
            return if replaced { of_span.append(fields) } else { 1 };
        }
        of_span.fields += 1;
        of_span.append(fields)
    }

    /// Returns what was said of a span so far.
    pub(crate) fn get(&self, span: SpanId) -> Fields<'_> {
        Fields::new(self.of_spans.get(&span).map_or(&[], |of_span| &of_span.bytes))
    }

    /// Forgets a span.
    pub(crate) fn remove(&mut self, span: SpanId) {
        if self.of_spans.is_empty() {
            return;
        }
        if let Some(of_span) = self.of_spans.remove(&span) {
            self.keep(of_span.bytes);
        }
    }

    /// Forgets the spans of scopes that are gone.
    pub(crate) fn remove_scopes(&mut self, is_gone: impl Fn(u64) -> bool) {
        self.of_spans.retain(|_, of_span| !is_gone(of_span.scope));
    }

    fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

impl OfSpan {
    fn append(&mut self, fields: Fields<'_>) -> u64 {
        self.bytes.extend_from_slice(fields.bytes());
        0
    }

    /// Makes room for a field by forgetting the one with the same key; says whether there was one.
    fn replace(&mut self, field: &Field<'_>) -> bool {
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut rest = Fields::new(&self.bytes);
        let mut found = false;
        loop {
            let before = rest.bytes();
            let Some(known) = rest.next() else { break };
            let is_same = known.is_about_the_same(field);
            found |= is_same;
            if !is_same {
                kept.extend_from_slice(&before[..before.len() - rest.bytes().len()]);
            }
        }
        self.bytes = kept;
        found
    }
}
