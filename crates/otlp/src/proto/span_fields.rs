//! What a span's message says besides its attributes, events and links, and the row that it makes.

use flowglass_model::{BatchBuilder, Extra, Scalar, SpanId, SpanRow, SpanType, Status, TraceId};

use super::reader::Wire;
use super::room::{Room, unix_ns};
use crate::Flaw;
use crate::mapping::{self, Meaning};

/// What a span's message says besides attributes, events and links.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent_id: SpanId,
    pub(super) name: &'a str,
    pub(super) kind: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) flags: u32,
    pub(super) status_code: u64,
    status_message: &'a str,
    span_type: SpanType,
    status: Option<Status>,
    pending: bool,
    pending_parent: Option<SpanId>,
    pub(super) trace_state: &'a str,
    pub(super) extra: Extra,
    /// How many attributes were read.
    pub(super) attributes: usize,
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
            attributes: 0,
        }
    }
}

impl Fields<'_> {
    /// Says what is wrong with the ids, if something is.
    pub(super) fn check_ids(&self) -> Result<(), Flaw> {
        match (self.trace_id.is_zero(), self.span_id.is_none()) {
            (true, _) => Err(Flaw::TraceId),
            (_, true) => Err(Flaw::SpanId),
            _ => Ok(()),
        }
    }

    /// Notes what an attribute stands for.
    pub(super) fn note(&mut self, meaning: Meaning) {
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

    /// Returns the row that the fields make.
    #[inline]
    pub(super) fn row(&self, builder: &mut BatchBuilder) -> Result<SpanRow, Flaw> {
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

/// Reads a span's status.
pub(super) fn read_status<'a>(wire: Wire<'a>, fields: &mut Fields<'a>, room: &mut Room) -> Result<(), Flaw> {
    wire.message()?.for_each(|number, wire| {
        match number {
            2 => fields.status_message = wire.text()?,
            3 => fields.status_code = wire.varint()?,
            _ => room.unknown(),
        }
        Ok(())
    })
}

/// Keeps as attributes what the columns don't tell: an explicit status of *ok*, and words of Logfire's out of their place.
#[inline]
pub(super) fn keep_unclaimed(fields: &Fields<'_>, builder: &mut BatchBuilder) {
    if fields.status_code == mapping::CODE_OK {
        keep(builder, mapping::STATUS_CODE, mapping::STATUS_CODE_OK);
    }
    match fields.pending_parent {
        Some(parent) if !fields.is_running() => keep(builder, mapping::PENDING_PARENT, &parent.to_string()),
        _ => {}
    }
    if fields.pending && !fields.is_running() {
        keep(builder, mapping::PENDING, mapping::PENDING_SPAN);
    }
}

/// Adds an attribute to the span that is read, unless it has it.
fn keep(builder: &mut BatchBuilder, key: &str, text: &str) {
    let key = builder.intern(key);
    let value = Scalar::Str(builder.intern(text));
    let attributes = &mut builder.batch_mut().spans.attributes;
    if !attributes.pending().any(|attribute| attribute == (key, value)) {
        attributes.push(key, value);
    }
}
