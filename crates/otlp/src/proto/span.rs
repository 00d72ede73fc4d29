//! One span, read from its message into a row of a batch.

use std::ops::Range;

use flowglass_model::{BatchBuilder, Extra, LinkRow, Scalar, SpanId, SpanType, Status, Sym, TraceId, conventions};

use super::decode::ItemReader;
use super::guesses::{Found, Guesses};
use super::reader::{Reader, Wire};
use super::room::{Room, count, span_id, trace_id, unix_ns};
use super::span_fields::{Fields, keep_unclaimed, read_status};
use crate::{Flaw, mapping};

/// Reads spans, one after another, with buffers that it keeps.
#[derive(Debug, Default)]
pub(super) struct SpanReader<'a> {
    /// Of events and links, behind each other.
    part_attributes: Vec<(Sym, Scalar)>,
    events: Vec<Event>,
    links: Vec<Link>,
    guesses: Guesses<'a>,
    /// How many spans come, and the most attributes that they can have; nothing once there is room for them.
    expected: Option<(usize, usize)>,
}

/// An attribute that says anything has a tag and a length, a key and a value, and each of those again.
const LEAST_ATTRIBUTE_BYTES: usize = 8;

/// Tags of the fields that nearly all spans have: the field's number, and in the lowest three bits its wire type.
mod tag {
    pub(super) const TRACE_ID: u32 = 1 << 3 | 2;
    pub(super) const SPAN_ID: u32 = 2 << 3 | 2;
    pub(super) const PARENT_ID: u32 = 4 << 3 | 2;
    pub(super) const NAME: u32 = 5 << 3 | 2;
    pub(super) const KIND: u32 = 6 << 3;
    pub(super) const START: u32 = 7 << 3 | 1;
    pub(super) const END: u32 = 8 << 3 | 1;
    pub(super) const ATTRIBUTE: u32 = 9 << 3 | 2;
    pub(super) const FLAGS: u32 = 16 << 3 | 5;
}

/// An event whose attributes have a place in a list.
#[derive(Debug)]
struct Event {
    name: Sym,
    unix_ns: i64,
    dropped_attributes: u32,
    attributes: Range<usize>,
}

/// A link whose attributes have a place in a list.
#[derive(Debug)]
struct Link {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u32,
    extra: Extra,
    attributes: Range<usize>,
}

impl<'a> ItemReader<'a> for SpanReader<'a> {
    const ITEM: &'static str = "span";
    const NAME: u32 = 5;

    fn expect(&mut self, items: usize, bytes: usize, builder: &mut BatchBuilder) {
        builder.reserve_spans(items);
        self.expected = Some((items, bytes / LEAST_ATTRIBUTE_BYTES));
    }

    fn begin_batch(&mut self) {
        self.guesses.clear();
    }

    fn read(&mut self, message: Reader<'a>, room: &mut Room, builder: &mut BatchBuilder, scope: u32) -> Result<(), Flaw> {
        let read = self.read_whole(message, room, builder, scope);
        if read.is_err() {
            builder.batch_mut().spans.attributes.take_pending();
        }
        read
    }
}

impl<'a> SpanReader<'a> {
    #[inline]
    fn read_whole(&mut self, message: Reader<'a>, room: &mut Room, builder: &mut BatchBuilder, scope: u32) -> Result<(), Flaw> {
        self.part_attributes.clear();
        self.events.clear();
        self.links.clear();
        room.take(1)?;
        let mut fields = Fields::default();
        self.read_fields(message, &mut fields, room, builder)?;
        fields.check_ids()?;
        fields.extra.scope = scope;
        if let Some((spans, most)) = self.expected.take() {
            // Those to come have as many as the first, most likely.
            builder.batch_mut().spans.attributes.reserve(most.min(spans.saturating_mul(fields.attributes)));
        }
        self.push(&fields, builder)
    }

