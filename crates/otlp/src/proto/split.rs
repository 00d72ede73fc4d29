//! A request cut into smaller ones, on the wire: for receivers that take no more than so many bytes at once.

use super::reader::{Reader, Wire};
use super::writer::{Gap, Writer};
use crate::{Flaw, Signal};

/// A request, and how many items it holds.
pub(crate) type Piece = (Vec<u8>, u64);

/// What stands around an item besides its own bytes: keys, lengths.
const OVERHEAD: usize = 8;

/// Cuts a request of ours into requests of at most about so many bytes, each with how many items it holds; the order stays. An item
/// that is larger alone gets a request of its own.
///
/// # Errors
/// If it is no request.
pub(crate) fn split(signal: Signal, request: &[u8], most_bytes: usize) -> Result<Vec<Piece>, Flaw> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Item<'_>> = Vec::new();
    let mut bytes = 0;
    for item in items(request)? {
        let own = item.bytes.len() + OVERHEAD;
        // A frame is written again in each piece.
        let framed = own + item.frame_bytes(piece.last());
        if !piece.is_empty() && bytes + framed > most_bytes {
            pieces.push(written(signal, &piece)?);
            piece.clear();
            bytes = 0;
        }
        bytes += own + item.frame_bytes(piece.last());
        piece.push(item);
    }
    if !piece.is_empty() {
        pieces.push(written(signal, &piece)?);
    }
    Ok(pieces)
}

/// Cuts a request of ours in two, by the bytes of its items; nothing where it holds only one.
///
/// # Errors
/// If it is no request.
pub(crate) fn halve(signal: Signal, request: &[u8]) -> Result<Option<[Piece; 2]>, Flaw> {
    let items = items(request)?;
    let half = items.iter().map(|item| item.bytes.len()).sum::<usize>() / 2;
    let mut bytes = 0;
    let reaches_half = |item: &Item<'_>| {
        bytes += item.bytes.len();
        bytes >= half
    };
    let Some(last) = items.len().checked_sub(1).filter(|last| *last > 0) else { return Ok(None) };
    let (front, back) = items.split_at((items.iter().position(reaches_half).unwrap_or(0) + 1).min(last));
    Ok(Some([written(signal, front)?, written(signal, back)?]))
}

/// One span, metric or log record, and what stands around it.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    bytes: &'a [u8],
    scope: &'a [u8],
    resource: &'a [u8],
}

impl Item<'_> {
    /// How many bytes must be written around the item behind another one.
    fn frame_bytes(&self, before: Option<&Item<'_>>) -> usize {
        match before {
            Some(before) if is_same(before.scope, self.scope) => 0,
            Some(before) if is_same(before.resource, self.resource) => frame_len(self.scope),
            _ => frame_len(self.scope) + frame_len(self.resource),
        }
    }
}

/// Whether two slices are the same place, not only equal.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other)
}

/// How many bytes a message has besides its fields 2.
fn frame_len(message: &[u8]) -> usize {
    let mut len = OVERHEAD;
    // What can't be read was told by who read it first.
    let _ = Reader::new(message).for_each(|number, wire| {
        if let (1 | 3, Wire::Bytes(bytes)) = (number, wire) {
            len += bytes.len() + OVERHEAD;
        }
        Ok(())
    });
    len
}

fn items(request: &[u8]) -> Result<Vec<Item<'_>>, Flaw> {
    let mut items = Vec::new();
    Reader::new(request).for_each(|number, wire| {
        let (1, Wire::Bytes(resource)) = (number, wire) else { return Ok(()) };
        Reader::new(resource).for_each(|number, wire| {
            let (2, Wire::Bytes(scope)) = (number, wire) else { return Ok(()) };
            Reader::new(scope).for_each(|number, wire| {
                if let (2, Wire::Bytes(bytes)) = (number, wire) {
                    items.push(Item { bytes, scope, resource });
                }
                Ok(())
            })
        })
    })?;
    Ok(items)
}

