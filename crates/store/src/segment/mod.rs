//! Segments: the spans and events of one commit (later: of several, merged) as compressed columns. Part of the file format.
//!
//! A segment is a set of sections. A large one has a block for each section; a small one has all sections in one block,
//! numbered [`PACKED`], where each is preceded by its number and its length.

mod attributes;
mod block;
mod bytes;
mod ids;
mod lanes;
pub(crate) mod sketch;
mod texts;
mod times;

use flowglass_model::{Arena, AttributeColumns, Batch, EventColumns, Extras, SpanColumns, SpanKind, SpanType, Status, TraceId};

pub(crate) use block::{BlockDecoder, BlockEncoder};
pub(crate) use bytes::Damaged;
use bytes::{Reader, put_stream, put_varint, unzigzag, zigzag};
use ids::TraceTable;
use texts::TextTable;

/// The number of the block that holds all sections of a small segment.
pub(crate) const PACKED: u8 = 0;
/// One more than the largest number that a block may ever have.
pub(crate) const BLOCKS_PER_SEGMENT: i64 = 64;

/// Sections that together take fewer bytes than this are packed into one block.
const PACK_BELOW_BYTES: usize = 64 << 10;

/// What a section holds. The numbers are part of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Texts = 1,
    Traces = 2,
    SpanIds = 3,
    SpanTimes = 4,
    SpanWords = 5,
    SpanAttributes = 6,
    SpanBlob = 7,
    Events = 8,
    EventAttributes = 9,
    EventBlob = 10,
}

const SECTIONS: usize = 11;

/// The blocks of a segment with their numbers, and the traces in it.
pub(crate) struct Encoded {
    pub(crate) blocks: Vec<(u8, Vec<u8>)>,
    pub(crate) traces: Vec<TraceId>,
}

/// Spans and events to write, with the arena that holds their texts.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) spans: &'a SpanColumns,
    pub(crate) events: &'a EventColumns,
}

/// Turns rows into blocks.
///
/// # Errors
/// A section is larger than a block may be, or the compressor has no memory.
pub(crate) fn encode(rows: Rows<'_>, encoder: &mut BlockEncoder) -> std::io::Result<Encoded> {
    let (sections, traces) = sections(rows);
    let size_bytes: usize = sections.iter().map(|(_, content)| content.len()).sum();
    let blocks = if size_bytes < PACK_BELOW_BYTES {
        vec![(PACKED, pack(&sections, encoder)?)]
    } else {
        let block = |(section, content): (Section, Vec<u8>)| Ok((section as u8, encoder.encode(&content)?));
        sections.into_iter().map(block).collect::<std::io::Result<_>>()?
    };
    Ok(Encoded { blocks, traces })
}

/// Turns rows into the block numbered [`PACKED`], whatever their size.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_packed(rows: Rows<'_>, encoder: &mut BlockEncoder) -> std::io::Result<Vec<u8>> {
    pack(&sections(rows).0, encoder)
}

fn pack(sections: &[(Section, Vec<u8>)], encoder: &mut BlockEncoder) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    for (section, content) in sections {
        packed.push(*section as u8);
        put_stream(&mut packed, content);
    }
    encoder.encode(&packed)
}

