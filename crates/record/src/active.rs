//! Which scope is active on the calling thread: set for a poll or a call, read by user code.
//!
//! What each span needs lies in a variable without a destructor, beside the list that keeps the scopes: where the
//! innermost active one is, and how many spans user code has open in it.
#![expect(unsafe_code, reason = "the innermost scope is reached by a pointer, which a list beside it keeps alive")]

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use flowglass_model::{SpanId, TraceId, TraceParent};

use crate::scope_shared::ScopeShared;

thread_local! {
    static ACTIVE: RefCell<Entries> = const { RefCell::new(Entries(Vec::new())) };
    static TOP: Top = const { Top { scope: Cell::new(ptr::null()), guards: Cell::new(0), may_record: Cell::new(false) } };
}

/// The innermost active scope. While there is one, its entry says what there was when it became the innermost.
struct Top {
    /// Null for none. What it points to is kept by an entry.
    scope: Cell<*const ScopeShared>,
    guards: Cell<u32>,
    may_record: Cell<bool>,
}

/// The scopes that the thread needs, the innermost last.
struct Entries(Vec<Entry>);

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
        let scope = scope.and_then(|scope| change(|entries| entries.activate(Arc::clone(scope))));
        Self { scope, stays_on_its_thread: PhantomData }
    }

    /// Makes a scope active that nobody else has, who would be asked to keep it.
    #[inline]
    pub(crate) fn keeping(scope: Arc<ScopeShared>) -> Self {
        Self { scope: change(|entries| entries.activate(scope)), stays_on_its_thread: PhantomData }
    }
}

impl Drop for Activation {
    #[inline]
    fn drop(&mut self) {
        let Some(scope) = self.scope else { return };
        // A thread that is ending has no active scope any more.
        let _ = change(|entries| entries.deactivate(scope));
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

    /// Says whether the trace is recorded, as things stand: what begins here is.
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
    with_active(|scope| {
        let sampled = scope.recorded_parent().is_some();
        CurrentSpan { trace_id: scope.trace_id, span_id: scope.current(), sampled }
    })
}

/// Looks at the active scope, if there is one.
pub(crate) fn with_active<T>(look: impl FnOnce(&ScopeShared) -> T) -> Option<T> {
    with_active_shared(|scope| look(scope))
}

/// As [`with_active`], for whoever goes on with the scope elsewhere.
pub(crate) fn with_active_shared<T>(look: impl FnOnce(&Arc<ScopeShared>) -> T) -> Option<T> {
    ACTIVE.try_with(|active| active.try_borrow().ok()?.innermost().map(|entry| look(&entry.scope))).ok()?
}

/// Says whether there is an active scope.
#[inline]
pub(crate) fn is_any() -> bool {
    !top().scope.get().is_null()
}

/// Says whether there is an active scope of which anything may be recorded.
#[inline(always)]
pub(crate) fn may_record() -> bool {
    top().may_record.get()
}

/// Opens a span in the active scope, if there is one and `open` makes one; the scope then stays at hand for its guard.
/// `open` calls nothing that could activate another scope, or this one no longer.
#[inline(always)]
pub(crate) fn open<T>(open: impl FnOnce(&ScopeShared) -> Option<T>) -> Option<T> {
    let top = top();
    let opened = open(top.scope()?)?;
    top.guards.set(top.guards.get() + 1);
    Some(opened)
}

/// Looks at the scope of a guard, if it is the innermost one. `look` calls nothing that could change which one is.
#[inline(always)]
pub(crate) fn with_innermost<T>(id: u64, look: impl FnOnce(&ScopeShared) -> T) -> Option<T> {
    top().scope().filter(|scope| scope.id == id).map(look)
}

/// Looks at a scope that is active on the calling thread, so that its stack is this thread's to change; most often it is the
/// innermost one. What holds for [`with_innermost`]'s `look` holds for it.
#[inline]
pub(crate) fn with_driven<T>(id: u64, look: impl FnOnce(&ScopeShared) -> T) -> Option<T> {
    match top().scope().filter(|scope| scope.id == id) {
        Some(scope) => Some(look(scope)),
        None => driven(id).map(|scope| look(&scope)),
    }
}

#[cold]
fn driven(id: u64) -> Option<Arc<ScopeShared>> {
    let find = |entries: &Entries| {
        let found = entries.0.iter().rev().find(|entry| entry.is_active && entry.scope.id == id);
        found.map(|entry| Arc::clone(&entry.scope))
    };
    ACTIVE.try_with(|active| find(&*active.try_borrow().ok()?)).ok()?
}

/// Closes a span that [`open`] opened, if its scope is the innermost one, whose stack is this thread's to change, and if `close`
/// can. What holds for [`open`]'s `open` holds for it.
#[inline(always)]
pub(crate) fn close_innermost<T>(id: u64, close: impl FnOnce(&ScopeShared) -> Option<T>) -> Option<T> {
    let top = top();
    let scope = top.scope().filter(|scope| scope.id == id)?;
    if top.guards.get() == 0 {
        return None;
    }
    let closed = close(scope)?;
    top.guards.set(top.guards.get().wrapping_sub(1));
    Some(closed)
}

/// Returns the scope of a guard.
pub(crate) fn scope_of(id: u64) -> Option<Arc<ScopeShared>> {
    change(|entries| entries.of_guard(id).map(|entry| Arc::clone(&entry.scope)))?
}

/// Lets go of the scope of a guard whose span ends; says whether it is still active, so that its stack is this thread's to
/// change.
#[cold]
pub(crate) fn release(id: u64) -> Option<(Arc<ScopeShared>, bool)> {
    change(|entries| {
        let entry = entries.of_guard(id)?;
        entry.guards -= 1;
        let released = (Arc::clone(&entry.scope), entry.is_active);
        entries.forget_unneeded();
        Some(released)
    })?
}

/// Changes the list of scopes, which then says again what the innermost one is. Does nothing on a thread that is ending,
/// or while somebody looks at the list.
fn change<T>(change: impl FnOnce(&mut Entries) -> T) -> Option<T> {
    ACTIVE
        .try_with(|active| {
            let (mut entries, top) = (active.try_borrow_mut().ok()?, top());
            entries.take_back(top);
            let changed = change(&mut entries);
            entries.lend(top);
            Some(changed)
        })
        .ok()?
}

/// Returns what the thread knows of its innermost scope. What is done with it is inlined here, which it would not be inside of
/// a closure.
#[inline(always)]
fn top() -> &'static Top {
    // SAFETY: without a destructor, a thread's variable lives as long as the thread does; and what is neither `Send` nor
    // `Sync`, as a reference to cells is, doesn't leave it.
    unsafe { &*TOP.with(ptr::from_ref) }
}

