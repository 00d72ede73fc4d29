//! Blocks: up to some hundreds of spans and events as compressed columns. Part of the file format.
//!
//! A block has two parts. The head holds what most questions ask of all spans: times, names, statuses. The body holds ids,
//! attributes and events, which are read only where the head, or a sketch, says that something is there to find.

mod attributes;
pub(crate) mod bytes;
mod frame;
mod ids;
mod lanes;
mod texts;
mod times;

use std::borrow::Cow;

use flowglass_model::{
    Arena, AttributeColumns, Batch, EventColumns, Extras, SpanColumns, SpanKind, SpanType, Status, Sym, TraceId,
};

pub(crate) use bytes::Damaged;
use bytes::{Reader, put_stream, put_varint, unzigzag, zigzag};
pub(crate) use frame::{FrameDecoder, FrameEncoder};
use ids::TraceTable;
use texts::TextTable;

/// Both parts of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// Spans and events to write, with the arena that holds their texts.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) spans: &'a SpanColumns,
    pub(crate) events: &'a EventColumns,
}

impl<'a> Rows<'a> {
    /// Takes the ended spans and the events of a batch.
    pub(crate) fn of(batch: &'a Batch) -> Self {
        Self { arena: &batch.arena, spans: &batch.spans, events: &batch.events }
    }
}

/// Turns rows into a block.
///
/// # Errors
/// A column is larger than a frame may be, or the compressor has no memory.
pub(crate) fn encode(rows: Rows<'_>, encoder: &mut FrameEncoder) -> std::io::Result<Encoded> {
    let mut texts = TextTable::new(rows.arena);
    let words = span_words(rows.spans, &mut texts);
    let in_head = texts.len();
    let mut head = Vec::new();
    put_varint(&mut head, rows.spans.len() as u64);
    put_stream(&mut head, &frame::plain(&times::encode(&rows.spans.start_unix_ns, &rows.spans.duration_ns)));
    put_stream(&mut head, &encoder.encode(&streams(&[texts.encode(0), words]))?);
    let mut body = Vec::new();
    for part in body_parts(rows, &mut texts, in_head) {
        put_stream(&mut body, &encoder.encode(&part)?);
    }
    Ok(Encoded { head, body })
}

fn streams(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 5).sum());
    parts.iter().for_each(|part| put_stream(&mut out, part));
    out
}

/// Returns the contents of the body's frames: ids, then texts and attributes, then byte strings, which don't compress.
fn body_parts(rows: Rows<'_>, texts: &mut TextTable<'_>, in_head: usize) -> [Vec<u8>; 3] {
    let mut traces = TraceTable::default();
    let span_traces = traces.numbers(&rows.spans.trace_id);
    let event_traces = traces.numbers(&rows.events.trace_id);
    let known = traces.traces().len();
    let of_spans = attributes::encode(&rows.spans.attributes, texts);
    let of_events = attributes::encode(&rows.events.attributes, texts);
    let events = events(rows.events, &event_traces, known, texts);
    let ids = [traces.encode(), span_ids(rows.spans, &span_traces, known)];
    let columns = [texts.encode(in_head), of_spans.layout, events, of_events.layout];
    let blobs = [of_spans.blob, of_events.blob];
    [streams(&ids), streams(&columns), streams(&blobs)]
}

fn span_ids(spans: &SpanColumns, traces_of_rows: &[u32], traces: usize) -> Vec<u8> {
    let mut out = Vec::new();
    ids::put_owners(&mut out, traces, traces_of_rows, &spans.span_id);
    ids::put_parents(&mut out, &spans.span_id, &spans.parent_id);
    out
}

fn put_all(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>) {
    let mut stream = Vec::with_capacity(numbers.size_hint().0);
    numbers.for_each(|number| put_varint(&mut stream, number));
    put_stream(out, &stream);
}

fn span_words(spans: &SpanColumns, texts: &mut TextTable<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_all(&mut out, spans.name.iter().map(|&name| texts.number(name)));
    put_all(&mut out, spans.kind.iter().map(|kind| u64::from(kind.code())));
    put_all(&mut out, spans.span_type.iter().map(|span_type| u64::from(span_type.code())));
    put_all(&mut out, spans.status.iter().map(|status| u64::from(status.code())));
    put_all(&mut out, spans.status_message.iter().map(|&message| texts.number(message)));
    put_all(&mut out, spans.flags.iter().copied().map(u64::from));
    out
}

fn events(events: &EventColumns, traces_of_rows: &[u32], traces: usize, texts: &mut TextTable<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    ids::put_owners(&mut out, traces, traces_of_rows, &events.span_id);
    put_all(&mut out, events.name.iter().map(|&name| texts.number(name)));
    let mut last = 0;
    let differences = events.unix_ns.iter().map(|&at| zigzag(at.wrapping_sub(std::mem::replace(&mut last, at))));
    put_all(&mut out, differences);
    out
}

/// The head of a block, opened: its columns have no ids and no attributes.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) arena: Arena,
    pub(crate) spans: SpanColumns,
}

/// Opens the head of a block.
///
/// # Errors
/// The bytes are not what [`encode`] writes.
pub(crate) fn decode_head(head: &[u8], decoder: &mut FrameDecoder) -> Result<Head, Damaged> {
    let parts = HeadParts::open(head, decoder)?;
    let (rows, mut words) = (parts.rows, Reader::new(&parts.words));
    let arena = head_texts(&mut words)?;
    let texts = arena.len();
    let (start_unix_ns, duration_ns) = times::decode(&parts.times, rows)?;
    let mut words = words.stream()?;
    let spans = SpanColumns {
        name: column(&mut words, rows, |words| texts::sym(words, texts))?,
        kind: column(&mut words, rows, |words| code(words, SpanKind::from_code))?,
        span_type: column(&mut words, rows, |words| code(words, SpanType::from_code))?,
        status: column(&mut words, rows, |words| code(words, Status::from_code))?,
        status_message: column(&mut words, rows, |words| texts::sym(words, texts))?,
        flags: column(&mut words, rows, Reader::varint32)?,
        start_unix_ns,
        duration_ns,
        ..SpanColumns::default()
    };
    words.finish().map(|()| Head { arena, spans })
}

