//! Callbacks in the order in which they are told, shared by the runs that they are given to.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flowglass_model::{Event, EventVerb, Interest, RunId, Subject};
use parking_lot::{Condvar, Mutex};

use super::member::Member;
use super::queue::{Later, Queue, ROOM, Waiting};
use super::{Callback, CallbackContext, Tally};
use crate::pipeline::Surroundings;

/// How long one run waits, at most, for a callback that another thread is in. The callback may be waiting for this very run.
const GRACE: Duration = Duration::from_secs(1);

/// Callbacks in the order in which they are told. A clone is the same set.
///
/// One event is told at a time, to all, in the order in which they were added. When a callback is at work and something else
/// happens that its set must hear of (another run with the same set, perhaps one that the callback itself started), that is told
/// right after. So callbacks can't lock each other or a run out.
#[derive(Clone, Default)]
pub struct Callbacks(Arc<Set>);

#[derive(Default)]
struct Set {
    interest: AtomicU64,
    measures_usage: AtomicBool,
    /// Callbacks that were added since something was last told.
    newcomers: Mutex<Vec<Member>>,
    /// Locked by who tells, and by nobody else.
    told: Mutex<Told>,
    queue: Mutex<Queue>,
    /// Something was told.
    progress: Condvar,
}

#[derive(Default)]
struct Told {
    members: Vec<Member>,
    contexts: HashMap<RunId, CallbackContext>,
}

/// From where a set of callbacks sees a pipeline start and end: from the pipeline around it, from inside, or both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) around: bool,
    pub(crate) inside: bool,
}

/// What goes with an event to the callbacks.
pub(crate) struct Telling<'a> {
    pub(crate) surroundings: &'a Arc<Surroundings>,
    pub(crate) tally: &'a Arc<Tally>,
    pub(crate) view: View,
}

impl Callbacks {
    /// Makes an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a callback behind the others.
    #[must_use]
    pub fn with(self, callback: impl Callback) -> Self {
        self.0.measures_usage.fetch_or(callback.measures_usage(), Relaxed);
        let member = Member::new(callback);
        self.0.interest.fetch_or(member.interest().bits(), Relaxed);
        self.0.newcomers.lock().push(member);
        self
    }

    /// Says whether anybody wants events of this kind. A test of a mask: ask before you make an event.
    #[inline]
    pub(crate) fn wants(&self, subject: Subject, verb: EventVerb) -> bool {
        Interest::from_bits(self.0.interest.load(Relaxed)).wants(subject, verb)
    }

    /// Says whether spans are to tell what the process uses.
    pub(crate) fn measures_usage(&self) -> bool {
        self.0.measures_usage.load(Relaxed)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Tells all of them, now or right after what is being told. None can break the others or the run.
    pub(crate) fn tell(&self, event: &Event<'_>, telling: &Telling<'_>) {
        telling.tally.told(self);
        let mut queue = self.0.queue.lock();
        if queue.teller.is_none() {
            queue.teller = Some((std::thread::current().id(), event.run));
            drop(queue);
            self.0.told.lock().tell(&self.0, event, telling);
            self.tell_what_waits();
            return;
        }
        let deadline = Instant::now() + GRACE;
        while queue.waiting.len() >= ROOM && !queue.is_mine() && queue.teller.is_some() {
            if self.0.progress.wait_until(&mut queue, deadline).timed_out() {
                break;
            }
        }
        queue.waiting.push_back(Waiting::Event(Box::new(Later::new(event, telling))));
        let nobody_tells = queue.teller.is_none();
        drop(queue);
        if nobody_tells {
            self.tell_what_waits();
        }
    }

    /// Tells what came in the meantime. One thread at a time gets through to the end.
    fn tell_what_waits(&self) {
        let me = std::thread::current().id();
        loop {
            let mut queue = self.0.queue.lock();
            if queue.teller.is_some_and(|(thread, _)| thread != me) {
                return;
            }
            let next = queue.waiting.pop_front();
            queue.teller = match &next {
                Some(Waiting::Event(later)) => Some((me, later.record.run)),
                Some(Waiting::Over(run)) => Some((me, *run)),
                None => None,
            };
            drop(queue);
            self.0.progress.notify_all();
            match next {
                Some(Waiting::Event(later)) => {
                    if let Some(event) = later.event() {
                        self.0.told.lock().tell(&self.0, &event, &later.telling());
                    }
                }
                Some(Waiting::Over(run)) => drop(self.0.told.lock().contexts.remove(&run)),
                None => return,
            }
        }
    }

    /// Waits until everything of a run is told (not for ever: see [`GRACE`]), and drops its context.
    pub(super) fn forget(&self, run: RunId) {
        let deadline = Instant::now() + GRACE;
        let mut queue = self.0.queue.lock();
        while queue.owes(run) && !queue.is_mine() {
            if self.0.progress.wait_until(&mut queue, deadline).timed_out() {
                break;
            }
        }
        queue.waiting.push_back(Waiting::Over(run));
        let nobody_tells = queue.teller.is_none();
        drop(queue);
        if nobody_tells {
            self.tell_what_waits();
        }
    }
}

impl Told {
    fn tell(&mut self, set: &Set, event: &Event<'_>, telling: &Telling<'_>) {
        self.members.append(&mut set.newcomers.lock());
        let context = self.contexts.entry(event.run).or_default();
        for member in &mut self.members {
            context.go_to(telling.surroundings, event.site.id, telling.view);
            member.tell(event, context, telling.tally);
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callbacks({:?})", Interest::from_bits(self.0.interest.load(Relaxed)))
    }
}
