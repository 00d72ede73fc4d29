//! Traces, written as an `ExportTraceServiceRequest` straight from the columns of a batch.

use flowglass_model::{Batch, Extra, Scalar, SpanColumns, SpanId, SpanType, Sym, conventions};

use super::columns::{attributes, names_of};
use super::held::{HeldParts, OwnedRows, Owner};
use super::piece::Piece;
use super::repeats::Repeats;
use super::resource::write_request;
use super::scope::write_scopes;
use super::value::{write_scalar, write_text};
use super::writer::{Gap, Writer};
use crate::mapping;

/// How many bytes of events may wait for the ends of their spans.
const HELD_BYTES: usize = 8 << 20;

/// Writes a batch's traces as an `ExportTraceServiceRequest`, spans that still run included: everything that
/// [`decode_traces`](crate::decode_traces) reads back. Events of spans that aren't in the batch are left out; a
/// [`TraceEncoder`] keeps them until their spans end.
#[must_use]
pub fn encode_traces(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    TraceEncoder::new().running(true).encode(batch, &mut out);
    out
}

/// Writes the traces of one recorder's batches, in their order.
///
/// In OTLP an event stands in its span, and a span is sent when it has ended. An event that comes in an earlier batch is kept
/// until then, in up to 8 MiB; beyond, events are counted as dropped.
#[derive(Debug)]
pub struct TraceEncoder {
    running: bool,
    held: HeldParts,
    scratch: Vec<u8>,
}

impl Default for TraceEncoder {
    fn default() -> Self {
        Self { running: false, held: HeldParts::new(HELD_BYTES), scratch: Vec::new() }
    }
}

impl TraceEncoder {
    /// Makes an encoder that leaves out spans that still run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether spans that still run are written too, as Logfire's `pending_span` records. Flowglass and Logfire
    /// understand them; others would show spans without duration.
    #[must_use]
    pub fn running(mut self, running: bool) -> Self {
        self.running = running;
        self
    }

    /// Returns how many events were lost because too much waited for the ends of its spans.
    #[must_use]
    pub const fn lost_events(&self) -> u64 {
        self.held.lost()
    }

    /// Writes the traces of a batch behind what is in `out`: nothing if there are no spans. Returns how many spans it wrote.
    pub fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> usize {
        let running = if self.running { batch.opened.len() } else { 0 };
        let count = batch.spans.len() + running;
        let mut parts = Parts::new(batch);
        if count > 0 {
            out.reserve(batch.size_bytes() * 2);
            write_request(out, batch, |w| self.write_spans(w, batch, &mut parts));
        }
        self.hold(batch, &parts);
        count
    }

    fn write_spans(&mut self, w: &mut Writer<'_>, batch: &Batch, parts: &mut Parts<'_>) {
        let rows = Rows { batch, columns: &batch.spans, explicit_ok: names_of(&batch.arena, mapping::STATUS_CODE) };
        let mut repeats = Repeats::default();
        write_scopes(w, batch, &batch.spans.extras, batch.spans.len(), |w, row| {
            let (begin, mut unmoved_end) = (w.len(), 0);
            w.message(2, Gap::Two, |w| {
                self.write_ended(w, &rows, row, parts, (&mut repeats, begin));
                unmoved_end = w.len();
            });
            repeats.note(row, unmoved_end, w.len());
        });
        if self.running {
            let rows = Rows { batch, columns: &batch.opened, explicit_ok: Vec::new() };
            write_scopes(w, batch, &batch.opened.extras, batch.opened.len(), |w, row| {
                w.message(2, Gap::Two, |w| rows.write_running(w, row, parts));
            });
        }
    }

    #[inline]
    fn write_ended(
        &mut self,
        w: &mut Writer<'_>,
        rows: &Rows<'_>,
        row: usize,
        parts: &mut Parts<'_>,
        (repeats, begin): (&mut Repeats, usize),
    ) {
        rows.write(w, row, None);
        let explicit_ok = if rows.explicit_ok.is_empty() {
            repeats.write(w, &rows.batch.arena, &rows.columns.attributes, row, begin);
            rows.write_told(w, row);
            false
        } else {
            rows.write_attributes(w, row)
        };
        let owner = rows.owner(row);
        let mut lost = 0;
        if let Some(held) = self.held.take(owner) {
            w.raw(&held.fields);
            lost = held.lost;
        }
        parts.write(w, rows.batch, owner);
        rows.write_end(w, row, explicit_ok, lost);
    }

    /// Keeps the events and links whose spans haven't been written.
    fn hold(&mut self, batch: &Batch, parts: &Parts<'_>) {
        let mut hold = |owner, row, write: fn(&mut Writer<'_>, &Batch, usize)| {
            self.scratch.clear();
            write(&mut Writer::new(&mut self.scratch), batch, row);
            self.held.put(owner, &self.scratch);
        };
        parts.events.left().for_each(|(owner, row)| hold(owner, row, write_event));
        parts.links.left().for_each(|(owner, row)| hold(owner, row, write_link));
    }
}

/// What stands in tables of its own, and in its span in OTLP.
struct Parts<'a> {
    events: OwnedRows<'a>,
    links: OwnedRows<'a>,
}

impl<'a> Parts<'a> {
    fn new(batch: &'a Batch) -> Self {
        Self {
            events: OwnedRows::new(&batch.events.trace_id, &batch.events.span_id),
            links: OwnedRows::new(&batch.links.trace_id, &batch.links.span_id),
        }
    }

    #[inline]
    fn write(&mut self, w: &mut Writer<'_>, batch: &Batch, owner: Owner) {
        self.events.take(owner, |row| write_event(w, batch, row));
        self.links.take(owner, |row| write_link(w, batch, row));
    }
}