fn sections(rows: Rows<'_>) -> (Vec<(Section, Vec<u8>)>, Vec<TraceId>) {
    let mut texts = TextTable::new(rows.arena);
    let mut traces = TraceTable::default();
    let span_traces = traces.numbers(&rows.spans.trace_id);
    let event_traces = traces.numbers(&rows.events.trace_id);
    let mut sections = Vec::with_capacity(SECTIONS);
    sections.push((Section::SpanIds, span_ids(rows.spans, &span_traces, traces.traces().len())));
    sections.push((Section::SpanTimes, times::encode(&rows.spans.start_unix_ns, &rows.spans.duration_ns)));
    sections.push((Section::SpanWords, span_words(rows.spans, &mut texts)));
    let of_spans = attributes::encode(&rows.spans.attributes, &mut texts);
    sections.push((Section::SpanAttributes, of_spans.layout));
    sections.push((Section::SpanBlob, of_spans.blob));
    if !rows.events.is_empty() {
        sections.push((Section::Events, events(rows.events, &event_traces, traces.traces().len(), &mut texts)));
        let of_events = attributes::encode(&rows.events.attributes, &mut texts);
        sections.push((Section::EventAttributes, of_events.layout));
        sections.push((Section::EventBlob, of_events.blob));
    }
    sections.push((Section::Traces, traces.encode()));
    sections.push((Section::Texts, texts.encode()));
    sections.retain(|(_, content)| !content.is_empty());
    (sections, traces.traces().to_vec())
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

/// Turns the blocks of one segment back into a batch that holds its spans, its events and their texts.
///
/// # Errors
/// The bytes are not what [`encode`] writes.
pub(crate) fn decode<'a>(
    blocks: impl IntoIterator<Item = (u8, &'a [u8])>,
    decoder: &mut BlockDecoder,
) -> Result<Batch, Damaged> {
    let mut sections = Sections::default();
    for (number, block) in blocks {
        let content = decoder.decode(block)?;
        if number == PACKED { sections.unpack(&content)? } else { sections.put(number, content)? }
    }
    sections.decode()
}

/// The sections of a segment by their numbers; empty where one isn't there.
#[derive(Default)]
struct Sections([Vec<u8>; SECTIONS]);

impl Sections {
    fn put(&mut self, number: u8, content: Vec<u8>) -> Result<(), Damaged> {
        let place = self.0.get_mut(number as usize).ok_or(Damaged("a segment has an unknown section"))?;
        if !place.is_empty() || number == PACKED {
            return Err(Damaged("a segment has a section twice"));
        }
        *place = content;
        Ok(())
    }

    fn unpack(&mut self, packed: &[u8]) -> Result<(), Damaged> {
        let mut packed = Reader::new(packed);
        while !packed.is_empty() {
            let number = packed.byte()?;
            let mut content = packed.stream()?;
            self.put(number, content.bytes(content.len())?.to_vec())?;
        }
        Ok(())
    }

    fn get(&self, section: Section) -> &[u8] {
        &self.0[section as usize]
    }

    fn decode(&self) -> Result<Batch, Damaged> {
        let mut arena = texts::decode(self.get(Section::Texts))?;
        let traces = ids::decode_traces(self.get(Section::Traces))?;
        let texts = arena.len();
        let mut spans = self.spans(&traces, texts)?;
        spans.attributes = self.attributes(Section::SpanAttributes, Section::SpanBlob, spans.len(), texts, &mut arena)?;
        let mut events = self.events(&traces, texts)?;
        events.attributes = self.attributes(Section::EventAttributes, Section::EventBlob, events.len(), texts, &mut arena)?;
        Ok(Batch { arena, spans, events, ..Batch::default() })
    }

    fn attributes(
        &self,
        layout: Section,
        blob: Section,
        rows: usize,
        texts: usize,
        arena: &mut Arena,
    ) -> Result<AttributeColumns, Damaged> {
        let layout = self.get(layout);
        if layout.is_empty() && rows == 0 {
            return Ok(AttributeColumns::default());
        }
        attributes::decode(layout, self.get(blob), rows, texts, arena)
    }

    fn spans(&self, traces: &[TraceId], texts: usize) -> Result<SpanColumns, Damaged> {
        let mut reader = Reader::new(self.get(Section::SpanIds));
        let (trace_id, span_id) = ids::owners(&mut reader, traces)?;
        let parent_id = ids::parents(&mut reader, &span_id)?;
        reader.finish()?;
        let rows = span_id.len();
        let (start_unix_ns, duration_ns) = times::decode(self.get(Section::SpanTimes), rows)?;
        let mut words = Reader::new(self.get(Section::SpanWords));
        let spans = SpanColumns {
            trace_id,
            span_id,
            parent_id,
            name: column(&mut words, rows, |words| texts::sym(words, texts))?,
            kind: column(&mut words, rows, |words| code(words, SpanKind::from_code))?,
            span_type: column(&mut words, rows, |words| code(words, SpanType::from_code))?,
            status: column(&mut words, rows, |words| code(words, Status::from_code))?,
            status_message: column(&mut words, rows, |words| texts::sym(words, texts))?,
            flags: column(&mut words, rows, Reader::varint32)?,
            start_unix_ns,
            duration_ns,
            attributes: AttributeColumns::default(),
            extras: Extras::default(),
        };
        words.finish().map(|()| spans)
    }

    fn events(&self, traces: &[TraceId], texts: usize) -> Result<EventColumns, Damaged> {
        if self.get(Section::Events).is_empty() {
            return Ok(EventColumns::default());
        }
        let mut reader = Reader::new(self.get(Section::Events));
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
}

fn column<'a, T>(
    reader: &mut Reader<'a>,
    rows: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Damaged>,
) -> Result<Vec<T>, Damaged> {
    let mut stream = reader.stream()?;
    let column = (0..rows).map(|_| read(&mut stream)).collect::<Result<_, _>>()?;
    stream.finish().map(|()| column)
}

fn code<T>(reader: &mut Reader<'_>, from_code: fn(u8) -> Option<T>) -> Result<T, Damaged> {
    from_code(reader.byte()?).ok_or(Damaged("a span has an unknown code"))
}

#[cfg(test)]
mod tests;
