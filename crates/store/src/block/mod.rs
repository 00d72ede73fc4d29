//! Blocks: up to some hundreds of spans and events as compressed columns. Part of the file format.
//!
//! A block has two parts. The head holds what most questions ask of all spans: times, names, statuses. The body holds ids,
//! attributes and events, which are read only where the head, or a sketch, says that something is there to find.

mod attributes;
pub(crate) mod bytes;
mod frame;
mod ids;
mod lanes;
mod packed;
mod points;
pub(crate) mod rest;
mod texts;
mod times;

use flowglass_model::{
    Arena, AttributeColumns, Batch, EventColumns, Extras, SpanColumns, SpanKind, SpanType, Status, Sym, TraceId,
};

use crate::sketch::fingerprint;
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

/// What to write: these spans, and all else of the batch that they are of.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) spans: &'a SpanColumns,
}

impl<'a> Rows<'a> {
    /// Takes the ended spans of a batch, its events, links, logs and metrics.
    pub(crate) fn of(batch: &'a Batch) -> Self {
        Self { batch, spans: &batch.spans }
    }
}

/// Turns rows into a block.
///
/// # Errors
/// A column is larger than a frame may be, or the compressor has no memory.
pub(crate) fn encode(rows: Rows<'_>, encoder: &mut FrameEncoder) -> std::io::Result<Encoded> {
    let mut texts = TextTable::new(&rows.batch.arena);
    let words = span_words(rows.spans, &mut texts);
    let in_head = texts.len();
    let mut head = Vec::new();
    put_varint(&mut head, rows.spans.len() as u64);
    let (starts, durations) = times::encode(&rows.spans.start_unix_ns, &rows.spans.duration_ns);
    put_stream(&mut head, &encoder.encode(&starts)?);
    put_stream(&mut head, &encoder.encode(&durations)?);
    put_stream(&mut head, &encoder.encode(&streams(&[texts.encode(0), words]))?);
    let mut body = Vec::new();
    let (parts, points) = body_parts(rows, &mut texts, in_head);
    let rest = rest::encode(rows.batch, rows.spans)?;
    for part in parts.iter().chain([&rest]).chain(points.iter().flatten()) {
        put_stream(&mut body, &encoder.encode(part)?);
    }
    Ok(Encoded { head, body })
}

fn streams(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 5).sum());
    parts.iter().for_each(|part| put_stream(&mut out, part));
    out
}

/// Returns the contents of the body's frames: ids, then texts and attributes, then whole ids and byte strings, which don't compress;
/// and those of metrics, if there are any.
fn body_parts(rows: Rows<'_>, texts: &mut TextTable<'_>, in_head: usize) -> ([Vec<u8>; 4], Option<points::Sections>) {
    let Rows { spans, batch: batch @ Batch { events, .. } } = rows;
    let mut traces = TraceTable::default();
    let (span_traces, event_traces) = (traces.numbers(&spans.trace_id), traces.numbers(&events.trace_id));
    let exemplar_traces = traces.numbers(&batch.points.exemplars.trace_id);
    let known = traces.traces().len();
    let (mut ids, mut event_columns) = (Vec::new(), Vec::new());
    let whole = ids::encode_spans(known, &span_traces, &spans.span_id, &spans.parent_id).finish(&mut ids);
    let event_whole = ids::encode_owners(known, &event_traces, &events.span_id).finish(&mut event_columns);
    let of_spans = attributes::encode(&spans.attributes, texts);
    put_events(&mut event_columns, events, texts);
    let of_events = attributes::encode(&events.attributes, texts);
    let points = points::encode(batch, texts, &exemplar_traces, known);
    let columns = [texts.encode(in_head), of_spans.layout, event_columns, of_events.layout];
    let whole_parts = [of_spans.blob, event_whole, of_events.blob];
    ([ids, streams(&[traces.encode(), whole]), streams(&columns), streams(&whole_parts)], points)
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

fn put_events(out: &mut Vec<u8>, events: &EventColumns, texts: &mut TextTable<'_>) {
    put_all(out, events.name.iter().map(|&name| texts.number(name)));
    let mut last = 0;
    let differences = events.unix_ns.iter().map(|&at| zigzag(at.wrapping_sub(std::mem::replace(&mut last, at))));
    put_all(out, differences);
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
    let HeadFrames { rows, starts, durations, words } = HeadFrames::open(head)?;
    let (starts, durations, words) = (decoder.decode(starts)?, decoder.decode(durations)?, decoder.decode(words)?);
    let (start_unix_ns, duration_ns) = times::decode(&starts, &durations, rows)?;
    let mut words = Reader::new(&words);
    let arena = head_texts(&mut words)?;
    let texts = arena.len();
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
    let HeadFrames { rows, durations, words, .. } = HeadFrames::open(head)?;
    let words = decoder.decode(words)?;
    let mut words = Reader::new(&words);
    let arena = head_texts(&mut words)?;
    let texts = arena.len();
    // Names come first: all durations can be zero and take no bytes, so that only names tell a true count from a hostile one.
    let name = column(&mut words.stream()?, rows, |words| texts::sym(words, texts))?;
    let duration_ns = times::durations(&decoder.decode(durations)?, rows)?;
    Ok(Durations { arena, name, duration_ns })
}

/// The frames of a head, still closed: a question opens those that it needs.
struct HeadFrames<'a> {
    rows: usize,
    starts: &'a [u8],
    durations: &'a [u8],
    words: &'a [u8],
}

