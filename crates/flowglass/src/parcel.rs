//! Telemetry on its way from a worker to its driver: the OTLP requests of one batch, one behind the other.

use flowglass_engine::{BoxError, TelemetryCodec, TelemetryEncoder};
use flowglass_model::Batch;
use flowglass_otlp::{Limits, Signal, TraceEncoder, decode, encode_logs, encode_metrics};

/// Telemetry between processes is OTLP, as everywhere.
pub(crate) struct Otlp;

impl TelemetryCodec for Otlp {
    fn encoder(&self) -> TelemetryEncoder {
        let mut traces = TraceEncoder::new().running(true);
        Box::new(move |batch: &Batch| {
            let mut parcel = Vec::new();
            put(&mut parcel, Signal::Traces, |bytes| traces.encode(batch, bytes));
            put(&mut parcel, Signal::Metrics, |bytes| encode_metrics(batch, bytes));
            put(&mut parcel, Signal::Logs, |bytes| encode_logs(batch, bytes));
            parcel
        })
    }

    fn decode(&self, mut parcel: &[u8]) -> Result<Vec<Batch>, BoxError> {
        let mut batches = Vec::new();
        while let Some((signal, request, rest)) = take(parcel)? {
            let mut decoded = decode(signal, request, Limits::default())?;
            if let Some(batch) = decoded.batches.first_mut() {
                batch.dropped += decoded.rejected.count();
            }
            batches.append(&mut decoded.batches);
            parcel = rest;
        }
        Ok(batches)
    }
}

/// What stands before a request: its signal (1 byte) and its length (4 bytes).
const HEAD_BYTES: usize = 5;

/// Puts a request into a parcel, unless there is nothing in it.
fn put(parcel: &mut Vec<u8>, signal: Signal, encode: impl FnOnce(&mut Vec<u8>) -> usize) {
    let head = parcel.len();
    parcel.extend_from_slice(&[0; HEAD_BYTES]);
    if encode(parcel) == 0 {
        return parcel.truncate(head);
    }
    parcel[head] = signal as u8;
    let length = u32::try_from(parcel.len() - head - HEAD_BYTES).unwrap_or(u32::MAX);
    parcel[head + 1..head + HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// A request with its signal, and what follows it.
type Taken<'a> = (Signal, &'a [u8], &'a [u8]);

/// Takes the first request of a parcel, if there is one.
fn take(parcel: &[u8]) -> Result<Option<Taken<'_>>, BoxError> {
    if parcel.is_empty() {
        return Ok(None);
    }
    let (&[signal, l0, l1, l2, l3], rest) = parcel.split_first_chunk::<HEAD_BYTES>().ok_or("a parcel is cut off")?;
    let signal = Signal::ALL.into_iter().find(|known| *known as u8 == signal).ok_or("a parcel of an unknown signal")?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (request, rest) = rest.split_at_checked(length).ok_or("a parcel is cut off")?;
    Ok(Some((signal, request, rest)))
}

#[cfg(test)]
mod tests {
    use flowglass_record::Recorder;

    use super::*;

    #[test]
    fn every_signal_comes_back() {
        let recorder = Recorder::in_memory();
        let retained = {
            let _root = recorder.root_span("import");
            recorder.retain(flowglass_record::current().unwrap().trace_id())
        };
        let mut builder = flowglass_model::BatchBuilder::default();
        retained.spans().iter().for_each(|span| builder.push(span));
        let batch = builder.finish();
        let parcel = (Otlp.encoder())(&batch);
        let back = Otlp.decode(&parcel).unwrap();
        assert_eq!(back.iter().map(|batch| batch.spans().len()).sum::<usize>(), batch.spans().len());
        assert!((Otlp.encoder())(&Batch::default()).is_empty());
    }

    #[test]
    fn noise_is_an_error() {
        for noise in [&b"x"[..], &[9, 0, 0, 0, 0], &[0, 255, 255, 255, 255, 1], &[0, 2, 0, 0, 0, 1]] {
            assert!(Otlp.decode(noise).is_err(), "{noise:?}");
        }
    }
}
