//! Attributes that a span has in common with the one before: their bytes are copied from there, many at once.

use flowglass_model::{Arena, AttributeColumns, Scalar, Sym};

use super::value::write_scalar;
use super::writer::Writer;

/// Where the attributes of the span that was written last stand.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Its row.
    row: usize,
    /// Where its message ends; 0 where there is none.
    end: usize,
    /// Where each of its attributes begins, and the last one ends: counted from the end of the message, which may have been moved.
    places: Vec<usize>,
    /// The same of the span that is written now, counted from the beginning of the buffer.
    now: Vec<usize>,
}

impl Repeats {
    /// Notes that a span was written, up to the end of the buffer.
    #[inline]
    pub(super) fn note(&mut self, row: usize, unmoved_end: usize, end: usize) {
        // Where nothing of the span was noted, there is nothing to copy.
        (self.row, self.end) = (row, if self.now.is_empty() { 0 } else { end });
        self.places.clear();
        self.places.extend(self.now.drain(..).map(|place| unmoved_end - place));
    }

    /// Writes the attributes of a row, as fields 9 of the span whose message follows the buffer's first `begin` bytes.
    #[inline]
    pub(super) fn write(&mut self, w: &mut Writer<'_>, arena: &Arena, columns: &AttributeColumns, row: usize, begin: usize) {
        let (keys, values) = slices(columns, row);
        // What was written in between may have moved what stands before.
        let (old_keys, old_values) =
            if self.end == begin && begin > 0 { slices(columns, self.row) } else { (&[][..], &[][..]) };
        let mut equal_from = None;
        self.now.clear();
        let mut at = w.len();
        for (place, (key, value)) in keys.iter().zip(values).enumerate() {
            self.now.push(at);
            let is_equal = old_keys.get(place) == Some(key) && old_values.get(place).is_some_and(|old| is_same(old, value));
            if is_equal {
                at += self.places[place] - self.places[place + 1];
                equal_from = equal_from.or(Some(place));
                continue;
            }
            if let Some(from) = equal_from.take() {
                w.again(self.end - self.places[from]..self.end - self.places[place]);
            }
            write_scalar(w, 9, arena, *key, *value);
            at = w.len();
        }
        if let Some(from) = equal_from {
            w.again(self.end - self.places[from]..self.end - self.places[keys.len()]);
        }
        self.now.push(at);
    }
}

#[inline]
fn slices(columns: &AttributeColumns, row: usize) -> (&[Sym], &[Scalar]) {
    let start = row.checked_sub(1).map_or(0, |before| columns.ends[before] as usize);
    let range = start..columns.ends[row] as usize;
    (&columns.keys[range.clone()], &columns.values[range])
}

/// Says whether two values are written alike: zero has two signs.
#[inline]
fn is_same(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        (Scalar::Float(one), Scalar::Float(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use flowglass_model::{AttributeValue, Attributes, BatchBuilder, Span, SpanId, TraceId};

    use crate::{decode_traces, encode_traces};

    fn value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            (0i64..3).prop_map(AttributeValue::Int),
            prop_oneof![Just(0.0), Just(-0.0), Just(1.5)].prop_map(AttributeValue::Float),
            any::<bool>().prop_map(AttributeValue::Bool),
            prop_oneof![Just(""), Just("a"), Just("a text that is a little longer than what is copied as a whole")]
                .prop_map(|text| AttributeValue::Str(text.to_owned())),
            (0usize..3).prop_map(|some| AttributeValue::List(vec![AttributeValue::Null; some])),
            Just(AttributeValue::Null),
        ]
    }

    fn attributes() -> impl Strategy<Value = Attributes> {
        proptest::collection::vec((prop_oneof![Just("a".to_owned()), Just("b".to_owned())], value()), 0..5)
    }

    proptest! {
        #[test]
        fn spans_that_have_something_in_common_come_back(
            some in proptest::collection::vec((attributes(), 1usize..4, prop_oneof![Just(0), Just(20), Just(20_000)]), 0..8),
        ) {
            let mut spans = Vec::new();
            for (attributes, times, name) in some {
                for _ in 0..times {
                    spans.push(Span {
                        trace_id: TraceId::from_bytes([7; 16]),
                        span_id: SpanId::from_u64(spans.len() as u64 + 1),
                        name: "n".repeat(name),
                        attributes: attributes.clone(),
                        ..Span::default()
                    });
                }
            }
            let mut builder = BatchBuilder::default();
            spans.iter().for_each(|span| builder.push(span));
            let decoded = decode_traces(&encode_traces(&builder.finish())).unwrap();
            let found: Vec<Span> = decoded.batches.iter().flat_map(|batch| batch.spans().map(|span| span.to_span())).collect();
            prop_assert_eq!(format!("{found:?}"), format!("{spans:?}"), "as text, because zero has two signs");
        }
    }
}
