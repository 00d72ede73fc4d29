//! Columns of trace, span and parent ids: traces once each, spans as differences within their trace.
//!
//! A run's span ids are a base and a sequence, so that most differences take a byte; random ids are written whole.

use std::collections::HashMap;

use flowglass_model::{SpanId, TraceId};

use super::bytes::{Damaged, Reader, put_stream, put_varint, unzigzag, zigzag};

/// A difference below this takes less than a whole id does.
const LARGEST_DIFFERENCE: u64 = 1 << 48;

/// The traces of a block in the order of their first row.
#[derive(Default)]
pub(super) struct TraceTable {
    traces: Vec<TraceId>,
    numbers: HashMap<TraceId, u32>,
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

/// Writes the traces and the ids of the rows of one table.
pub(super) fn put_owners(out: &mut Vec<u8>, traces: usize, numbers: &[u32], spans: &[SpanId]) {
    let (mut trace_stream, mut span_stream) = (Vec::with_capacity(spans.len()), Vec::with_capacity(spans.len() * 2));
    let mut last_of_trace = vec![0; traces];
    for (&number, span) in numbers.iter().zip(spans) {
        put_varint(&mut trace_stream, u64::from(number));
        let last = &mut last_of_trace[number as usize];
        put_difference(&mut span_stream, *last, span.to_u64());
        *last = span.to_u64();
    }
    put_stream(out, &trace_stream);
    put_stream(out, &span_stream);
}

/// Reads what [`put_owners`] wrote.
pub(super) fn owners(reader: &mut Reader<'_>, traces: &[TraceId]) -> Result<(Vec<TraceId>, Vec<SpanId>), Damaged> {
    let (mut trace_stream, mut span_stream) = (reader.stream()?, reader.stream()?);
    let mut last_of_trace = vec![0; traces.len()];
    let mut columns = (Vec::with_capacity(trace_stream.len()), Vec::with_capacity(trace_stream.len()));
    while !trace_stream.is_empty() {
        let number = trace_stream.varint32()? as usize;
        let trace = traces.get(number).ok_or(Damaged("a trace that isn't there is named"))?;
        last_of_trace[number] = difference(&mut span_stream, last_of_trace[number])?;
        columns.0.push(*trace);
        columns.1.push(SpanId::from_u64(last_of_trace[number]));
    }
    span_stream.finish().map(|()| columns)
}

fn put_difference(out: &mut Vec<u8>, from: u64, to: u64) {
    let folded = zigzag(to.wrapping_sub(from) as i64);
    if folded < LARGEST_DIFFERENCE {
        put_varint(out, folded + 1);
    } else {
        out.push(0);
        out.extend(to.to_le_bytes());
    }
}

fn difference(reader: &mut Reader<'_>, from: u64) -> Result<u64, Damaged> {
    match reader.varint()? {
        0 => reader.array().map(u64::from_le_bytes),
        folded => Ok(from.wrapping_add(unzigzag(folded - 1) as u64)),
    }
}

/// Writes the parents: none, the same as the row before, or the difference to the row's own id.
pub(super) fn put_parents(out: &mut Vec<u8>, spans: &[SpanId], parents: &[SpanId]) {
    let mut stream = Vec::with_capacity(parents.len());
    let mut last = SpanId::NONE;
    for (span, &parent) in spans.iter().zip(parents) {
        match parent {
            SpanId::NONE => stream.push(NO_PARENT),
            same if same == last => stream.push(SAME_PARENT),
            parent => put_parent(&mut stream, span.to_u64(), parent.to_u64()),
        }
        last = parent;
    }
    put_stream(out, &stream);
}

const NO_PARENT: u8 = 0;
const SAME_PARENT: u8 = 1;
const WHOLE_PARENT: u8 = 2;

fn put_parent(out: &mut Vec<u8>, span: u64, parent: u64) {
    let folded = zigzag(span.wrapping_sub(parent) as i64);
    if folded < LARGEST_DIFFERENCE {
        put_varint(out, folded + u64::from(WHOLE_PARENT) + 1);
    } else {
        out.push(WHOLE_PARENT);
        out.extend(parent.to_le_bytes());
    }
}

/// Reads what [`put_parents`] wrote.
pub(super) fn parents(reader: &mut Reader<'_>, spans: &[SpanId]) -> Result<Vec<SpanId>, Damaged> {
    const WHOLE: u64 = WHOLE_PARENT as u64;
    let mut stream = reader.stream()?;
    let mut last = 0;
    let mut parents = Vec::with_capacity(spans.len());
    for span in spans {
        last = match stream.varint()? {
            0 => 0,
            1 => last,
            WHOLE => stream.array().map(u64::from_le_bytes)?,
            folded => span.to_u64().wrapping_sub(unzigzag(folded - WHOLE - 1) as u64),
        };
        parents.push(SpanId::from_u64(last));
    }
    stream.finish().map(|()| parents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(spans: &[SpanId], parents_of: &[SpanId]) -> usize {
        let traces = [TraceId::random()];
        let column = vec![traces[0]; spans.len()];
        let mut table = TraceTable::default();
        let numbers = table.numbers(&column);
        let mut out = Vec::new();
        put_owners(&mut out, 1, &numbers, spans);
        put_parents(&mut out, spans, parents_of);
        let mut reader = Reader::new(&out);
        assert_eq!(owners(&mut reader, &decode_traces(&table.encode()).unwrap()).unwrap(), (column, spans.to_vec()));
        assert_eq!(parents(&mut reader, spans).unwrap(), parents_of);
        reader.finish().unwrap();
        out.len()
    }

    #[test]
    fn counted_ids_take_a_byte_a_column_and_random_ones_come_back_too() {
        let counted: Vec<_> =
            (0..100).map(|at| SpanId::from_u64(u64::MAX - 50).to_u64().wrapping_add(at)).map(SpanId::from_u64).collect();
        assert!(sizes(&counted, &vec![counted[0]; 100]) < 100 * 3 + 30);
        let random: Vec<_> = (0..100).map(|_| SpanId::random()).collect();
        assert!(sizes(&random, &random.iter().rev().copied().collect::<Vec<_>>()) <= 100 * 19 + 10);
        let odd = [SpanId::NONE, SpanId::NONE, SpanId::from_u64(u64::MAX), SpanId::from_u64(u64::MAX)];
        sizes(&odd, &[odd[2], odd[2], odd[0], odd[2]]);
    }

    #[test]
    fn unknown_traces_and_cut_ids_are_refused() {
        assert!(decode_traces(&[0; 17]).is_err());
        assert!(owners(&mut Reader::new(&[1, 0, 1, 1]), &[]).is_err());
        assert!(owners(&mut Reader::new(&[1, 0, 1, 0]), &[TraceId::random()]).is_err());
        assert!(parents(&mut Reader::new(&[0]), &[SpanId::NONE]).is_err());
    }
}
