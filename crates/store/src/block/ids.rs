//! Columns of trace, span and parent ids: traces once each, spans as differences within their trace.
//!
//! A run's span ids are a base and a sequence, so that most differences take a byte; random ids are written whole.

use std::collections::HashMap;

use flowglass_model::{SpanId, TraceId};

use super::bytes::{Damaged, Reader, put_stream, put_varint, unzigzag, zigzag};
use crate::hash::BuildFastHasher;

/// A difference below this takes less than a whole id does.
const LARGEST_DIFFERENCE: u64 = 1 << 48;

/// The traces of a block in the order of their first row.
#[derive(Default)]
pub(super) struct TraceTable {
    traces: Vec<TraceId>,
    numbers: HashMap<TraceId, u32, BuildFastHasher>,
}

impl TraceTable {
    fn number(&mut self, trace: TraceId) -> u32 {
        let Self { traces, numbers } = self;
        *numbers.entry(trace).or_insert_with(|| {
            traces.push(trace);
            traces.len() as u32 - 1
        })
    }

    /// Returns the number of each row's trace. Rows of one trace mostly follow each other.
    pub(super) fn numbers(&mut self, column: &[TraceId]) -> Vec<u32> {
        let mut last = None;
        let mut number_of = |trace| match last {
            Some((same, number)) if same == trace => number,
            _ => {
                let number = self.number(trace);
                last = Some((trace, number));
                number
            }
        };
        column.iter().map(|&trace| number_of(trace)).collect()
    }

    pub(super) fn traces(&self) -> &[TraceId] {
        &self.traces
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.traces.iter().flat_map(|trace| trace.to_bytes()).collect()
    }
}

/// Reads the traces that [`TraceTable::encode`] wrote.
pub(super) fn decode_traces(section: &[u8]) -> Result<Vec<TraceId>, Damaged> {
    let (traces, rest) = section.as_chunks();
    if !rest.is_empty() {
        return Err(Damaged("a trace id is cut off"));
    }
    Ok(traces.iter().copied().map(TraceId::from_bytes).collect())
}

/// Ids on their way into a block: small numbers, which compress, and whole ids, which don't.
#[derive(Default)]
pub(super) struct IdStreams {
    /// The number of each row's trace.
    traces: Vec<u8>,
    spans: Vec<u8>,
    parents: Vec<u8>,
    whole: Vec<u8>,
}

impl IdStreams {
    /// Writes the streams of small numbers, and returns the whole ids.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Vec<u8> {
        put_stream(out, &self.traces);
        put_stream(out, &self.spans);
        put_stream(out, &self.parents);
        self.whole
    }
}

const WHOLE: u64 = 0;
/// A span that is the parent of the row before it in its trace: a root, which ends after what is below it.
const PARENT_BEFORE: u64 = 1;
const NO_PARENT: u64 = 1;
/// The same parent as in the row before in this trace.
const SAME_PARENT: u64 = 2;
/// What comes before differences in each stream.
const SPAN_CODES: u64 = 2;
const PARENT_CODES: u64 = 3;

/// The last ids of each trace.
type LastOfTrace = Vec<(u64, u64)>;

/// Writes the ids of spans with their parents.
pub(super) fn encode_spans(traces: usize, numbers: &[u32], spans: &[SpanId], parents: &[SpanId]) -> IdStreams {
    let mut streams = IdStreams::default();
    let mut last: LastOfTrace = vec![(0, 0); traces];
    for ((&number, span), parent) in numbers.iter().zip(spans).zip(parents) {
        put_varint(&mut streams.traces, u64::from(number));
        let (span, parent) = (span.to_u64(), parent.to_u64());
        let (last_span, last_parent) = &mut last[number as usize];
        match span {
            span if span == *last_parent && span != 0 => put_varint(&mut streams.spans, PARENT_BEFORE),
            span => put_difference(&mut streams.spans, &mut streams.whole, SPAN_CODES, *last_span, span),
        }
        match parent {
            0 => put_varint(&mut streams.parents, NO_PARENT),
            parent if parent == *last_parent => put_varint(&mut streams.parents, SAME_PARENT),
            parent => put_difference(&mut streams.parents, &mut streams.whole, PARENT_CODES, span, parent),
        }
        (*last_span, *last_parent) = (span, parent);
    }
    streams
}

/// Writes the ids of the spans that the rows of another table belong to.
pub(super) fn encode_owners(traces: usize, numbers: &[u32], spans: &[SpanId]) -> IdStreams {
    let mut streams = IdStreams::default();
    let mut last = vec![0; traces];
    for (&number, span) in numbers.iter().zip(spans) {
        put_varint(&mut streams.traces, u64::from(number));
        put_difference(&mut streams.spans, &mut streams.whole, SPAN_CODES, last[number as usize], span.to_u64());
        last[number as usize] = span.to_u64();
    }
    streams
}

fn put_difference(out: &mut Vec<u8>, whole: &mut Vec<u8>, codes: u64, from: u64, to: u64) {
    let folded = zigzag(to.wrapping_sub(from) as i64);
    if folded < LARGEST_DIFFERENCE {
        put_varint(out, folded + codes);
    } else {
        put_varint(out, WHOLE);
        whole.extend(to.to_le_bytes());
    }
}

fn difference(code: u64, whole: &mut Reader<'_>, codes: u64, from: u64) -> Result<u64, Damaged> {
    match code {
        WHOLE => whole.array().map(u64::from_le_bytes),
        code => {
            let folded = code.checked_sub(codes).ok_or(Damaged("an id has an unknown code"))?;
            Ok(from.wrapping_add(unzigzag(folded) as u64))
        }
    }
}

/// The streams of a table, being read.
struct StoredIds<'a> {
    traces: Reader<'a>,
    spans: Reader<'a>,
    parents: Reader<'a>,
}