fn written(signal: Signal, items: &[Item<'_>]) -> Result<Piece, Flaw> {
    let mut out = Vec::with_capacity(items.iter().map(|item| item.bytes.len() + OVERHEAD).sum());
    let mut w = Writer::new(&mut out);
    for same in items.chunk_by(|one, other| is_same(one.resource, other.resource)) {
        w.message(1, Gap::Three, |w| {
            frame(w, same[0].resource, 1);
            for same in same.chunk_by(|one, other| is_same(one.scope, other.scope)) {
                w.message(2, Gap::Three, |w| {
                    frame(w, same[0].scope, 1);
                    same.iter().for_each(|item| w.always_bytes(2, item.bytes));
                    frame(w, same[0].scope, 3);
                });
            }
            frame(w, same[0].resource, 3);
        });
    }
    let counts = items.iter().map(|item| count(signal, item.bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok((out, counts.iter().sum()))
}

/// Writes one field of a frame, which has been read before.
fn frame(w: &mut Writer<'_>, message: &[u8], wanted: u32) {
    let _ = Reader::new(message).for_each(|number, wire| {
        if let (true, Wire::Bytes(bytes)) = (number == wanted, wire) {
            w.always_bytes(number, bytes);
        }
        Ok(())
    });
}

/// Counts what an item is counted as: a metric by its points.
fn count(signal: Signal, item: &[u8]) -> Result<u64, Flaw> {
    if signal != Signal::Metrics {
        return Ok(1);
    }
    let mut points = 0;
    Reader::new(item).for_each(|number, wire| {
        // The five kinds of data, whose points are all field 1.
        if let (5 | 7 | 9 | 10 | 11, Wire::Bytes(data)) = (number, wire) {
            Reader::new(data).for_each(|number, _| {
                points += u64::from(number == 1);
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(points)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowglass_model::{
        Batch, BatchBuilder, InstrumentationScope, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource,
        Span, SpanId, Temporality, TraceId, WriterId,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{Limits, decode, encode_logs, encode_metrics, encode_traces};

    fn builder() -> BatchBuilder {
        let resource = Resource { attributes: vec![("service.name".into(), "words".into())], ..Resource::default() };
        BatchBuilder::new(WriterId::from_bytes([9; 16]), 1, Arc::new(resource))
    }

    fn spans(lengths: &[usize]) -> Batch {
        let mut builder = builder();
        for (at, length) in lengths.iter().enumerate() {
            let scope = InstrumentationScope { name: format!("scope {}", at % 3), ..InstrumentationScope::default() };
            builder.push(&Span {
                trace_id: TraceId::from_bytes([1; 16]),
                span_id: SpanId::from_u64(at as u64 + 1),
                name: "x".repeat(*length),
                scope: (at % 3 > 0).then(|| Arc::new(scope)),
                ..Span::default()
            });
        }
        builder.finish()
    }

    fn ids(signal: Signal, request: &[u8]) -> Vec<SpanId> {
        let decoded = decode(signal, request, Limits::default()).unwrap();
        decoded.batches.iter().flat_map(|batch| batch.spans().map(|span| span.row().span_id).collect::<Vec<_>>()).collect()
    }

    proptest! {
        #[test]
        fn pieces_hold_everything_in_order_and_are_small(lengths in prop::collection::vec(0..300_usize, 1..60), most in 1..4_000_usize) {
            let request = encode_traces(&spans(&lengths));
            let pieces = split(Signal::Traces, &request, most).unwrap();
            let all: Vec<SpanId> = pieces.iter().flat_map(|(piece, _)| ids(Signal::Traces, piece)).collect();
            prop_assert_eq!(all, ids(Signal::Traces, &request));
            prop_assert_eq!(pieces.iter().map(|(_, count)| count).sum::<u64>(), lengths.len() as u64);
            for (piece, count) in &pieces {
                prop_assert!(piece.len() <= most || *count == 1, "{} bytes, {} spans, {}", piece.len(), count, most);
            }
        }

        #[test]
        fn what_is_no_request_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = split(Signal::Metrics, &bytes, 10);
        }
    }

    #[test]
    fn halves_are_about_equal_until_one_is_left() {
        let halves = |lengths: &[usize]| {
            let found = halve(Signal::Traces, &encode_traces(&spans(lengths))).unwrap();
            found.map(|halves| halves.map(|(_, count)| count))
        };
        assert_eq!(halves(&[5; 8]), Some([4, 4]));
        assert_eq!(halves(&[500, 1]), Some([1, 1]));
        assert_eq!(halves(&[1, 500]), Some([1, 1]));
        assert_eq!(halves(&[0, 0]), Some([1, 1]));
        assert_eq!(halves(&[7]), None);
    }

    #[test]
    fn a_request_that_fits_stays_one() {
        let request = encode_traces(&spans(&[3, 4, 5]));
        let pieces = split(Signal::Traces, &request, 1 << 20).unwrap();
        assert_eq!(pieces.len(), 1);
        assert_eq!(ids(Signal::Traces, &pieces[0].0), ids(Signal::Traces, &request));
    }

    #[test]
    fn metrics_are_counted_by_their_points() {
        let mut builder = builder();
        for name in ["a", "b"] {
            let metric = builder.push_owned_metric(&Metric::new(name, MetricKind::Counter, Temporality::Cumulative));
            for at in 0..3 {
                let value = MetricValue::Number(Number::Int(at));
                let point = MetricPoint { start_unix_ns: 1, unix_ns: 2, value, attributes: Vec::new(), exemplars: Vec::new() };
                builder.push_owned_point(metric, &point);
            }
        }
        let mut request = Vec::new();
        encode_metrics(&builder.finish(), &mut request);
        let counts: Vec<u64> = split(Signal::Metrics, &request, 1).unwrap().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [3, 3]);
    }

    #[test]
    fn logs_are_split_too() {
        let mut builder = builder();
        (0..5).for_each(|_| builder.push_owned_log(&LogRecord { body: "said".into(), ..LogRecord::default() }));
        let mut request = Vec::new();
        encode_logs(&builder.finish(), &mut request);
        assert_eq!(split(Signal::Logs, &request, 1).unwrap().len(), 5);
    }
}
