//! One span, read from its message into a row of a batch.

use std::ops::Range;

use flowglass_model::{BatchBuilder, Extra, LinkRow, Scalar, SpanId, SpanRow, SpanType, Status, Sym, TraceId};

use super::decode::ItemReader;
use super::guesses::Guesses;
use super::reader::{Reader, Wire};
use super::room::{Room, count, span_id, trace_id, unix_ns};
use super::value::{AnyValue, INTERNED_TEXT, KeyValue};
use crate::Flaw;
use crate::mapping::{self, Meaning};

/// Reads spans, one after another, with buffers that it keeps.
#[derive(Debug, Default)]
pub(super) struct SpanReader {
    attributes: Vec<(Sym, Scalar)>,
    /// Of events and links, behind each other.
    part_attributes: Vec<(Sym, Scalar)>,
    events: Vec<Event>,
    links: Vec<Link>,
    keys: Guesses,
    texts: Guesses,
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

/// What a span's message says besides attributes, events and links.
#[derive(Debug)]
struct Fields<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    parent_id: SpanId,
    name: &'a str,
    kind: u64,
    start: u64,
    end: u64,
    flags: u32,
    status_code: u64,
    status_message: &'a str,
    span_type: SpanType,
    status: Option<Status>,
    pending: bool,
    pending_parent: Option<SpanId>,
    trace_state: &'a str,
    extra: Extra,
}

impl ItemReader for SpanReader {
    const ITEM: &'static str = "span";
    const NAME: u32 = 5;

    fn begin_batch(&mut self) {
        self.keys.clear();
        self.texts.clear();
    }

    fn read(&mut self, message: Reader<'_>, room: &mut Room, builder: &mut BatchBuilder, scope: u32) -> Result<(), Flaw> {
        self.attributes.clear();
        self.part_attributes.clear();
        self.events.clear();
        self.links.clear();
        room.take(1)?;
        let mut fields = Fields::default();
        message.for_each(|number, wire| self.read_field(number, wire, &mut fields, room, builder))?;
        fields.check_ids()?;
        fields.extra.scope = scope;
        self.push(&fields, builder)
    }
}

impl SpanReader {
    #[inline]
    fn read_field<'a>(
        &mut self,
        number: u32,
        wire: Wire<'a>,
        fields: &mut Fields<'a>,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        match number {
            9 => return self.read_attribute(wire, fields, room, builder),
            1 => fields.trace_id = trace_id(wire.bytes()?)?,
            2 => fields.span_id = span_id(wire.bytes()?)?,
            3 => fields.trace_state = wire.text()?,
            4 => fields.parent_id = parent_id(wire.bytes()?)?,
            5 => fields.name = wire.text()?,
            6 => fields.kind = wire.varint()?,
            7 => fields.start = wire.fixed64()?,
            8 => fields.end = wire.fixed64()?,
            10 => fields.extra.dropped_attributes = count(wire.varint()?),
            11 => return self.read_event(wire, room, builder),
            12 => fields.extra.dropped_events = count(wire.varint()?),
            13 => return self.read_link(wire, room, builder),
            14 => fields.extra.dropped_links = count(wire.varint()?),
            15 => return read_status(wire, fields, room),
            16 => fields.flags = wire.fixed32()?,
            _ => room.unknown(),
        }
        Ok(())
    }

    #[inline]
    fn read_attribute<'a>(
        &mut self,
        wire: Wire<'a>,
        fields: &mut Fields<'a>,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        room.take(1)?;
        let found = KeyValue::read(wire.message()?, &mut room.unknown)?;
        if let AnyValue::Str(text) = found.value
            && let Some(meaning) = Meaning::of(found.key.as_bytes(), text)
        {
            fields.note(meaning);
            return Ok(());
        }
        let place = self.attributes.len();
        let key = self.keys.intern(place, found.key, builder);
        let value = match found.value {
            AnyValue::Str(text) if text.len() <= INTERNED_TEXT => Scalar::Str(self.texts.intern(place, text, builder)),
            value => value.intern(builder, &mut room.unknown)?,
        };
        self.attributes.push((key, value));
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

    fn push(&mut self, fields: &Fields<'_>, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        self.keep_unclaimed(fields, builder);
        let row = fields.row(builder)?;
        let extra = Extra { trace_state: builder.intern(fields.trace_state), ..fields.extra };
        let batch = builder.batch_mut();
        if row.status == Status::Running {
            batch.opened.extras.set(batch.opened.len(), extra);
            builder.push_opened(row, self.attributes.drain(..));
        } else {
            batch.spans.extras.set(batch.spans.len(), extra);
            builder.push_span(row, self.attributes.drain(..));
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

    /// Keeps as attributes what the columns don't tell: an explicit status of *ok*, and words of Logfire's out of their place.
    fn keep_unclaimed(&mut self, fields: &Fields<'_>, builder: &mut BatchBuilder) {
        let mut keep = |key: &str, text: &str| {
            let key = builder.intern(key);
            let value = Scalar::Str(builder.intern(text));
            if !self.attributes.contains(&(key, value)) {
                self.attributes.push((key, value));
            }
        };
        if fields.status_code == mapping::CODE_OK {
            keep(mapping::STATUS_CODE, mapping::STATUS_CODE_OK);
        }
        match fields.pending_parent {
            Some(parent) if !fields.is_running() => keep(mapping::PENDING_PARENT, &parent.to_string()),
            _ => {}
        }
        if fields.pending && !fields.is_running() {
            keep(mapping::PENDING, mapping::PENDING_SPAN);
        }
    }
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Self {
            trace_id: TraceId::default(),
            span_id: SpanId::NONE,
            parent_id: SpanId::NONE,
            name: "",
            kind: 0,
            start: 0,
            end: 0,
            flags: 0,
            status_code: 0,
            status_message: "",
            span_type: SpanType::Custom,
            status: None,
            pending: false,
            pending_parent: None,
            trace_state: "",
            extra: Extra::default(),
        }
    }
}

