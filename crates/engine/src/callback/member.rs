//! One callback of a set: told of an event under a guard, so that nothing it does breaks the run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use flowglass_model::{Event, Interest, RunId};

use super::{Callback, CallbackContext, Tally};
use crate::error::panic_text;

pub(super) struct Member {
    name: Arc<str>,
    interest: Interest,
    callback: Box<dyn Callback>,
    /// Set when it panicked: what it holds can't be trusted any more.
    is_broken: bool,
    /// The run that was last told that this one is broken.
    reported_to: Option<RunId>,
}

impl Member {
    pub(super) fn new(callback: impl Callback) -> Self {
        let (name, interest) = (callback.name().into(), callback.interest());
        Self { name, interest, callback: Box::new(callback), is_broken: false, reported_to: None }
    }

    pub(super) fn interest(&self) -> Interest {
        self.interest
    }

    pub(super) fn tell(&mut self, event: &Event<'_>, context: &mut CallbackContext, tally: &Tally) {
        if !self.interest.wants(event.site.subject, event.kind.verb()) {
            return;
        }
        if self.is_broken {
            return self.report(event, tally);
        }
        let start = Instant::now();
        let told = catch_unwind(AssertUnwindSafe(|| self.callback.on_event(event, context)));
        tally.took(&self.name, start.elapsed());
        match told {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tally.failed(&self.name, event, error.to_string(), false),
            Err(panic) => {
                self.is_broken = true;
                self.reported_to = Some(event.run);
                tally.failed(&self.name, event, panic_text(&*panic).to_owned(), true);
            }
        }
    }

    /// Says once a run that this one hears nothing.
    fn report(&mut self, event: &Event<'_>, tally: &Tally) {
        if self.reported_to.replace(event.run) != Some(event.run) {
            tally.failed(&self.name, event, "it panicked in an earlier run and is told nothing since".to_owned(), true);
        }
    }
}