    /// Reads the fields that nearly all spans have as they come, by their tags.
    #[inline]
    fn read_fields(
        &mut self,
        mut message: Reader<'a>,
        fields: &mut Fields<'a>,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        while let Some(tag) = message.next_tag()? {
            match tag {
                tag::ATTRIBUTE => self.read_attribute(message.bytes()?, fields, room, builder)?,
                tag::TRACE_ID => fields.trace_id = trace_id(message.bytes()?)?,
                tag::SPAN_ID => fields.span_id = span_id(message.bytes()?)?,
                tag::PARENT_ID => fields.parent_id = parent_id(message.bytes()?)?,
                tag::NAME => fields.name = message.text()?,
                tag::KIND => fields.kind = message.varint()?,
                tag::START => fields.start = message.fixed64()?,
                tag::END => fields.end = message.fixed64()?,
                tag::FLAGS => fields.flags = message.fixed32()?,
                tag => {
                    let (number, wire) = message.field(tag)?;
                    self.read_field(number, wire, fields, room, builder)?;
                }
            }
        }
        Ok(())
    }

    fn read_field(
        &mut self,
        number: u32,
        wire: Wire<'a>,
        fields: &mut Fields<'a>,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        match number {
            3 => fields.trace_state = wire.text()?,
            10 => fields.extra.dropped_attributes = count(wire.varint()?),
            11 => return self.read_event(wire, room, builder),
            12 => fields.extra.dropped_events = count(wire.varint()?),
            13 => return self.read_link(wire, room, builder),
            14 => fields.extra.dropped_links = count(wire.varint()?),
            15 => return read_status(wire, fields, room),
            // With the wire type that these have in OTLP, they were read by their tags.
            1 | 2 | 4..=9 | 16 => return Err(Flaw::WireType),
            _ => room.unknown(),
        }
        Ok(())
    }

    /// Reads an attribute into the batch, where it waits for the rest of its span.
    #[inline]
    fn read_attribute(
        &mut self,
        message: &'a [u8],
        fields: &mut Fields<'a>,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        room.take(1)?;
        let place = fields.attributes;
        fields.attributes += 1;
        match self.guesses.read(place, message, builder, &mut room.unknown)? {
            Found::Pair(key, value) => builder.batch_mut().spans.attributes.push(key, value),
            Found::Means(meaning) => fields.note(meaning),
        }
        Ok(())
    }

    fn read_event(&mut self, wire: Wire<'_>, room: &mut Room, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        room.take(1)?;
        let start = self.part_attributes.len();
        let mut event = Event { name: Sym::EMPTY, unix_ns: 0, dropped_attributes: 0, attributes: start..start };
        wire.message()?.for_each(|number, wire| {
            match number {
                1 => event.unix_ns = unix_ns(wire.fixed64()?)?,
                2 => event.name = builder.intern(wire.text()?),
                3 => self.part_attributes.push(room.pair(wire, builder)?),
                4 => event.dropped_attributes = count(wire.varint()?),
                _ => room.unknown(),
            }
            Ok(())
        })?;
        event.attributes.end = self.part_attributes.len();
        self.events.push(event);
        Ok(())
    }

    fn read_link(&mut self, wire: Wire<'_>, room: &mut Room, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        room.take(1)?;
        let start = self.part_attributes.len();
        let (trace, span, extra) = (TraceId::NONE, SpanId::NONE, Extra::default());
        let mut link = Link { trace_id: trace, span_id: span, flags: 0, extra, attributes: start..start };
        wire.message()?.for_each(|number, wire| {
            match number {
                1 => link.trace_id = trace_id(wire.bytes()?)?,
                2 => link.span_id = span_id(wire.bytes()?)?,
                3 => link.extra.trace_state = builder.intern(wire.text()?),
                4 => self.part_attributes.push(room.pair(wire, builder)?),
                5 => link.extra.dropped_attributes = count(wire.varint()?),
                6 => link.flags = wire.fixed32()?,
                _ => room.unknown(),
            }
            Ok(())
        })?;
        link.attributes.end = self.part_attributes.len();
        self.links.push(link);
        Ok(())
    }

    #[inline]
    fn push(&mut self, fields: &Fields<'_>, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        let mut row = fields.row(builder)?;
        if row.span_type == SpanType::Pipeline && !row.parent_id.is_none() {
            row.flags = mapping::pipeline_flags(row.flags, is_outermost(builder));
        }
        keep_unclaimed(fields, builder);
        let extra = Extra { trace_state: builder.intern(fields.trace_state), ..fields.extra };
        let batch = builder.batch_mut();
        if row.status == Status::Running {
            let attributes = batch.spans.attributes.take_pending();
            batch.opened.extras.set(batch.opened.len(), extra);
            builder.push_opened(row, attributes);
        } else {
            batch.spans.extras.set(batch.spans.len(), extra);
            builder.push_span(row, []);
        }
        self.push_parts((row.trace_id, row.span_id), builder);
        Ok(())
    }

    fn push_parts(&self, owner: (TraceId, SpanId), builder: &mut BatchBuilder) {
        for event in &self.events {
            let events = &mut builder.batch_mut().events;
            events.extras.set(events.len(), Extra { dropped_attributes: event.dropped_attributes, ..Extra::default() });
            let attributes = self.part_attributes[event.attributes.clone()].iter().copied();
            builder.push_event(owner, event.name, event.unix_ns, attributes);
        }
        for link in &self.links {
            let links = &mut builder.batch_mut().links;
            links.extras.set(links.len(), link.extra);
            let (linked_trace_id, linked_span_id) = (link.trace_id, link.span_id);
            let row = LinkRow { trace_id: owner.0, span_id: owner.1, linked_trace_id, linked_span_id, flags: link.flags };
            builder.push_link(row, self.part_attributes[link.attributes.clone()].iter().copied());
        }
    }
}

/// Says whether the pipeline that is read is inside of no other.
fn is_outermost(builder: &mut BatchBuilder) -> bool {
    let depth = (builder.intern(conventions::PIPELINE_DEPTH), Scalar::Int(0));
    builder.batch_mut().spans.attributes.pending().any(|attribute| attribute == depth)
}

fn parent_id(bytes: &[u8]) -> Result<SpanId, Flaw> {
    if bytes.is_empty() { Ok(SpanId::NONE) } else { span_id(bytes).map_err(|_| Flaw::ParentId) }
}
