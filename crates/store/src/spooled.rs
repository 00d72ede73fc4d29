//! A batch as a frame of a spool: its records in the store's blocks, and what blocks don't know of it.

use std::io;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Graph, Resource, Span, SpanId, Status, TraceId, WriterId};
use serde::{Deserialize, Serialize};

use crate::block::bytes::{Reader, put_stream};
use crate::block::{self, Damaged, FrameDecoder, FrameEncoder, Rows};

/// What blocks don't know of a batch.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The number that its sink gave itself.
    sink: i64,
    writer: WriterId,
    sequence: u64,
    resource: Arc<Resource>,
    closed: Vec<(TraceId, SpanId)>,
    graphs: Vec<Arc<Graph>>,
    dropped: u64,
}

/// Writes a batch of a sink.
pub(crate) fn encode(batch: &Batch, sink: i64, encoder: &mut FrameEncoder) -> io::Result<Vec<u8>> {
    let head = Head {
        sink,
        writer: batch.writer,
        sequence: batch.sequence,
        resource: Arc::clone(&batch.resource),
        closed: batch.closed.clone(),
        graphs: batch.graphs.clone(),
        dropped: batch.dropped,
    };
    let ended = block::encode(Rows::of(batch), encoder)?;
    let opened = block::encode(Rows::of(&opened_as_ended(batch)), encoder)?;
    let mut out = Vec::new();
    put_stream(&mut out, &rmp_serde::to_vec_named(&head).map_err(io::Error::other)?);
    [ended.head, ended.body, opened.head, opened.body].iter().for_each(|part| put_stream(&mut out, part));
    Ok(out)
}

/// Returns how many records a batch brings.
pub(crate) fn items(batch: &Batch) -> u32 {
    let records = batch.spans().len() + batch.opened().len() + batch.points().len() + batch.logs().len();
    u32::try_from(records).unwrap_or(u32::MAX)
}

/// Reads a batch, and the number of its sink.
pub(crate) fn decode(bytes: &[u8], decoder: &mut FrameDecoder) -> Result<(Batch, i64), Damaged> {
    let mut reader = Reader::new(bytes);
    let mut part = || Ok::<_, Damaged>(reader.stream()?.rest());
    let (head, ended, opened) = (part()?, [part()?, part()?], [part()?, part()?]);
    let head: Head = rmp_serde::from_slice(head).map_err(|_| Damaged("a batch has no readable head"))?;
    let opened = block::decode(opened[0], opened[1], decoder)?;
    let mut builder = BatchBuilder::default();
    *builder.batch_mut() = block::decode(ended[0], ended[1], decoder)?;
    for span in opened.spans() {
        builder.push(&Span { status: Status::Running, ..span.to_span() });
    }
    let batch = builder.finish();
    let Head { sink, writer, sequence, resource, closed, graphs, dropped } = head;
    Ok((Batch { writer, sequence, resource, closed, graphs, dropped, ..batch }, sink))
}

/// Blocks hold spans that have ended: what is open looks like them on the way.
fn opened_as_ended(batch: &Batch) -> Batch {
    let mut builder = BatchBuilder::default();
    batch.opened().for_each(|span| builder.push(&Span { status: Status::Ok, ..span.to_span() }));
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Recording;

    fn whole(batch: &Batch) -> impl PartialEq + std::fmt::Debug {
        let records = |batch: &Batch| {
            (
                batch.spans().chain(batch.opened()).map(|span| span.to_span()).collect::<Vec<_>>(),
                batch.events().map(|event| (event.owner(), event.to_event())).collect::<Vec<_>>(),
                batch.links().map(|link| (link.row().trace_id, link.to_link())).collect::<Vec<_>>(),
                batch.logs().map(|log| log.to_log()).collect::<Vec<_>>(),
                block::rest::metrics(batch),
            )
        };
        (records(batch), batch.writer, batch.sequence, Arc::clone(&batch.resource), batch.closed.clone(), batch.dropped)
    }

    #[test]
    fn batches_come_back_equal() {
        let (mut encoder, mut decoder) = (FrameEncoder::new().unwrap(), FrameDecoder::default());
        let mut recording = Recording::new(3);
        for number in 0..40 {
            let mut batch = (*recording.batch(30)).clone();
            batch.closed = vec![(TraceId::from_bytes([1; 16]), SpanId::from_u64(number))];
            batch.dropped = number;
            let bytes = encode(&batch, 7, &mut encoder).unwrap();
            let (back, sink) = decode(&bytes, &mut decoder).unwrap();
            assert_eq!(sink, 7);
            assert_eq!(whole(&back), whole(&batch));
        }
    }

    #[test]
    fn what_is_no_batch_is_told() {
        let mut decoder = FrameDecoder::default();
        for bytes in [&b""[..], b"\x01", b"\x03abc\x00\x00\x00\x00", &[0xff; 40]] {
            assert!(decode(bytes, &mut decoder).is_err());
        }
    }
}
