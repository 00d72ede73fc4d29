//! Sinks that remember what they were given, wait until they are let, or fail as they are told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc;

use flowglass_model::{Batch, Sink, SinkError, SinkErrorKind};
use parking_lot::Mutex;

/// What a sink was given.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    batches: Vec<Arc<Batch>>,
    /// How many batches each write had.
    groups: Vec<usize>,
    failures: VecDeque<SinkErrorKind>,
    flushes: usize,
}

impl Seen {
    pub(crate) fn batches(&self) -> Vec<Arc<Batch>> {
        self.0.lock().batches.clone()
    }

    pub(crate) fn span_names(&self) -> Vec<String> {
        self.batches().iter().flat_map(|batch| batch.spans().map(|span| span.name().to_owned()).collect::<Vec<_>>()).collect()
    }

    pub(crate) fn groups(&self) -> Vec<usize> {
        self.0.lock().groups.clone()
    }

    pub(crate) fn flushes(&self) -> usize {
        self.0.lock().flushes
    }

    /// Lets the next writes fail.
    pub(crate) fn fail(&self, kinds: impl IntoIterator<Item = SinkErrorKind>) {
        self.0.lock().failures.extend(kinds);
    }
}

/// A sink that remembers.
pub(crate) struct Remember(pub(crate) Seen);

impl Sink for Remember {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.write_all(&mut std::slice::from_ref(batch))
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        let mut state = self.0.0.lock();
        if let Some(kind) = state.failures.pop_front() {
            return Err(SinkError::new(kind, "the disk is on fire"));
        }
        let is_bad = |batch: &Arc<Batch>| batch.spans().any(|span| span.name() == "bad");
        let good = batches.iter().position(is_bad).unwrap_or(batches.len());
        let (taken, left) = batches.split_at(good);
        state.groups.push(taken.len());
        state.batches.extend(taken.iter().cloned());
        *batches = left;
        if left.is_empty() { Ok(()) } else { Err(SinkError::new(SinkErrorKind::Permanent, "a bad batch")) }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.0.0.lock().flushes += 1;
        Ok(())
    }
}

/// A sink that tells when it is asked to write, and writes when it is let.
pub(crate) struct Gated {
    seen: Remember,
    arrived: mpsc::Sender<()>,
    gate: mpsc::Receiver<()>,
}

/// The other end of a [`Gated`] sink.
pub(crate) struct Gate {
    pub(crate) arrived: mpsc::Receiver<()>,
    pub(crate) let_in: mpsc::Sender<()>,
}

impl Gated {
    pub(crate) fn new(seen: &Seen) -> (Self, Gate) {
        let (arrived, hear) = mpsc::channel();
        let (let_in, gate) = mpsc::channel();
        (Self { seen: Remember(seen.clone()), arrived, gate }, Gate { arrived: hear, let_in })
    }
}

impl Sink for Gated {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.write_all(&mut std::slice::from_ref(batch))
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        let _ = self.arrived.send(());
        let _ = self.gate.recv();
        self.seen.write_all(batches)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.seen.flush()
    }
}
