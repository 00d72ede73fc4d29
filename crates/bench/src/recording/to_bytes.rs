//! Flowglass: what a span costs the whole process, from the call that makes it to the bytes that leave for an OTLP receiver.

use std::sync::Arc;
use std::time::Duration;

use flowglass::otlp::{decode_traces, encode_traces};
use flowglass_model::{Batch, Sink, SinkError};
use flowglass_record::Recorder;

use super::check::Check;
use super::payload::{SPANS, keys};
use super::users;
use crate::figures::Figures;
use crate::thread_time::process_cpu_ns;

/// Batches that are recorded between two flushes.
const BATCHES: usize = 16;
/// So many times that is done before the first one that counts, and in all.
const ROUNDS: (usize, usize) = (10, 110);
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes every batch as an exporter does, and looks into what it wrote first.
struct Bytes(Check);

impl Sink for Bytes {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let bytes = encode_traces(batch);
        if self.0.count(batch.spans.len()) {
            let read = decode_traces(&bytes)
                .map_err(|error| SinkError::new(flowglass_model::SinkErrorKind::Permanent, error.to_string()))?;
            for child in read.batches.iter().flat_map(|batch| batch.spans()).filter(|span| span.name() == "child") {
                self.0.child(users::is_right(&child));
            }
        }
        Ok(())
    }
}

/// Measures all threads together.
pub(super) fn run() -> Result<Figures, String> {
    let check = Check::default();
    let recorder = Recorder::builder().sink("bytes", Bytes(check.clone())).build();
    let keys = keys();
    let mut samples = Vec::new();
    for round in 0..ROUNDS.1 {
        let before = process_cpu_ns();
        (0..BATCHES).for_each(|_| users::traces(&recorder, &keys));
        recorder.flush(PATIENCE).map_err(|error| error.to_string())?;
        if round >= ROUNDS.0 {
            samples.push(process_cpu_ns() - before);
        }
    }
    check.result(ROUNDS.1 * BATCHES * SPANS)?;
    samples.sort_by(f64::total_cmp);
    let mut figures = Figures::default();
    let spans = u32::try_from(BATCHES * SPANS).map_or(f64::NAN, f64::from);
    figures.add("call_to_bytes_cpu_ns", samples[samples.len() / 2] / spans);
    Ok(figures)
}
