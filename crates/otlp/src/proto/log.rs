//! Log records, both directions. An event of ours that has no span travels as a log record with an event's name.

use flowglass_model::{Batch, BatchBuilder, Extra, LogRow, Scalar, Severity, SpanId, Sym, TraceId};

use super::columns::attributes;
use super::decode::ItemReader;
use super::reader::Reader;
use super::resource::write_request;
use super::room::{Room, count, span_id_or_none, trace_id_or_none, unix_ns};
use super::scope::write_scopes;
use super::value::{AnyValue, write_any, write_scalar};
use super::writer::{Gap, Writer};
use crate::Flaw;

/// Writes a batch's logs, and its events that have no span, as an `ExportLogsServiceRequest` behind what is in `out`: nothing
/// if there are none. Returns how many records it wrote.
pub fn encode_logs(batch: &Batch, out: &mut Vec<u8>) -> usize {
    let free: Vec<usize> = (0..batch.events.len()).filter(|row| batch.events.span_id[*row].is_none()).collect();
    let count = batch.logs.len() + free.len();
    if count == 0 {
        return 0;
    }
    write_request(out, batch, |w| {
        write_scopes(w, batch, &batch.logs.extras, batch.logs.len(), |w, row| {
            w.message(2, Gap::Two, |w| write_log(w, batch, row));
        });
        write_scopes(w, batch, &batch.events.extras, if free.is_empty() { 0 } else { batch.events.len() }, |w, row| {
            if batch.events.span_id[row].is_none() {
                w.message(2, Gap::Two, |w| write_free_event(w, batch, row));
            }
        });
    });
    count
}

fn write_log(w: &mut Writer<'_>, batch: &Batch, row: usize) {
    let (logs, arena) = (&batch.logs, &batch.arena);
    w.fixed64(1, logs.unix_ns[row].max(0).unsigned_abs());
    w.uint(2, u64::from(logs.severity[row].0));
    w.bytes(3, arena.bytes(logs.severity_text[row]));
    if logs.body[row] != Scalar::Null {
        write_any(w, 5, arena, logs.body[row]);
    }
    attributes(&logs.attributes, row).for_each(|(key, value)| write_scalar(w, 6, arena, key, value));
    w.uint(7, u64::from(logs.extras.get(row).dropped_attributes));
    w.fixed32(8, logs.flags[row]);
    write_place(w, logs.trace_id[row], logs.span_id[row]);
    w.fixed64(11, logs.observed_unix_ns[row].max(0).unsigned_abs());
    w.bytes(12, arena.bytes(logs.event_name[row]));
}

fn write_free_event(w: &mut Writer<'_>, batch: &Batch, row: usize) {
    let (events, arena) = (&batch.events, &batch.arena);
    w.fixed64(1, events.unix_ns[row].max(0).unsigned_abs());
    attributes(&events.attributes, row).for_each(|(key, value)| write_scalar(w, 6, arena, key, value));
    w.uint(7, u64::from(events.extras.get(row).dropped_attributes));
    write_place(w, events.trace_id[row], SpanId::NONE);
    w.bytes(12, arena.bytes(events.name[row]));
}

fn write_place(w: &mut Writer<'_>, trace: TraceId, span: SpanId) {
    if !trace.is_zero() {
        w.always_bytes(9, &trace.to_bytes());
    }
    if !span.is_none() {
        w.always_bytes(10, &span.to_u64().to_be_bytes());
    }
}

/// Reads log records.
#[derive(Debug, Default)]
pub(super) struct LogReader {
    attributes: Vec<(Sym, Scalar)>,
}

impl<'a> ItemReader<'a> for LogReader {
    const ITEM: &'static str = "log record";
    const NAME: u32 = 12;

    fn read(&mut self, message: Reader<'a>, room: &mut Room, builder: &mut BatchBuilder, scope: u32) -> Result<(), Flaw> {
        self.attributes.clear();
        room.take(1)?;
        let mut row = empty_row();
        let mut extra = Extra { scope, ..Extra::default() };
        let mut body = AnyValue::Empty;
        message.for_each(|number, wire| {
            match number {
                1 => row.unix_ns = unix_ns(wire.fixed64()?)?,
                2 => row.severity = severity(wire.varint()?),
                3 => row.severity_text = builder.intern(wire.text()?),
                5 => body = AnyValue::read(wire.message()?, body, &mut room.unknown)?,
                6 => self.attributes.push(room.pair(wire, builder)?),
                7 => extra.dropped_attributes = count(wire.varint()?),
                8 => row.flags = wire.fixed32()?,
                9 => row.trace_id = trace_id_or_none(wire.bytes()?)?,
                10 => row.span_id = span_id_or_none(wire.bytes()?)?,
                11 => row.observed_unix_ns = unix_ns(wire.fixed64()?)?,
                12 => row.event_name = builder.intern(wire.text()?),
                _ => room.unknown(),
            }
            Ok(())
        })?;
        row.body = body.intern(builder, &mut room.unknown)?;
        self.push(row, extra, builder);
        Ok(())
    }
}

impl LogReader {
    fn push(&mut self, row: LogRow, extra: Extra, builder: &mut BatchBuilder) {
        if is_free_event(&row, extra) {
            let events = &mut builder.batch_mut().events;
            events.extras.set(events.len(), extra);
            builder.push_event((row.trace_id, SpanId::NONE), row.event_name, row.unix_ns, self.attributes.drain(..));
        } else {
            let logs = &mut builder.batch_mut().logs;
            logs.extras.set(logs.len(), extra);
            builder.push_log(row, self.attributes.drain(..));
        }
    }
}

/// Says whether a record is what [`write_free_event`] writes: under our scope, an event's name and nothing that only logs have.
fn is_free_event(row: &LogRow, extra: Extra) -> bool {
    extra.scope == 0
        && row.event_name != Sym::EMPTY
        && row.body == Scalar::Null
        && row.severity == Severity::UNSPECIFIED
        && row.severity_text == Sym::EMPTY
        && (row.span_id.is_none() && row.flags == 0 && row.observed_unix_ns == 0)
}

const fn empty_row() -> LogRow {
    LogRow {
        trace_id: TraceId::NONE,
        span_id: SpanId::NONE,
        unix_ns: 0,
        observed_unix_ns: 0,
        severity: Severity::UNSPECIFIED,
        severity_text: Sym::EMPTY,
        event_name: Sym::EMPTY,
        body: Scalar::Null,
        flags: 0,
    }
}

/// Returns a severity; unspecified where the number is none of OpenTelemetry's.
fn severity(number: u64) -> Severity {
    u8::try_from(number).ok().filter(|number| *number <= 24).map_or(Severity::UNSPECIFIED, Severity)
}