impl<'a> StoredIds<'a> {
    fn open(reader: &mut Reader<'a>) -> Result<Self, Damaged> {
        Ok(Self { traces: reader.stream()?, spans: reader.stream()?, parents: reader.stream()? })
    }

    fn finish(self) -> Result<(), Damaged> {
        self.traces.finish()?;
        self.spans.finish()?;
        self.parents.finish()
    }
}

/// Columns of traces, spans and parents.
pub(super) type SpanIds = (Vec<TraceId>, Vec<SpanId>, Vec<SpanId>);

/// Reads what [`encode_spans`] wrote of `rows` rows.
pub(super) fn decode_spans(
    reader: &mut Reader<'_>,
    whole: &mut Reader<'_>,
    traces: &[TraceId],
    rows: usize,
) -> Result<SpanIds, Damaged> {
    let mut stored = StoredIds::open(reader)?;
    if rows > stored.traces.len() {
        return Err(Damaged("a head has another body"));
    }
    let mut last: LastOfTrace = vec![(0, 0); traces.len()];
    let mut columns = (Vec::with_capacity(rows), Vec::with_capacity(rows), Vec::with_capacity(rows));
    for _ in 0..rows {
        let number = stored.traces.varint32()? as usize;
        let trace = traces.get(number).ok_or(Damaged("a trace that isn't there is named"))?;
        let (last_span, last_parent) = &mut last[number];
        let span = match stored.spans.varint()? {
            PARENT_BEFORE => *last_parent,
            code => difference(code, whole, SPAN_CODES, *last_span)?,
        };
        let parent = match stored.parents.varint()? {
            NO_PARENT => 0,
            SAME_PARENT => *last_parent,
            code => difference(code, whole, PARENT_CODES, span)?,
        };
        (*last_span, *last_parent) = (span, parent);
        columns.0.push(*trace);
        columns.1.push(SpanId::from_u64(span));
        columns.2.push(SpanId::from_u64(parent));
    }
    stored.finish().map(|()| columns)
}

/// Reads what [`encode_owners`] wrote, to the end of the stream.
pub(super) fn decode_owners(
    reader: &mut Reader<'_>,
    whole: &mut Reader<'_>,
    traces: &[TraceId],
) -> Result<(Vec<TraceId>, Vec<SpanId>), Damaged> {
    let mut stored = StoredIds::open(reader)?;
    let mut last = vec![0; traces.len()];
    let mut columns = (Vec::new(), Vec::new());
    while !stored.traces.is_empty() {
        let number = stored.traces.varint32()? as usize;
        let trace = traces.get(number).ok_or(Damaged("a trace that isn't there is named"))?;
        last[number] = difference(stored.spans.varint()?, whole, SPAN_CODES, last[number])?;
        columns.0.push(*trace);
        columns.1.push(SpanId::from_u64(last[number]));
    }
    stored.finish().map(|()| columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many bytes compress, and how many don't.
    fn sizes(spans: &[SpanId], parents: &[SpanId]) -> (usize, usize) {
        let traces = [TraceId::random()];
        let column = vec![traces[0]; spans.len()];
        let mut table = TraceTable::default();
        let numbers = table.numbers(&column);
        let mut out = Vec::new();
        let whole = encode_spans(1, &numbers, spans, parents).finish(&mut out);
        let (mut reader, mut whole_reader) = (Reader::new(&out), Reader::new(&whole));
        let known = decode_traces(&table.encode()).unwrap();
        let found = decode_spans(&mut reader, &mut whole_reader, &known, spans.len()).unwrap();
        assert_eq!(found, (column.clone(), spans.to_vec(), parents.to_vec()));
        reader.finish().unwrap();
        whole_reader.finish().unwrap();
        let mut owners = Vec::new();
        let owners_whole = encode_owners(1, &numbers, spans).finish(&mut owners);
        let found = decode_owners(&mut Reader::new(&owners), &mut Reader::new(&owners_whole), &known).unwrap();
        assert_eq!(found, (column, spans.to_vec()));
        (out.len(), whole.len())
    }

    #[test]
    fn counted_ids_are_small_and_random_ones_are_whole_once() {
        let counted: Vec<_> = (0..100).map(|at| SpanId::from_u64((u64::MAX - 50).wrapping_add(at))).collect();
        assert_eq!(sizes(&counted, &vec![counted[0]; 100]).1, 0);
        let mut random: Vec<_> = (0..100).map(|_| SpanId::random()).collect();
        let root = SpanId::random();
        random.push(root);
        let mut below = vec![root; 100];
        below.push(SpanId::NONE);
        assert_eq!(sizes(&random, &below).1, 101 * 8, "a root's id is there once");
        let odd = [SpanId::NONE, SpanId::NONE, SpanId::from_u64(u64::MAX), SpanId::from_u64(u64::MAX)];
        sizes(&odd, &[odd[2], odd[2], odd[0], odd[2]]);
    }

    #[test]
    fn unknown_traces_and_cut_ids_are_refused() {
        assert!(decode_traces(&[0; 17]).is_err());
        let read = |bytes: &[u8], traces: &[TraceId]| {
            decode_owners(&mut Reader::new(bytes), &mut Reader::new(&[]), traces).map(|_| ())
        };
        let trace = [TraceId::random()];
        assert!(read(&[1, 0, 1, 2, 0], &[]).is_err(), "no such trace");
        assert!(read(&[1, 0, 1, 0, 0], &trace).is_err(), "no whole id is left");
        assert!(read(&[1, 0, 1, 1, 0], &trace).is_err(), "no such code");
        assert!(read(&[1, 0, 1, 2, 0], &trace).is_ok());
    }
}
