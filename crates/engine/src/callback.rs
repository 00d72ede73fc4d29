//! The user's callbacks: told of every event of their level, in one order.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flowglass_model::{Event, EventVerb, Interest, Subject};
use parking_lot::Mutex;

/// Is told what happens in a run. Callbacks observe; what they do changes nothing in the run, unless they are slow.
pub trait Callback: Send + 'static {
    /// Says which events it wants; an event that nobody wants is never made.
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    /// Is told of one event.
    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext);
}

impl<F: FnMut(&Event<'_>, &mut CallbackContext) + Send + 'static> Callback for F {
    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext) {
        self(event, context);
    }
}

/// State that the callbacks of one set share: one leaves a value, another reads it.
#[derive(Default)]
pub struct CallbackContext {
    values: HashMap<String, Box<dyn Any + Send>>,
}

impl CallbackContext {
    /// Leaves a value for other callbacks, and for later events.
    pub fn set<T: Send + 'static>(&mut self, key: impl Into<String>, value: T) {
        self.values.insert(key.into(), Box::new(value));
    }

    /// Returns a value that was left, if it is there and of this type.
    #[must_use]
    pub fn get<T: 'static>(&self, key: &str) -> Option<&T> {
        self.values.get(key)?.downcast_ref()
    }
}

/// Callbacks in the order in which they are told.
#[derive(Clone, Default)]
pub struct Callbacks {
    interest: Option<Interest>,
    set: Arc<Mutex<Set>>,
}

#[derive(Default)]
struct Set {
    callbacks: Vec<Slot>,
    context: CallbackContext,
}

struct Slot {
    interest: Interest,
    callback: Box<dyn Callback>,
    failed: bool,
}

impl Callbacks {
    /// Makes an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a callback behind the others.
    #[must_use]
    pub fn with(mut self, callback: impl Callback) -> Self {
        let interest = callback.interest();
        self.interest = Some(self.interest.unwrap_or(Interest::NONE).union(interest));
        self.set.lock().callbacks.push(Slot { interest, callback: Box::new(callback), failed: false });
        self
    }

    pub(crate) fn wants(&self, subject: Subject, verb: EventVerb) -> bool {
        self.interest.is_some_and(|interest| interest.wants(subject, verb))
    }

    /// Tells all of them. One that panics is told nothing more, and the others don't notice.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        let mut set = self.set.lock();
        let Set { callbacks, context } = &mut *set;
        for slot in callbacks.iter_mut().filter(|slot| !slot.failed) {
            if slot.interest.wants(event.site.subject, event.kind.verb()) {
                let told = catch_unwind(AssertUnwindSafe(|| slot.callback.on_event(event, context)));
                slot.failed = told.is_err();
            }
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callbacks({})", self.set.lock().callbacks.len())
    }
}
