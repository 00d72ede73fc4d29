//! Requests of every signal, read into batches: the layers that they share, around their items.

use std::sync::Arc;

use flowglass_model::{BatchBuilder, InstrumentationScope, Resource};

use super::log::LogReader;
use super::metric::MetricReader;
use super::reader::Reader;
use super::resource::{read_resource, writer_of};
use super::room::Room;
use super::scope::{is_ours, read_scope};
use super::span::SpanReader;
use crate::{DecodeError, Decoded, Flaw, Limits, Signal};

/// How many rows a batch and a scope count as: they take memory before there is a row in them.
const BATCH_ROWS: usize = 256;
const SCOPE_ROWS: usize = 16;
/// For how many items of a scope room is made before they are read: what only looks like an item takes no room.
const EXPECTED_ITEMS: usize = 2048;

/// Reads an `ExportTraceServiceRequest`, within the usual [`Limits`].
///
/// # Errors
/// As [`decode`].
pub fn decode_traces(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    decode(Signal::Traces, bytes, Limits::default())
}

/// Reads a request: an `ExportTraceServiceRequest` or its like for metrics and logs.
///
/// An item (a span, a metric, a log record) that is wrong in itself is left out and named in [`Decoded::rejected`]; the
/// others are taken.
///
/// # Errors
/// If the layers around the items are broken, or the request is larger than the limit. Then nothing of it is taken.
pub fn decode(signal: Signal, bytes: &[u8], limits: Limits) -> Result<Decoded, DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(Flaw::Bytes.into());
    }
    let room = Room::new(limits.rows);
    match signal {
        Signal::Traces => read_request(bytes, room, SpanReader::default()),
        Signal::Metrics => read_request(bytes, room, MetricReader::default()),
        Signal::Logs => read_request(bytes, room, LogReader::default()),
    }
}

/// Reads the items of one signal, one after another, with buffers that it keeps.
pub(super) trait ItemReader<'a> {
    /// What an item is called.
    const ITEM: &'static str;
    /// The field with the item's name.
    const NAME: u32;

    /// Returns for how many the item counts where it is left out.
    fn weight(_message: Reader<'_>) -> u64 {
        1
    }

    /// Makes room for so many items more, which have so many bytes together.
    fn expect(&mut self, _items: usize, _bytes: usize, _builder: &mut BatchBuilder) {}

    /// Begins a batch: what was remembered of another one's texts says nothing about this one.
    fn begin_batch(&mut self) {}

    /// Adds an item to a batch, whole or not at all.
    fn read(&mut self, message: Reader<'a>, room: &mut Room, builder: &mut BatchBuilder, scope: u32) -> Result<(), Flaw>;
}

fn read_request<'a, R: ItemReader<'a>>(bytes: &'a [u8], room: Room, items: R) -> Result<Decoded, DecodeError> {
    let mut request = Request { decoded: Decoded::default(), room, items };
    Reader::new(bytes).for_each(|number, wire| match number {
        1 => request.read_resource_items(wire.message()?),
        _ => {
            request.room.unknown += 1;
            Ok(())
        }
    })?;
    request.decoded.unknown_fields = request.room.unknown;
    Ok(request.decoded)
}

/// A request that is being read.
struct Request<R> {
    decoded: Decoded,
    room: Room,
    items: R,
}

impl<'a, R: ItemReader<'a>> Request<R> {
    /// Reads the items of one resource, which may stand before or behind them.
    fn read_resource_items(&mut self, message: Reader<'a>) -> Result<(), Flaw> {
        let mut resource = Resource::default();
        let unknown = &mut self.room.unknown;
        message.for_each(|number, wire| {
            match number {
                1 => read_resource(wire.message()?, &mut resource, unknown)?,
                2 => {}
                3 => resource.schema_url = wire.text()?.to_owned(),
                _ => *unknown += 1,
            }
            Ok(())
        })?;
        let mut builder = BatchBuilder::new(writer_of(&resource).unwrap_or_default(), 0, Arc::new(resource));
        self.items.begin_batch();
        let has_room = self.room.take(BATCH_ROWS);
        message.for_each(|number, wire| match number {
            2 => self.read_scope_items(wire.message()?, &mut builder, has_room),
            _ => Ok(()),
        })?;
        let batch = builder.finish();
        if !batch.is_empty() {
            self.decoded.batches.push(batch);
        }
        Ok(())
    }

    fn read_scope_items(
        &mut self,
        message: Reader<'a>,
        builder: &mut BatchBuilder,
        has_room: Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let mut scope = InstrumentationScope::default();
        let mut items = 0;
        let unknown = &mut self.room.unknown;
        message.for_each(|number, wire| {
            match number {
                1 => read_scope(wire.message()?, &mut scope, unknown)?,
                2 => items += 1,
                3 => scope.schema_url = wire.text()?.to_owned(),
                _ => *unknown += 1,
            }
            Ok(())
        })?;
        if items == 0 {
            return Ok(());
        }
        self.items.expect(items.min(EXPECTED_ITEMS), message.len(), builder);
        let has_room = has_room.and_then(|()| self.room.take(SCOPE_ROWS));
        let scope = if has_room.is_ok() { number_of(scope, builder) } else { 0 };
        message.for_each(|number, wire| {
            if number == 2 {
                let item = Reader::new(wire.bytes()?);
                let read = has_room.and_then(|()| self.items.read(item, &mut self.room, builder, scope));
                if let Err(flaw) = read {
                    self.decoded.rejected.push(R::ITEM, name_of(item, R::NAME), R::weight(item), flaw);
                }
            }
            Ok(())
        })
    }
}

/// Adds a scope to a batch and returns its number; 0 for our own.
fn number_of(scope: InstrumentationScope, builder: &mut BatchBuilder) -> u32 {
    let scopes = &mut builder.batch_mut().scopes;
    if is_ours(&scope) {
        return 0;
    }
    if scopes.last().is_none_or(|last| **last != scope) {
        scopes.push(Arc::new(scope));
    }
    u32::try_from(scopes.len()).unwrap_or_default()
}

/// Returns the name of an item that is wrong in some way, as far as it can be read.
fn name_of(mut item: Reader<'_>, name: u32) -> &str {
    while let Ok(Some((number, wire))) = item.next() {
        if number == name {
            return wire.text().unwrap_or_default();
        }
    }
    ""
}
