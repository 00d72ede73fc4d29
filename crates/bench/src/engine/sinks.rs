//! What a sink that hangs does to runs: the chain, recorded to one that never comes back, beside one that drops everything at once.
//!
//! Neither recorder is ever waited for, so that the work of both collectors falls on the runs alike.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use flowglass::Recorder;
use flowglass_model::{Batch as Records, Sink, SinkError};

use super::graphs::{Graph, Shape, Telemetry};
use super::runtime;
use super::turns::{self, Series};
use crate::figures::Figures;
use crate::process_memory::{current_mb, peak_mb};

/// What may wait for a sink, and in the threads' buffers, each in megabytes.
const BOUND_MB: usize = 8;

/// Measures both in turns, and how much memory the process took meanwhile.
pub(super) fn run() -> Result<Figures, String> {
    let runtime = runtime()?;
    let (gate, hangs) = Hanging::new();
    let (quick, slow) = (recorder(Nowhere), recorder(hangs));
    let chain = |recorder: &Recorder| Graph::new(Shape::Chain, Telemetry::On(recorder.clone()), &runtime).map(Box::new);
    let mut series = [Series::new("discarding".to_owned(), chain(&quick)?), Series::new("hanging".to_owned(), chain(&slow)?)];
    let before_mb = current_mb()?;
    turns::take(&mut series, || Ok(()))?;
    let mut figures = Figures::default();
    figures.add("hanging_sink_ratio", series[1].p10_ns() / series[0].p10_ns());
    figures.add("hanging_sink_peak_mb", peak_mb()? - before_mb);
    let dropped = slow.stats().sinks.iter().map(|sink| sink.dropped_queue_full.spans).sum::<u64>();
    drop(gate);
    if dropped == 0 { Err("the queue of the sink that hangs never filled".to_owned()) } else { Ok(figures) }
}

fn recorder(sink: impl Sink) -> Recorder {
    let bytes = BOUND_MB << 20;
    Recorder::builder().buffer_bytes(bytes).queue_bytes(bytes).sink("sink", sink).build()
}

/// Drops everything at once.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _: &Arc<Records>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Hangs in its first write, until the other end is dropped.
struct Hanging(Receiver<()>);

impl Hanging {
    fn new() -> (Sender<()>, Self) {
        let (gate, hangs) = channel();
        (gate, Self(hangs))
    }
}

impl Sink for Hanging {
    fn write(&mut self, _: &Arc<Records>) -> Result<(), SinkError> {
        let _ = self.0.recv();
        Ok(())
    }
}