impl<'a> HeadFrames<'a> {
    fn open(head: &'a [u8]) -> Result<Self, Damaged> {
        let mut head = Reader::new(head);
        let rows = usize::try_from(head.varint()?).map_err(|_| Damaged("a count is too large"))?;
        let mut next = || Ok(head.stream()?.rest());
        let frames = Self { rows, starts: next()?, durations: next()?, words: next()? };
        head.finish().map(|()| frames)
    }
}

fn head_texts(words: &mut Reader<'_>) -> Result<Arena, Damaged> {
    let mut arena = Arena::default();
    texts::decode(words.stream()?, &mut arena).map(|()| arena)
}

/// Adds only the ids to an opened head.
///
/// # Errors
/// The bytes are not what [`encode`] writes, or belong to another head.
pub(crate) fn decode_ids(head: Head, body: &[u8], decoder: &mut FrameDecoder) -> Result<SpanColumns, Damaged> {
    let mut spans = head.spans;
    read_ids(&mut spans, &mut Reader::new(body), decoder).map(|_| spans)
}

/// Reads the first two frames of a body, and returns the traces that the others refer to.
fn read_ids(spans: &mut SpanColumns, frames: &mut Reader<'_>, decoder: &mut FrameDecoder) -> Result<Vec<TraceId>, Damaged> {
    let ids = decoder.decode(frames.stream()?.rest())?;
    let whole = decoder.decode(frames.stream()?.rest())?;
    let (mut ids, mut whole) = (Reader::new(&ids), Reader::new(&whole));
    let traces = ids::decode_traces(whole.stream()?.rest())?;
    let rows = spans.start_unix_ns.len();
    let mut whole_ids = whole.stream()?;
    (spans.trace_id, spans.span_id, spans.parent_id) = ids::decode_spans(&mut ids, &mut whole_ids, &traces, rows)?;
    [ids, whole, whole_ids].into_iter().try_for_each(Reader::finish)?;
    Ok(traces)
}

/// Adds the body to an opened head: the spans get ids and attributes, and the events come.
///
/// # Errors
/// The bytes are not what [`encode`] writes, or belong to another head.
pub(crate) fn decode_body(head: Head, body: &[u8], decoder: &mut FrameDecoder) -> Result<Batch, Damaged> {
    let Head { mut arena, mut spans } = head;
    let mut frames = Reader::new(body);
    let traces = read_ids(&mut spans, &mut frames, decoder)?;
    let columns = decoder.decode(frames.stream()?.rest())?;
    let blobs = decoder.decode(frames.stream()?.rest())?;
    let rest = decoder.decode(frames.stream()?.rest())?;
    // A block without metrics ends here, and one of a format before 6 has them in what has no columns.
    let sections = match frames.is_empty() {
        true => None,
        false => Some((decoder.decode(frames.stream()?.rest())?, decoder.decode(frames.stream()?.rest())?)),
    };
    frames.finish()?;
    let (mut columns, mut blobs) = (Reader::new(&columns), Reader::new(&blobs));
    texts::decode(columns.stream()?, &mut arena)?;
    let texts = arena.len();
    spans.attributes = attributes::decode(columns.stream()?, blobs.stream()?, spans.span_id.len(), texts, &mut arena)?;
    let mut events = decode_events(columns.stream()?, blobs.stream()?, &traces, texts)?;
    events.attributes = attributes::decode(columns.stream()?, blobs.stream()?, events.len(), texts, &mut arena)?;
    [columns, blobs].into_iter().try_for_each(Reader::finish)?;
    let (metrics, points) = match &sections {
        Some((columns, whole)) => points::decode((columns, whole), &traces, texts, &mut arena)?,
        None => Default::default(),
    };
    rest::restore(Batch { arena, spans, events, metrics, points, ..Batch::default() }, &rest)
}

/// Counts the attributes of spans that have one of these fingerprints, of the key with this hash; opens no more of the block than that
/// takes.
///
/// # Errors
/// The bytes are not what [`encode`] writes.
pub(crate) fn count_values(
    head: &[u8],
    body: &[u8],
    key: u64,
    fingerprints: &[u64],
    decoder: &mut FrameDecoder,
) -> Result<u64, Damaged> {
    let words = decoder.decode(HeadFrames::open(head)?.words)?;
    let mut arena = head_texts(&mut Reader::new(&words))?;
    let mut frames = Reader::new(body);
    for _ids_and_whole_ids in 0..2 {
        frames.stream()?;
    }
    let columns = decoder.decode(frames.stream()?.rest())?;
    let blobs = decoder.decode(frames.stream()?.rest())?;
    let mut columns = Reader::new(&columns);
    texts::decode(columns.stream()?, &mut arena)?;
    let mut count = 0;
    let is_key = |arena: &Arena, sym| fingerprint::of_text(arena.bytes(sym)) == key;
    attributes::values_of(columns.stream()?, Reader::new(&blobs).stream()?, &mut arena, is_key, |arena, value| {
        count += u64::from(fingerprints.contains(&fingerprint::of_scalar(key, arena, value)));
    })?;
    Ok(count)
}

/// Opens a whole block.
///
/// # Errors
/// The bytes are not what [`encode`] writes.
pub(crate) fn decode(head: &[u8], body: &[u8], decoder: &mut FrameDecoder) -> Result<Batch, Damaged> {
    let head = decode_head(head, decoder)?;
    decode_body(head, body, decoder)
}

fn decode_events(
    mut reader: Reader<'_>,
    mut whole: Reader<'_>,
    traces: &[TraceId],
    texts: usize,
) -> Result<EventColumns, Damaged> {
    let (trace_id, span_id) = ids::decode_owners(&mut reader, &mut whole, traces)?;
    whole.finish()?;
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
    from_code(reader.byte()?).ok_or(Damaged("a row has an unknown code"))
}

#[cfg(test)]
mod tests;
