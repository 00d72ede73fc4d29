//! What callbacks came to in one run: their time, their failures, and which sets were told.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Event, RunId};
use parking_lot::Mutex;

use super::{CallbackFailure, Callbacks};

/// How long a callback took in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackTime {
    callback: Arc<str>,
    calls: u64,
    duration: Duration,
}

impl CallbackTime {
    /// Returns the callback's name.
    #[must_use]
    pub fn callback(&self) -> &str {
        &self.callback
    }

    /// Returns how many events it was told of.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Returns how long it took for all of them. The run waited for it.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// Counts for one run.
#[derive(Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    times: Vec<CallbackTime>,
    failures: Vec<CallbackFailure>,
    /// The sets that were told of the run, which keep a context for it.
    sets: Vec<Callbacks>,
}

impl Tally {
    pub(crate) fn failures(&self) -> Vec<CallbackFailure> {
        self.0.lock().failures.clone()
    }

    /// The callbacks' times, the longest first.
    pub(crate) fn times(&self) -> Vec<CallbackTime> {
        let mut times = self.0.lock().times.clone();
        times.sort_by_key(|time| std::cmp::Reverse(time.duration));
        times
    }

    /// Remembers which sets were told, so that they hear of the run's end.
    pub(super) fn told(&self, set: &Callbacks) {
        let mut counts = self.0.lock();
        if !counts.sets.iter().any(|other| other.is(set)) {
            counts.sets.push(set.clone());
        }
    }

    /// Waits until all is told, and lets the sets forget the run.
    pub(crate) fn end(&self, run: RunId) {
        let sets = std::mem::take(&mut self.0.lock().sets);
        sets.iter().for_each(|set| set.forget(run));
    }

    pub(super) fn took(&self, callback: &Arc<str>, duration: Duration) {
        let times = &mut self.0.lock().times;
        match times.iter_mut().find(|time| Arc::ptr_eq(&time.callback, callback)) {
            Some(time) => {
                time.calls += 1;
                time.duration += duration;
            }
            None => times.push(CallbackTime { callback: Arc::clone(callback), calls: 1, duration }),
        }
    }

    pub(super) fn failed(&self, callback: &Arc<str>, event: &Event<'_>, message: String, panicked: bool) {
        let event = format!("{} of {}", event.name(), event.site.path);
        self.add(CallbackFailure { callback: Arc::clone(callback), event, message, panicked, times: 1 });
    }

    fn add(&self, failure: CallbackFailure) {
        let failures = &mut self.0.lock().failures;
        match failures.iter_mut().find(|known| Arc::ptr_eq(&known.callback, &failure.callback)) {
            Some(known) => {
                known.times += failure.times;
                known.panicked |= failure.panicked;
            }
            None => failures.push(failure),
        }
    }
}
