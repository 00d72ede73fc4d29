//! Spans on their way home: recorded by the worker, decoded by the driver, told as if the driver had recorded them.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Sink, SinkError, SinkErrorKind, Span, SpanId, Status, TraceId};
use flowglass_record::Recorder;
use parking_lot::Mutex;

use super::envelope::EnvelopeError;

/// Turns what a recorder delivers into bytes and back. Given from outside, because the engine knows no wire format.
pub trait TelemetryCodec: Send + Sync + 'static {
    /// Makes what encodes the batches of one recorder, one after the other; it may keep of one what belongs to a later one.
    /// Where there is nothing to say, it gives no bytes.
    fn encoder(&self) -> TelemetryEncoder;

    /// Decodes what an encoder made of one batch.
    ///
    /// # Errors
    /// If the bytes aren't that.
    fn decode(&self, bytes: &[u8]) -> Result<Vec<Batch>, crate::BoxError>;
}

/// Encodes the batches of one recorder.
pub type TelemetryEncoder = Box<dyn FnMut(&Batch) -> Vec<u8> + Send>;

/// A worker's sink: sends each batch home.
pub(super) struct Homeward<F> {
    pub(super) encode: TelemetryEncoder,
    pub(super) send: F,
}

impl<F: Fn(Vec<u8>) -> Result<(), EnvelopeError> + Send + 'static> Sink for Homeward<F> {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        match (self.encode)(batch) {
            nothing if nothing.is_empty() => Ok(()),
            bytes => (self.send)(bytes).map_err(|error| SinkError::new(SinkErrorKind::Permanent, error.to_string())),
        }
    }
}

/// The spans of workers that are known to be open, so that a worker's death leaves none of them open for ever.
#[derive(Default)]
pub(super) struct OpenElsewhere(Mutex<HashMap<String, OpenSpans>>);

/// The open spans of one worker.
type OpenSpans = HashMap<(TraceId, SpanId), Span>;

impl OpenElsewhere {
    /// Notes what a worker's batch says of open spans, and says in it which of them it ends.
    pub(super) fn note(&self, worker: &str, batch: &mut Batch) {
        let mut workers = self.0.lock();
        if batch.opened.is_empty() && !workers.contains_key(worker) {
            return;
        }
        let open = workers.entry(worker.to_owned()).or_default();
        for span in batch.opened() {
            let row = span.row();
            open.insert((row.trace_id, row.span_id), span.to_span());
        }
        let ended = batch.spans.trace_id.iter().copied().zip(batch.spans.span_id.iter().copied());
        batch.closed = ended.filter(|id| open.remove(id).is_some()).collect();
        if open.is_empty() {
            workers.remove(worker);
        }
    }

    /// Ends the spans of one trace that a dead worker has left open; says how many there were.
    pub(super) fn interrupt(&self, worker: &str, trace: TraceId, recorder: &Recorder) -> u64 {
        let mut workers = self.0.lock();
        let Some(open) = workers.get_mut(worker) else { return 0 };
        let mut builder = BatchBuilder::default();
        let mut left: Vec<Span> = open.extract_if(|(of, _), _| *of == trace).map(|(_, span)| span).collect();
        drop(workers);
        left.sort_by_key(|span| span.start_unix_ns);
        for span in &mut left {
            span.status = Status::Interrupted;
            span.status_message = format!("worker {worker} died");
            builder.push(span);
            builder.batch_mut().closed.push((span.trace_id, span.span_id));
        }
        recorder.relay(builder.finish());
        left.len() as u64
    }
}
