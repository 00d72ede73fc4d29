//! Traces, written as an `ExportTraceServiceRequest` straight from the columns of a batch.

use flowglass_model::{Arena, AttributeColumns, Batch, Scalar, SpanColumns, SpanId, SpanType, Sym, conventions};

use super::held::{EventIndex, HeldEvents};
use super::resource::write_resource;
use super::value::{write_scalar, write_text};
use super::writer::{Gap, Writer};
use crate::mapping;

/// The name of the scope of our own spans.
const SCOPE: &str = "flowglass";

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
    held: HeldEvents,
    scratch: Vec<u8>,
}

impl Default for TraceEncoder {
    fn default() -> Self {
        Self { running: false, held: HeldEvents::new(HELD_BYTES), scratch: Vec::new() }
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
        let mut events = EventIndex::new(batch);
        if count > 0 {
            out.reserve(batch.size_bytes() * 2);
            self.write_request(batch, &mut events, out);
        }
        self.hold(batch, &events);
        count
    }

    fn write_request(&mut self, batch: &Batch, events: &mut EventIndex, out: &mut Vec<u8>) {
        Writer::new(out).message(1, Gap::Three, |w| {
            write_resource(w, &batch.resource, batch.writer);
            w.message(2, Gap::Three, |w| {
                w.message(1, Gap::Two, |w| {
                    w.bytes(1, SCOPE.as_bytes());
                    w.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
                });
                self.write_spans(w, batch, events);
            });
        });
    }

    fn write_spans(&mut self, w: &mut Writer<'_>, batch: &Batch, events: &mut EventIndex) {
        let rows = Rows { batch, columns: &batch.spans, explicit_ok: keys_named(&batch.arena, mapping::STATUS_CODE) };
        for row in 0..batch.spans.len() {
            w.message(2, Gap::Two, |w| self.write_ended(w, &rows, row, events));
        }
        if self.running {
            let rows = Rows { batch, columns: &batch.opened, explicit_ok: Vec::new() };
            (0..batch.opened.len()).for_each(|row| w.message(2, Gap::Two, |w| rows.write_running(w, row, events)));
        }
    }

    #[inline]
    fn write_ended(&mut self, w: &mut Writer<'_>, rows: &Rows<'_>, row: usize, events: &mut EventIndex) {
        let explicit_ok = rows.write(w, row, None);
        let owner = (rows.columns.trace_id[row], rows.columns.span_id[row]);
        if let Some(held) = self.held.take(owner) {
            w.raw(&held.fields);
            w.uint(12, u64::from(held.lost));
        }
        events.take(owner).for_each(|event| write_event(w, rows.batch, event));
        rows.write_status(w, row, explicit_ok);
    }

    /// Keeps the events whose spans haven't been written.
    fn hold(&mut self, batch: &Batch, events: &EventIndex) {
        for (owner, row) in events.left() {
            self.scratch.clear();
            write_event(&mut Writer::new(&mut self.scratch), batch, row);
            self.held.put(owner, &self.scratch);
        }
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
    /// Writes a span up to its attributes, as a record of its own that has it as parent if `pending` is its id. Says whether
    /// its status is explicitly *ok*.
    #[inline]
    fn write(&self, w: &mut Writer<'_>, row: usize, pending: Option<SpanId>) -> bool {
        let columns = self.columns;
        let (span, parent) = match pending {
            Some(record) => (record, columns.span_id[row]),
            None => (columns.span_id[row], columns.parent_id[row]),
        };
        w.always_bytes(1, &columns.trace_id[row].to_bytes());
        w.always_bytes(2, &span.to_u64().to_be_bytes());
        if !parent.is_none() {
            w.always_bytes(4, &parent.to_u64().to_be_bytes());
        }
        w.bytes(5, self.batch.arena.bytes(columns.name[row]));
        w.always_uint(6, mapping::kind_code(columns.kind[row]));
        let start = columns.start_unix_ns[row].max(0).unsigned_abs();
        w.fixed64(7, start);
        w.fixed64(8, start.saturating_add(columns.duration_ns[row]));
        w.fixed32(16, columns.flags[row]);
        self.write_attributes(w, row)
    }

    #[inline]
    fn write_attributes(&self, w: &mut Writer<'_>, row: usize) -> bool {
        let mut explicit_ok = false;
        for (key, value) in attributes(&self.columns.attributes, row) {
            if !self.explicit_ok.is_empty() && self.is_explicit_ok(key, value) {
                explicit_ok = true;
            } else {
                write_scalar(w, 9, &self.batch.arena, key, value);
            }
        }
        match self.columns.span_type[row] {
            SpanType::Custom => {}
            told => write_text(w, 9, conventions::SPAN_TYPE, told.as_str()),
        }
        if let Some(word) = mapping::status_word(self.columns.status[row]) {
            write_text(w, 9, conventions::SPAN_STATUS, word);
        }
        explicit_ok
    }

    fn is_explicit_ok(&self, key: Sym, value: Scalar) -> bool {
        matches!(value, Scalar::Str(text) if self.batch.arena.bytes(text) == mapping::STATUS_CODE_OK.as_bytes())
            && self.explicit_ok.contains(&key)
    }

    #[inline]
    fn write_status(&self, w: &mut Writer<'_>, row: usize, explicit_ok: bool) {
        let code = mapping::status_code(self.columns.status[row], explicit_ok);
        let message = self.batch.arena.bytes(self.columns.status_message[row]);
        if code != 0 || !message.is_empty() {
            w.message(15, Gap::Two, |w| {
                w.bytes(2, message);
                w.uint(3, code);
            });
        }
    }

    fn write_running(&self, w: &mut Writer<'_>, row: usize, events: &mut EventIndex) {
        let (trace, span) = (self.columns.trace_id[row], self.columns.span_id[row]);
        self.write(w, row, Some(mapping::pending_id(span)));
        write_text(w, 9, mapping::PENDING, mapping::PENDING_SPAN);
        write_text(w, 9, mapping::PENDING_PARENT, &self.columns.parent_id[row].to_string());
        events.take((trace, span)).for_each(|event| write_event(w, self.batch, event));
        self.write_status(w, row, false);
    }
}

/// Writes an event as a field of its span.
fn write_event(w: &mut Writer<'_>, batch: &Batch, row: usize) {
    let events = &batch.events;
    w.message(11, Gap::Two, |w| {
        w.fixed64(1, events.unix_ns[row].max(0).unsigned_abs());
        w.bytes(2, batch.arena.bytes(events.name[row]));
        for (key, value) in attributes(&events.attributes, row) {
            write_scalar(w, 3, &batch.arena, key, value);
        }
    });
}

/// Iterates over the attributes of a row.
#[inline]
fn attributes(columns: &AttributeColumns, row: usize) -> impl Iterator<Item = (Sym, Scalar)> + '_ {
    let start = row.checked_sub(1).map_or(0, |before| columns.ends[before] as usize);
    let range = start..columns.ends[row] as usize;
    columns.keys[range.clone()].iter().copied().zip(columns.values[range].iter().copied())
}

/// Returns every name that a text has in an arena.
fn keys_named(arena: &Arena, text: &str) -> Vec<Sym> {
    let syms = (0..u32::try_from(arena.len()).unwrap_or(u32::MAX)).map(Sym);
    syms.filter(|sym| arena.bytes(*sym) == text.as_bytes()).collect()
}
