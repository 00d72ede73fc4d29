//! One span, read from its message into a row of a batch.

use flowglass_model::{BatchBuilder, Scalar, SpanId, SpanRow, SpanType, Status, Sym, TraceId};

use super::reader::{Reader, Wire};
use super::value::{AnyValue, KeyValue};
use crate::Flaw;
use crate::mapping::{self, Meaning};

/// Reads spans, one after another, with buffers that it keeps.
#[derive(Debug)]
pub(crate) struct SpanReader {
    rows_left: usize,
    unknown: u64,
    attributes: Vec<(Sym, Scalar)>,
    events: Vec<Event>,
    event_attributes: Vec<(Sym, Scalar)>,
}

/// An event whose attributes end at a place in a list.
#[derive(Debug)]
struct Event {
    name: Sym,
    unix_ns: i64,
    attributes_end: usize,
}

/// What a span's message says besides attributes and events.
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
}

impl SpanReader {
    pub(crate) const fn new(rows: usize) -> Self {
        Self { rows_left: rows, unknown: 0, attributes: Vec::new(), events: Vec::new(), event_attributes: Vec::new() }
    }

    /// Returns how many fields were left out because they are unknown.
    pub(crate) const fn unknown_fields(&self) -> u64 {
        self.unknown
    }

    /// Counts rows, if there is room for them.
    #[inline]
    pub(crate) fn take_rows(&mut self, rows: usize) -> Result<(), Flaw> {
        self.rows_left = self.rows_left.checked_sub(rows).ok_or(Flaw::Rows)?;
        Ok(())
    }

    /// Adds a span to a batch, whole or not at all.
    pub(crate) fn read(&mut self, message: Reader<'_>, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        self.attributes.clear();
        self.events.clear();
        self.event_attributes.clear();
        self.take_rows(1)?;
        let mut fields = Fields::default();
        message.for_each(|number, wire| self.read_field(number, wire, &mut fields, builder))?;
        fields.check_ids()?;
        self.push(&fields, builder)
    }

    #[inline]
    fn read_field<'a>(
        &mut self,
        number: u32,
        wire: Wire<'a>,
        fields: &mut Fields<'a>,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        match number {
            9 => return self.read_attribute(wire, fields, builder),
            1 => fields.trace_id = TraceId::from_bytes(wire.bytes()?.try_into().map_err(|_| Flaw::TraceId)?),
            2 => fields.span_id = span_id(wire.bytes()?).ok_or(Flaw::SpanId)?,
            4 => fields.parent_id = parent_id(wire.bytes()?)?,
            5 => fields.name = wire.text()?,
            6 => fields.kind = wire.varint()?,
            7 => fields.start = wire.fixed64()?,
            8 => fields.end = wire.fixed64()?,
            11 => return self.read_event(wire, builder),
            15 => return self.read_status(wire, fields),
            16 => fields.flags = wire.fixed32()?,
            3 | 10 | 12 | 13 | 14 => {}
            _ => self.unknown += 1,
        }
        Ok(())
    }

    #[inline]
    fn read_attribute<'a>(&mut self, wire: Wire<'a>, fields: &mut Fields<'a>, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        self.take_rows(1)?;
        let found = KeyValue::read(wire.message()?, &mut self.unknown)?;
        if let AnyValue::Str(text) = found.value
            && let Some(meaning) = Meaning::of(found.key.as_bytes(), text)
        {
            fields.note(meaning);
            return Ok(());
        }
        let value = found.value.intern(builder, &mut self.unknown)?;
        self.attributes.push((builder.intern(found.key), value));
        Ok(())
    }

    fn read_event(&mut self, wire: Wire<'_>, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        self.take_rows(1)?;
        let (mut name, mut time) = ("", 0);
        wire.message()?.for_each(|number, wire| {
            match number {
                1 => time = wire.fixed64()?,
                2 => name = wire.text()?,
                3 => {
                    self.take_rows(1)?;
                    let found = KeyValue::read(wire.message()?, &mut self.unknown)?;
                    let value = found.value.intern(builder, &mut self.unknown)?;
                    self.event_attributes.push((builder.intern(found.key), value));
                }
                4 => {}
                _ => self.unknown += 1,
            }
            Ok(())
        })?;
        let event = Event { name: builder.intern(name), unix_ns: unix_ns(time)?, attributes_end: self.event_attributes.len() };
        self.events.push(event);
        Ok(())
    }

    fn read_status<'a>(&mut self, wire: Wire<'a>, fields: &mut Fields<'a>) -> Result<(), Flaw> {
        wire.message()?.for_each(|number, wire| {
            match number {
                2 => fields.status_message = wire.text()?,
                3 => fields.status_code = wire.varint()?,
                _ => self.unknown += 1,
            }
            Ok(())
        })
    }

    fn push(&mut self, fields: &Fields<'_>, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        self.keep_unclaimed(fields, builder);
        let row = fields.row(builder)?;
        if row.status == Status::Running {
            builder.push_opened(row, self.attributes.drain(..));
        } else {
            builder.push_span(row, self.attributes.drain(..));
        }
        let mut start = 0;
        for event in &self.events {
            let attributes = self.event_attributes[start..event.attributes_end].iter().copied();
            builder.push_event((row.trace_id, row.span_id), event.name, event.unix_ns, attributes);
            start = event.attributes_end;
        }
        Ok(())
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

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    bytes.try_into().ok().map(|bytes| SpanId::from_u64(u64::from_be_bytes(bytes)))
}

fn parent_id(bytes: &[u8]) -> Result<SpanId, Flaw> {
    if bytes.is_empty() { Ok(SpanId::NONE) } else { span_id(bytes).ok_or(Flaw::ParentId) }
}

fn unix_ns(time: u64) -> Result<i64, Flaw> {
    i64::try_from(time).map_err(|_| Flaw::Time)
}
