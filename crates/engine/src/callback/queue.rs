//! Who tells at the moment, and what waits until they have told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::ThreadId;

use flowglass_model::{Event, EventRecord, EventValues, RunId};

use super::Tally;
use super::set::{Telling, View};
use crate::pipeline::Surroundings;

/// Events that wait, at most, before those who bring more have to wait too.
pub(super) const ROOM: usize = 4_096;

#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    /// The thread that tells, and the run that it tells of.
    pub(super) teller: Option<(ThreadId, RunId)>,
}

/// What is to be told next.
pub(super) enum Waiting {
    Event(Box<Later>),
    /// A run is over: its context is dropped.
    Over(RunId),
}

/// An event that is told a little later.
pub(super) struct Later {
    pub(super) record: EventRecord,
    values: Option<Arc<dyn EventValues + Send + Sync>>,
    surroundings: Arc<Surroundings>,
    tally: Arc<Tally>,
    view: View,
}

impl Later {
    pub(super) fn new(event: &Event<'_>, telling: &Telling<'_>) -> Self {
        Self {
            record: event.to_record(),
            values: event.values().map(EventValues::for_later),
            surroundings: Arc::clone(telling.surroundings),
            tally: Arc::clone(telling.tally),
            view: telling.view,
        }
    }

    /// The event; none if it is of a kind that this build doesn't know.
    pub(super) fn event(&self) -> Option<Event<'_>> {
        let event = self.record.as_event()?;
        Some(match &self.values {
            Some(values) => event.with_values(&**values),
            None => event,
        })
    }

    pub(super) fn telling(&self) -> Telling<'_> {
        Telling { surroundings: &self.surroundings, tally: &self.tally, view: self.view }
    }
}

impl Queue {
    /// Says whether something of a run is still to be told.
    pub(super) fn owes(&self, run: RunId) -> bool {
        let is_of_run = |waiting: &Waiting| matches!(waiting, Waiting::Event(later) if later.record.run == run);
        self.teller.is_some_and(|(_, telling)| telling == run) || self.waiting.iter().any(is_of_run)
    }

    /// Says whether the asking thread tells: a callback has come back to its own set.
    pub(super) fn is_mine(&self) -> bool {
        self.teller.is_some_and(|(thread, _)| thread == std::thread::current().id())
    }
}
