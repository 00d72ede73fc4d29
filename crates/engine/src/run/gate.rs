//! What is left of threads that are given up: whether what ends on them still counts, and what was running there.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use flowglass_model::SpanId;
use flowglass_record::Scope;
use parking_lot::{Mutex, ReentrantMutex, ReentrantMutexGuard};

/// Closed when nobody waits for a thread any more: what ends on it after that isn't told.
#[derive(Default)]
pub(crate) struct Gate {
    is_closed: ReentrantMutex<Cell<bool>>,
    /// The scopes of other recorders in which the thread has spans open, each with the span that was opened there first.
    scopes: Mutex<Vec<(SpanId, Scope)>>,
}

/// Holds a gate open while something ends.
pub(crate) type Passing<'a> = ReentrantMutexGuard<'a, Cell<bool>>;

impl Gate {
    /// Passes, for as long as the guard lives, unless the gate was closed.
    pub(crate) fn pass(&self) -> Option<Passing<'_>> {
        Some(self.is_closed.lock()).filter(|closed| !closed.get())
    }

    pub(crate) fn close(&self) {
        self.is_closed.lock().set(true);
    }

    /// Takes note that spans are opened in the scope of another recorder, of which this is the first.
    pub(crate) fn opened(&self, first: SpanId, scope: Scope) {
        self.scopes.lock().push((first, scope));
    }

    /// Takes note that the first span in the scope of another recorder has ended.
    pub(crate) fn ended(&self, first: SpanId) {
        self.scopes.lock().retain(|(other, _)| *other != first);
    }

    /// Takes the scopes of other recorders in which spans are open.
    pub(crate) fn take_scopes(&self) -> Vec<(SpanId, Scope)> {
        std::mem::take(&mut self.scopes.lock())
    }
}

/// Work whose thread was still running when it was ended.
#[derive(Default)]
pub(crate) struct Detached {
    any: AtomicBool,
    /// Each span, and where its work stands, unless work around it is named.
    work: Mutex<Vec<(SpanId, Option<String>)>>,
}

impl Detached {
    pub(crate) fn add(&self, span: SpanId, path: Option<String>) {
        self.any.store(true, Relaxed);
        self.work.lock().push((span, path));
    }

    pub(crate) fn has(&self, span: SpanId) -> bool {
        self.any.load(Relaxed) && self.work.lock().iter().any(|(detached, _)| *detached == span)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.work.lock().iter().filter_map(|(_, path)| path.clone()).collect()
    }
}
