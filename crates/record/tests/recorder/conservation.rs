//! Of every kind of record: what was recorded is what a sink took and what is counted as lost to it, whatever the sink does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Receiver;
use flowglass_model::{Batch, RecordCounts, Severity, Sink, SinkError, SinkErrorKind};
use flowglass_record::{Recorder, span};
use proptest::prelude::*;

use crate::support::{PATIENCE, assert_conserved};

/// What a sink does when it is given a batch.
#[derive(Debug, Clone, Copy)]
enum Reaction {
    Takes,
    Refuses,
    IsBusy,
    Hangs,
}

/// A sink that does what it is told, and takes everything when it has been told all.
struct Moody {
    reactions: std::vec::IntoIter<Reaction>,
    permits: Receiver<()>,
    taken: Arc<Mutex<RecordCounts>>,
}

impl Sink for Moody {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        match self.reactions.next().unwrap_or(Reaction::Takes) {
            Reaction::Refuses => return Err(SinkError::new(SinkErrorKind::Permanent, "refused")),
            Reaction::IsBusy => return Err(SinkError::new(SinkErrorKind::Unavailable, "busy")),
            // Comes back when the gate is gone, too.
            Reaction::Hangs => _ = self.permits.recv(),
            Reaction::Takes => {}
        }
        *self.taken.lock().unwrap() += batch.counts();
        Ok(())
    }
}

/// What a program does.
#[derive(Debug, Clone, Copy)]
enum Step {
    Span,
    Events(u8),
    Log,
    LooseEvent,
    Measurement(u8),
    /// Passes on what there is, without waiting for anybody.
    Flush,
    /// Lets a sink that hangs come back.
    Permit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Span),
        any::<u8>().prop_map(Step::Events),
        Just(Step::Log),
        Just(Step::LooseEvent),
        any::<u8>().prop_map(Step::Measurement),
        Just(Step::Flush),
        Just(Step::Flush),
        Just(Step::Permit),
    ];
    prop::collection::vec(step, 0..60)
}

fn reactions() -> impl Strategy<Value = Vec<Reaction>> {
    let reaction = prop_oneof![Just(Reaction::Takes), Just(Reaction::Refuses), Just(Reaction::IsBusy), Just(Reaction::Hangs),];
    prop::collection::vec(reaction, 0..12)
}

/// Does one step; returns what it records but for points, which the collector makes.
fn take(recorder: &Recorder, step: Step) -> RecordCounts {
    let counts = |spans, events, logs| RecordCounts { spans, events, logs, points: 0 };
    match step {
        Step::Span => {
            let _root = recorder.root_span("root");
            drop(span("child"));
            counts(2, 0, 0)
        }
        Step::Events(number) => {
            let root = recorder.root_span("root");
            (0..number).for_each(|_| _ = root.event("event", &[]));
            counts(1, number.into(), 0)
        }
        Step::Log => {
            recorder.log(Severity::INFO, "said", &[]);
            counts(0, 0, 1)
        }
        Step::LooseEvent => {
            recorder.event("happened", &[]);
            counts(0, 1, 0)
        }
        Step::Measurement(set) => {
            recorder.counter("n").add(1, &[("set", u32::from(set % 4).into())]);
            RecordCounts::default()
        }
        Step::Flush | Step::Permit => RecordCounts::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_unseen(steps in steps(), moods in (reactions(), reactions()), queue_bytes in prop_oneof![Just(1_usize), Just(1 << 20)]) {
        let (permit, permits) = crossbeam_channel::unbounded();
        let taken = [Arc::new(Mutex::new(RecordCounts::default())), Arc::default()];
        let sink = |reactions: Vec<Reaction>, taken: &Arc<Mutex<RecordCounts>>| Moody {
            reactions: reactions.into_iter(),
            permits: permits.clone(),
            taken: Arc::clone(taken),
        };
        let recorder = Recorder::builder()
            .export_interval(Duration::from_secs(3600))
            .queue_bytes(queue_bytes)
            .buffer_size(1)
            .buffer_bytes(64 * 1024)
            .retry(2, Duration::ZERO)
            .sink("first", sink(moods.0, &taken[0]))
            .sink("second", sink(moods.1, &taken[1]))
            .build();
        let mut recorded = RecordCounts::default();
        for step in steps {
            recorded += take(&recorder, step);
            match step {
                Step::Flush => drop(recorder.flush(Duration::ZERO)),
                Step::Permit => drop(permit.send(())),
                _ => {}
            }
        }
        drop(permit);
        // An error of the past is told once; what counts is that everything is over.
        let _ = recorder.shutdown(PATIENCE);
        let stats = recorder.stats();
        assert_conserved(&stats);
        prop_assert_eq!(RecordCounts { points: 0, ..stats.recorded }, recorded);
        for (sink, taken) in stats.sinks.iter().zip(&taken) {
            prop_assert_eq!(sink.delivered, *taken.lock().unwrap());
        }
    }
}
