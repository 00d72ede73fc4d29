//! Which scope is active on the calling thread: set for a poll or a call, read by user code.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::Arc;

use flowglass_model::{SpanId, TraceId, TraceParent};

use crate::scope_shared::ScopeShared;

thread_local! {
    static ACTIVE: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    /// Whether a scope is active; beside them because it has no destructor, so that asking is one instruction.
    static IS_ANY: Cell<bool> = const { Cell::new(false) };
}

/// A scope that is active on this thread, or that spans are left of whose guards outlive its activation.
struct Entry {
    scope: Arc<ScopeShared>,
    guards: u32,
    is_active: bool,
}

/// Makes a scope the thread's active one while it lives; see [`Scope::activate`](crate::Scope::activate).
#[derive(Debug)]
#[must_use = "the scope is active while this lives"]
pub struct Activation {
    scope: Option<u64>,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Activation {
    #[inline]
    pub(crate) fn new(scope: Option<&Arc<ScopeShared>>) -> Self {
        let scope =
            scope.and_then(|scope| ACTIVE.try_with(|active| activate(&mut active.borrow_mut(), scope)).ok().map(|()| scope.id));
        Self { scope, stays_on_its_thread: PhantomData }
    }
}

impl Drop for Activation {
    #[inline]
    fn drop(&mut self) {
        let Some(scope) = self.scope else { return };
        // A thread that is ending has no active scope any more.
        let _ = ACTIVE.try_with(|active| deactivate(&mut active.borrow_mut(), scope));
    }
}

/// Where the calling thread is in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentSpan {
    trace_id: TraceId,
    span_id: SpanId,
    sampled: bool,
}

impl CurrentSpan {
    /// Returns the trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the innermost open span.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Says whether the trace is recorded.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// Returns what a process or service that is called from here is given as its parent; its text is a W3C `traceparent`.
    #[must_use]
    pub const fn traceparent(&self) -> TraceParent {
        TraceParent { trace_id: self.trace_id, parent_id: self.span_id, sampled: self.sampled }
    }
}

/// Returns where the calling thread is in a trace; nothing outside of any.
#[must_use]
pub fn current() -> Option<CurrentSpan> {
    with_active(|scope| CurrentSpan { trace_id: scope.trace_id, span_id: scope.current(), sampled: scope.is_sampled() })
}

/// Looks at the active scope, if there is one.
pub(crate) fn with_active<T>(look: impl FnOnce(&ScopeShared) -> T) -> Option<T> {
    ACTIVE.try_with(|active| active.borrow().iter().rev().find(|entry| entry.is_active).map(|entry| look(&entry.scope))).ok()?
}

/// As [`with_active`], for whoever goes on with the scope elsewhere.
pub(crate) fn with_active_shared<T>(look: impl FnOnce(&Arc<ScopeShared>) -> T) -> Option<T> {
    ACTIVE.try_with(|active| active.borrow().iter().rev().find(|entry| entry.is_active).map(|entry| look(&entry.scope))).ok()?
}

/// Says whether there is an active scope.
#[inline]
pub(crate) fn is_any() -> bool {
    IS_ANY.get()
}

/// Opens a span in the active scope, if there is one and `open` makes one; the scope then stays at hand for its guard.
#[inline]
pub(crate) fn open<T>(open: impl FnOnce(&ScopeShared) -> Option<T>) -> Option<T> {
    ACTIVE
        .try_with(|active| {
            let mut active = active.borrow_mut();
            let entry = match active.last_mut() {
                Some(top) if top.is_active => top,
                _ => active.iter_mut().rev().find(|entry| entry.is_active)?,
            };
            let opened = open(&entry.scope)?;
            entry.guards += 1;
            Some(opened)
        })
        .ok()?
}

/// Looks at the scope of a guard.
#[inline]
pub(crate) fn with_scope<T>(id: u64, look: impl FnOnce(&ScopeShared) -> T) -> Option<T> {
    ACTIVE
        .try_with(|active| active.borrow().iter().rev().find(|entry| entry.is_of_guard(id)).map(|entry| look(&entry.scope)))
        .ok()?
}

/// Closes a span that [`open`] opened; the scope is let go when nothing needs it any more. `close` is told whether the
/// scope is still active, so that its stack is this thread's to change.
#[inline]
pub(crate) fn close<T>(id: u64, close: impl FnOnce(&ScopeShared, bool) -> T) -> Option<T> {
    ACTIVE
        .try_with(|active| {
            let mut active = active.borrow_mut();
            let entry = match active.last_mut() {
                Some(top) if top.is_of_guard(id) => top,
                _ => active.iter_mut().rev().find(|entry| entry.is_of_guard(id))?,
            };
            entry.guards -= 1;
            let closed = close(&entry.scope, entry.is_active);
            if !entry.is_active {
                forget_unneeded(&mut active);
            }
            Some(closed)
        })
        .ok()?
}

impl Entry {
    #[inline]
    fn is_of_guard(&self, scope: u64) -> bool {
        self.scope.id == scope && self.guards > 0
    }
}

#[inline]
fn activate(active: &mut Vec<Entry>, scope: &Arc<ScopeShared>) {
    let left_behind = active.iter().position(|entry| !entry.is_active && entry.scope.id == scope.id);
    let guards = left_behind.map_or(0, |at| active.remove(at).guards);
    active.push(Entry { scope: Arc::clone(scope), guards, is_active: true });
    IS_ANY.set(true);
}

#[inline]
fn deactivate(active: &mut Vec<Entry>, scope: u64) {
    let Some(entry) = active.iter_mut().rev().find(|entry| entry.is_active && entry.scope.id == scope) else { return };
    entry.is_active = false;
    if entry.guards > 0 {
        // From here on another thread may drive the scope: its stack is no longer this thread's to change.
        entry.scope.open.park_users_above();
    }
    forget_unneeded(active);
    IS_ANY.set(active.iter().any(|entry| entry.is_active));
}

fn forget_unneeded(active: &mut Vec<Entry>) {
    active.retain(|entry| entry.is_active || entry.guards > 0);
}