impl Top {
    #[inline(always)]
    fn scope(&self) -> Option<&ScopeShared> {
        // SAFETY: while the pointer isn't null, an entry keeps the scope; it is null before that goes. Nobody who looks
        // changes the entries, as is asked of them.
        unsafe { self.scope.get().as_ref() }
    }

    fn clear(&self) {
        self.scope.set(ptr::null());
        self.may_record.set(false);
        self.guards.set(0);
    }
}

impl Entries {
    #[inline]
    fn innermost(&self) -> Option<&Entry> {
        self.0.iter().rev().find(|entry| entry.is_active)
    }

    /// Takes note in its entry of what has become of the innermost scope, which nobody reaches otherwise any more.
    fn take_back(&mut self, top: &Top) {
        if top.scope.get().is_null() {
            return;
        }
        if let Some(entry) = self.0.iter_mut().rev().find(|entry| entry.is_active) {
            entry.guards = top.guards.get();
        }
        top.clear();
    }

    /// Lets the innermost scope be reached without looking for it.
    fn lend(&self, top: &Top) {
        if let Some(entry) = self.innermost() {
            top.guards.set(entry.guards);
            top.may_record.set(entry.scope.may_record());
            top.scope.set(Arc::as_ptr(&entry.scope));
        }
    }

    fn of_guard(&mut self, scope: u64) -> Option<&mut Entry> {
        self.0.iter_mut().rev().find(|entry| entry.scope.id == scope && entry.guards > 0)
    }

    fn activate(&mut self, scope: Arc<ScopeShared>) -> u64 {
        let (id, left_behind) = (scope.id, self.0.iter().position(|entry| !entry.is_active && entry.scope.id == scope.id));
        let guards = left_behind.map_or(0, |at| self.0.remove(at).guards);
        self.0.push(Entry { scope, guards, is_active: true });
        id
    }

    fn deactivate(&mut self, scope: u64) {
        // Most often it is the last one, and all that was opened in it has ended.
        if self.0.pop_if(|entry| entry.scope.id == scope && entry.is_active && entry.guards == 0).is_some() {
            return;
        }
        let Some(entry) = self.0.iter_mut().rev().find(|entry| entry.is_active && entry.scope.id == scope) else { return };
        entry.is_active = false;
        // From here on another thread may drive the scope: its stack is no longer this thread's to change.
        entry.scope.open.park_users_above();
        self.forget_unneeded();
    }

    fn forget_unneeded(&mut self) {
        self.0.retain(|entry| entry.is_active || entry.guards > 0);
    }
}

impl Drop for Entries {
    /// A thread that is ending may still ask for its scope: there is none any more.
    fn drop(&mut self) {
        top().clear();
    }
}
