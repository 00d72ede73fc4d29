//! What was passed on to a run's recorder is told to its sender when the store has it, not when it is on its way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowglass::Recorder;
use flowglass::model::{Batch, Sink, SinkError, SinkErrorKind, WriterId};
use parking_lot::{Condvar, Mutex};

/// How long a sender waits for the store; then it is told to come again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who sent a batch, and the how-many-th of theirs it is.
type Key = (WriterId, u64);

/// Which of the batches that were passed on the store has.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Inner>);

#[derive(Default)]
struct Inner {
    expected: Mutex<HashMap<Key, Fate>>,
    news: Condvar,
}

#[derive(Clone, PartialEq)]
enum Fate {
    OnItsWay,
    Committed,
    Refused(String),
}

impl Ledger {
    /// Watches the sink of a store.
    pub(super) fn over<S: Sink>(&self, sink: S) -> Watched<S> {
        Watched { sink, ledger: self.clone() }
    }

    /// Makes the sink that passes on to a recorder, and waits for the store.
    pub(super) fn passing_on(&self, recorder: Recorder) -> PassedOn {
        PassedOn { recorder, ledger: self.clone(), patience: PATIENCE }
    }

    fn expect(&self, batches: &[Arc<Batch>]) {
        self.0.expected.lock().extend(batches.iter().map(|batch| (key(batch), Fate::OnItsWay)));
    }

    fn note(&self, batches: &[Arc<Batch>], fate: &Fate) {
        let mut expected = self.0.expected.lock();
        for batch in batches {
            expected.entry(key(batch)).and_modify(|known| known.clone_from(fate));
        }
        drop(expected);
        self.0.news.notify_all();
    }

    /// Waits until it is known of all batches what became of them, and forgets them. Returns the first that isn't committed.
    fn settle(&self, batches: &[Arc<Batch>], until: Instant) -> Option<(usize, Fate)> {
        let mut expected = self.0.expected.lock();
        let is_open =
            |expected: &HashMap<Key, Fate>| batches.iter().any(|batch| expected.get(&key(batch)) == Some(&Fate::OnItsWay));
        while is_open(&expected) && !self.0.news.wait_until(&mut expected, until).timed_out() {}
        let fates = batches.iter().map(|batch| expected.remove(&key(batch)).unwrap_or(Fate::Committed));
        let fates: Vec<Fate> = fates.collect();
        fates.into_iter().enumerate().find(|(_, fate)| *fate != Fate::Committed)
    }
}

fn key(batch: &Batch) -> Key {
    (batch.writer, batch.sequence)
}

/// A store's sink whose commits are noted.
pub(super) struct Watched<S> {
    sink: S,
    ledger: Ledger,
}

impl<S: Sink> Sink for Watched<S> {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.write_all(&mut std::slice::from_ref(batch))
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        let before = *batches;
        let written = self.sink.write_all(batches);
        self.ledger.note(&before[..before.len() - batches.len()], &Fate::Committed);
        if let (Err(error), Some(first)) = (&written, batches.first())
            && !error.is_retryable()
        {
            self.ledger.note(std::slice::from_ref(first), &Fate::Refused(error.to_string()));
        }
        written
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush()
    }
}

/// Passes on to a recorder, and has taken what its store has.
pub(super) struct PassedOn {
    recorder: Recorder,
    ledger: Ledger,
    patience: Duration,
}

impl Sink for PassedOn {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.write_all(&mut std::slice::from_ref(batch))
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        self.ledger.expect(batches);
        batches.iter().for_each(|batch| self.recorder.pass_on(Arc::clone(batch)));
        let Some((at, fate)) = self.ledger.settle(batches, Instant::now() + self.patience) else {
            *batches = &[];
            return Ok(());
        };
        *batches = &batches[at..];
        Err(match fate {
            Fate::Refused(why) => SinkError::new(SinkErrorKind::Permanent, why),
            _ => SinkError::new(SinkErrorKind::Unavailable, "the run's store hasn't got it yet"),
        })
    }
}

#[cfg(test)]
mod tests {
    use flowglass::model::{BatchBuilder, Span, SpanId, TraceId};

    use super::*;

    /// Answers with these errors first.
    struct Store(Vec<SinkErrorKind>);

    impl Sink for Store {
        fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
            self.0.pop().map_or(Ok(()), |kind| Err(SinkError::new(kind, "the disk is full")))
        }
    }

    fn batch(sequence: u64) -> Arc<Batch> {
        let mut builder = BatchBuilder::new(WriterId::from_bytes([7; 16]), sequence, Arc::default());
        let (trace_id, span_id) = (TraceId::from_bytes([1; 16]), SpanId::from_u64(sequence));
        builder.push(&Span { trace_id, span_id, name: "work".into(), ..Span::default() });
        builder.finish().into()
    }

    fn passed_on(errors: Vec<SinkErrorKind>) -> PassedOn {
        let ledger = Ledger::default();
        let recorder = Recorder::builder().sink("store", ledger.over(Store(errors))).build();
        ledger.passing_on(recorder)
    }

    #[test]
    fn what_the_store_has_is_taken_and_forgotten() {
        let mut passed_on = passed_on(vec![SinkErrorKind::Unavailable]);
        let batches = [batch(1), batch(2)];
        passed_on.write_all(&mut &batches[..]).unwrap();
        assert!(passed_on.ledger.0.expected.lock().is_empty());
    }

    #[test]
    fn what_the_store_refuses_is_refused() {
        let mut passed_on = passed_on(vec![SinkErrorKind::Permanent]);
        let batches = [batch(1)];
        let mut left = &batches[..];
        let error = passed_on.write_all(&mut left).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_retryable(), left.len()), ("the disk is full", false, 1));
    }

    #[test]
    fn what_nobody_writes_is_to_come_again() {
        let ledger = Ledger::default();
        let mut passed_on = PassedOn { patience: Duration::ZERO, ..ledger.passing_on(Recorder::off()) };
        let error = passed_on.write(&batch(1)).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(ledger.0.expected.lock().is_empty());
    }
}