impl Fields<'_> {
    fn check_ids(&self) -> Result<(), Flaw> {
        match (self.trace_id.is_zero(), self.span_id.is_none()) {
            (true, _) => Err(Flaw::TraceId),
            (_, true) => Err(Flaw::SpanId),
            _ => Ok(()),
        }
    }

    fn note(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Type(span_type) => self.span_type = span_type,
            Meaning::Status(status) => self.status = Some(status),
            Meaning::Pending => self.pending = true,
            Meaning::PendingParent(parent) => self.pending_parent = Some(parent),
        }
    }

    /// Says whether this is the record of a span that still runs: then its parent is that span.
    fn is_running(&self) -> bool {
        self.pending && self.pending_parent.is_some() && !self.parent_id.is_none()
    }

    fn row(&self, builder: &mut BatchBuilder) -> Result<SpanRow, Flaw> {
        let running = self.is_running();
        let start_unix_ns = unix_ns(self.start)?;
        Ok(SpanRow {
            trace_id: self.trace_id,
            span_id: if running { self.parent_id } else { self.span_id },
            parent_id: if running { self.pending_parent.unwrap_or_default() } else { self.parent_id },
            name: builder.intern(self.name),
            kind: mapping::kind(self.kind),
            span_type: self.span_type,
            status: if running { Status::Running } else { mapping::status(self.status_code, self.status) },
            status_message: builder.intern(self.status_message),
            start_unix_ns,
            duration_ns: self.end.saturating_sub(self.start),
            flags: self.flags,
        })
    }
}

fn read_status<'a>(wire: Wire<'a>, fields: &mut Fields<'a>, room: &mut Room) -> Result<(), Flaw> {
    wire.message()?.for_each(|number, wire| {
        match number {
            2 => fields.status_message = wire.text()?,
            3 => fields.status_code = wire.varint()?,
            _ => room.unknown(),
        }
        Ok(())
    })
}

fn parent_id(bytes: &[u8]) -> Result<SpanId, Flaw> {
    if bytes.is_empty() { Ok(SpanId::NONE) } else { span_id(bytes).map_err(|_| Flaw::ParentId) }
}
