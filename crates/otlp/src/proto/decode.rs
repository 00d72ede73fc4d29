//! Traces, read from an `ExportTraceServiceRequest` into batches.

use std::sync::Arc;

use flowglass_model::{BatchBuilder, Resource};

use super::reader::Reader;
use super::resource::{read_resource, writer_of};
use super::span::SpanReader;
use crate::{DecodeError, Decoded, Flaw, Limits};

/// How many rows a batch counts as: its columns take memory before there is a row in them.
const BATCH_ROWS: usize = 256;

/// Reads an `ExportTraceServiceRequest`, within the usual [`Limits`].
///
/// A span that is wrong in itself is left out and named in [`Decoded::rejected`]; the others are taken.
///
/// # Errors
/// If the layers around the spans are broken, or the request is larger than the limit. Then nothing of it is taken.
pub fn decode_traces(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    decode_traces_within(bytes, Limits::default())
}

/// Reads an `ExportTraceServiceRequest` within these limits.
///
/// # Errors
/// As [`decode_traces`].
pub fn decode_traces_within(bytes: &[u8], limits: Limits) -> Result<Decoded, DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(Flaw::Bytes.into());
    }
    let mut traces = Traces { decoded: Decoded::default(), spans: SpanReader::new(limits.rows) };
    Reader::new(bytes).for_each(|number, wire| match number {
        1 => traces.read_resource_spans(wire.message()?),
        _ => {
            traces.decoded.unknown_fields += 1;
            Ok(())
        }
    })?;
    traces.decoded.unknown_fields += traces.spans.unknown_fields();
    Ok(traces.decoded)
}

/// A request that is being read.
struct Traces {
    decoded: Decoded,
    spans: SpanReader,
}

impl Traces {
    /// Reads the spans of one resource, which may stand before or behind them.
    fn read_resource_spans(&mut self, message: Reader<'_>) -> Result<(), Flaw> {
        let mut resource = Resource::default();
        let unknown = &mut self.decoded.unknown_fields;
        message.for_each(|number, wire| match number {
            1 => read_resource(wire.message()?, &mut resource, unknown),
            2 | 3 => Ok(()),
            _ => {
                *unknown += 1;
                Ok(())
            }
        })?;
        let mut builder = BatchBuilder::new(writer_of(&resource).unwrap_or_default(), 0, Arc::new(resource));
        let batch_rows = self.spans.take_rows(BATCH_ROWS);
        message.for_each(|number, wire| match number {
            2 => self.read_scope_spans(wire.message()?, &mut builder, batch_rows),
            _ => Ok(()),
        })?;
        let batch = builder.finish();
        if !batch.is_empty() {
            self.decoded.batches.push(batch);
        }
        Ok(())
    }

    fn read_scope_spans(
        &mut self,
        message: Reader<'_>,
        builder: &mut BatchBuilder,
        room: Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        message.for_each(|number, wire| {
            match number {
                2 => {
                    let span = wire.bytes()?;
                    if let Err(flaw) = room.and_then(|()| self.spans.read(Reader::new(span), builder)) {
                        self.decoded.rejected.push("span", name_of(Reader::new(span)), flaw);
                    }
                }
                1 | 3 => {}
                _ => self.decoded.unknown_fields += 1,
            }
            Ok(())
        })
    }
}

/// Returns the name of a span that is wrong in some way, as far as it can be read.
fn name_of(mut span: Reader<'_>) -> &str {
    while let Ok(Some((number, wire))) = span.next() {
        if number == 5 {
            return wire.text().unwrap_or_default();
        }
    }
    ""
}