/// Spans of one table.
struct Rows<'a> {
    batch: &'a Batch,
    columns: &'a SpanColumns,
    /// Names of the key [`mapping::STATUS_CODE`] in the arena: most often none.
    explicit_ok: Vec<Sym>,
}

impl Rows<'_> {
    fn owner(&self, row: usize) -> Owner {
        (self.columns.trace_id[row], self.columns.span_id[row])
    }

    /// Writes what stands before a span's attributes, as a record of its own that has it as parent if `pending` is its id.
    #[inline]
    fn write(&self, w: &mut Writer<'_>, row: usize, pending: Option<SpanId>) {
        let columns = self.columns;
        let (span, parent) = match pending {
            Some(record) => (record, columns.span_id[row]),
            None => (columns.span_id[row], columns.parent_id[row]),
        };
        w.put([1 << 3 | 2, 16]);
        w.put(columns.trace_id[row].to_bytes());
        w.put([2 << 3 | 2, 8]);
        w.put(span.to_u64().to_be_bytes());
        if !parent.is_none() {
            w.put([4 << 3 | 2, 8]);
            w.put(parent.to_u64().to_be_bytes());
        }
        w.piece_field(5, Piece::of(&self.batch.arena, columns.name[row]));
        w.always_uint(6, mapping::kind_code(columns.kind[row]));
        let start = columns.start_unix_ns[row].max(0).unsigned_abs();
        w.fixed64(7, start);
        w.fixed64(8, start.saturating_add(columns.duration_ns[row]));
        w.fixed32(16, mapping::sent_flags(columns.flags[row], columns.span_type[row]));
    }

    /// Writes a span's attributes. Says whether its status is explicitly *ok*.
    fn write_attributes(&self, w: &mut Writer<'_>, row: usize) -> bool {
        let mut explicit_ok = false;
        for (key, value) in attributes(&self.columns.attributes, row) {
            if !self.explicit_ok.is_empty() && self.is_explicit_ok(key, value) {
                explicit_ok = true;
            } else {
                write_scalar(w, 9, &self.batch.arena, key, value);
            }
        }
        self.write_told(w, row);
        explicit_ok
    }

    /// Writes the columns that are attributes in OTLP.
    #[inline]
    fn write_told(&self, w: &mut Writer<'_>, row: usize) {
        match self.columns.span_type[row] {
            SpanType::Custom => {}
            told => write_text(w, 9, conventions::SPAN_TYPE, told.as_str()),
        }
        if let Some(word) = mapping::status_word(self.columns.status[row]) {
            write_text(w, 9, conventions::SPAN_STATUS, word);
        }
    }

    fn is_explicit_ok(&self, key: Sym, value: Scalar) -> bool {
        matches!(value, Scalar::Str(text) if self.batch.arena.bytes(text) == mapping::STATUS_CODE_OK.as_bytes())
            && self.explicit_ok.contains(&key)
    }

    /// Writes what stands behind a span's attributes and events. `lost` events are missing besides those that the batch knows of.
    #[inline]
    fn write_end(&self, w: &mut Writer<'_>, row: usize, explicit_ok: bool, lost: u32) {
        let code = mapping::status_code(self.columns.status[row], explicit_ok);
        let message = self.batch.arena.bytes(self.columns.status_message[row]);
        if code != 0 || !message.is_empty() {
            w.message(15, Gap::Two, |w| {
                w.bytes(2, message);
                w.uint(3, code);
            });
        }
        if lost > 0 || !self.columns.extras.is_empty() {
            let extra = self.columns.extras.get(row);
            self.write_extra(w, &Extra { dropped_events: extra.dropped_events.saturating_add(lost), ..extra });
        }
    }

    fn write_extra(&self, w: &mut Writer<'_>, extra: &Extra) {
        w.bytes(3, self.batch.arena.bytes(extra.trace_state));
        w.uint(10, u64::from(extra.dropped_attributes));
        w.uint(12, u64::from(extra.dropped_events));
        w.uint(14, u64::from(extra.dropped_links));
    }

    fn write_running(&self, w: &mut Writer<'_>, row: usize, parts: &mut Parts<'_>) {
        let owner = self.owner(row);
        self.write(w, row, Some(mapping::pending_id(owner.1)));
        self.write_attributes(w, row);
        write_text(w, 9, mapping::PENDING, mapping::PENDING_SPAN);
        write_text(w, 9, mapping::PENDING_PARENT, &self.columns.parent_id[row].to_string());
        parts.write(w, self.batch, owner);
        self.write_end(w, row, false, 0);
    }
}

/// Writes an event as a field of its span.
fn write_event(w: &mut Writer<'_>, batch: &Batch, row: usize) {
    let events = &batch.events;
    w.message(11, Gap::Two, |w| {
        w.fixed64(1, events.unix_ns[row].max(0).unsigned_abs());
        w.bytes(2, batch.arena.bytes(events.name[row]));
        attributes(&events.attributes, row).for_each(|(key, value)| write_scalar(w, 3, &batch.arena, key, value));
        w.uint(4, u64::from(events.extras.get(row).dropped_attributes));
    });
}

/// Writes a link as a field of its span.
fn write_link(w: &mut Writer<'_>, batch: &Batch, row: usize) {
    let links = &batch.links;
    let extra = links.extras.get(row);
    w.message(13, Gap::Two, |w| {
        w.always_bytes(1, &links.linked_trace_id[row].to_bytes());
        w.always_bytes(2, &links.linked_span_id[row].to_u64().to_be_bytes());
        w.bytes(3, batch.arena.bytes(extra.trace_state));
        attributes(&links.attributes, row).for_each(|(key, value)| write_scalar(w, 4, &batch.arena, key, value));
        w.uint(5, u64::from(extra.dropped_attributes));
        w.fixed32(6, links.flags[row]);
    });
}