/// The name and the duration of each span of a block.
#[derive(Debug)]
pub(crate) struct Durations {
    pub(crate) arena: Arena,
    pub(crate) name: Vec<Sym>,
    pub(crate) duration_ns: Vec<u64>,
}

/// Opens as little of the head as names and durations take.
///
/// # Errors
/// As [`decode_head`].
pub(crate) fn decode_durations(head: &[u8], decoder: &mut FrameDecoder) -> Result<Durations, Damaged> {
    let parts = HeadParts::open(head, decoder)?;
    let mut words = Reader::new(&parts.words);
    let arena = head_texts(&mut words)?;
    let texts = arena.len();
    let duration_ns = times::durations(&parts.times, parts.rows)?;
    let name = column(&mut words.stream()?, parts.rows, |words| texts::sym(words, texts))?;
    Ok(Durations { arena, name, duration_ns })
}

struct HeadParts<'a> {
    rows: usize,
    times: Cow<'a, [u8]>,
    words: Cow<'a, [u8]>,
}

impl<'a> HeadParts<'a> {
    fn open(head: &'a [u8], decoder: &mut FrameDecoder) -> Result<Self, Damaged> {
        let mut head = Reader::new(head);
        let rows = usize::try_from(head.varint()?).map_err(|_| Damaged("a count is too large"))?;
        let times = decoder.decode(head.stream()?.rest())?;
        let words = decoder.decode(head.stream()?.rest())?;
        head.finish().map(|()| Self { rows, times, words })
    }
}

fn head_texts(words: &mut Reader<'_>) -> Result<Arena, Damaged> {
    let mut arena = Arena::default();
    texts::decode(words.stream()?, &mut arena).map(|()| arena)
}

/// Adds the body to an opened head: the spans get ids and attributes, and the events come.
///
/// # Errors
/// The bytes are not what [`encode`] writes, or belong to another head.
pub(crate) fn decode_body(head: Head, body: &[u8], decoder: &mut FrameDecoder) -> Result<Batch, Damaged> {
    let Head { mut arena, mut spans } = head;
    let rows = spans.start_unix_ns.len();
    let mut frames = Reader::new(body);
    let ids = decoder.decode(frames.stream()?.rest())?;
    let columns = decoder.decode(frames.stream()?.rest())?;
    let blobs = decoder.decode(frames.stream()?.rest())?;
    frames.finish()?;
    let (mut ids, mut columns, mut blobs) = (Reader::new(&ids), Reader::new(&columns), Reader::new(&blobs));
    let traces = ids::decode_traces(ids.stream()?.rest())?;
    texts::decode(columns.stream()?, &mut arena)?;
    let texts = arena.len();
    let mut owners = ids.stream()?;
    (spans.trace_id, spans.span_id) = ids::owners(&mut owners, &traces)?;
    if spans.span_id.len() != rows {
        return Err(Damaged("a head has another body"));
    }
    spans.parent_id = ids::parents(&mut owners, &spans.span_id)?;
    owners.finish()?;
    spans.attributes = attributes::decode(columns.stream()?, blobs.stream()?, rows, texts, &mut arena)?;
    let mut events = decode_events(columns.stream()?, &traces, texts)?;
    events.attributes = attributes::decode(columns.stream()?, blobs.stream()?, events.len(), texts, &mut arena)?;
    [ids, columns, blobs].into_iter().try_for_each(Reader::finish)?;
    Ok(Batch { arena, spans, events, ..Batch::default() })
}

/// Opens a whole block.
///
/// # Errors
/// The bytes are not what [`encode`] writes.
pub(crate) fn decode(head: &[u8], body: &[u8], decoder: &mut FrameDecoder) -> Result<Batch, Damaged> {
    let head = decode_head(head, decoder)?;
    decode_body(head, body, decoder)
}

fn decode_events(mut reader: Reader<'_>, traces: &[TraceId], texts: usize) -> Result<EventColumns, Damaged> {
    let (trace_id, span_id) = ids::owners(&mut reader, traces)?;
    let rows = span_id.len();
    let name = column(&mut reader, rows, |names| texts::sym(names, texts))?;
    let mut last = 0i64;
    let unix_ns = column(&mut reader, rows, |times| {
        last = last.wrapping_add(unzigzag(times.varint()?));
        Ok(last)
    })?;
    reader.finish()?;
    let (attributes, extras) = (AttributeColumns::default(), Extras::default());
    Ok(EventColumns { trace_id, span_id, name, unix_ns, attributes, extras })
}

fn column<'a, T>(
    reader: &mut Reader<'a>,
    rows: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Damaged>,
) -> Result<Vec<T>, Damaged> {
    let mut stream = reader.stream()?;
    if rows > stream.len() {
        return Err(Damaged("a column is too short"));
    }
    let column = (0..rows).map(|_| read(&mut stream)).collect::<Result<_, _>>()?;
    stream.finish().map(|()| column)
}

fn code<T>(reader: &mut Reader<'_>, from_code: fn(u8) -> Option<T>) -> Result<T, Damaged> {
    from_code(reader.byte()?).ok_or(Damaged("a span has an unknown code"))
}

#[cfg(test)]
mod tests;
