//! Where code stands - trace, span, baggage - as a value: for other threads, for tasks, for other processes.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use flowglass_model::{Baggage, Propagation, Randomness, SpanId, TraceId, TraceParent, flags};

use crate::active::{self, Activation};
use crate::open::{Frame, NO_INDEX};
use crate::raw::USER_TEMPLATE;
use crate::scope_shared::ScopeShared;
use crate::{Recorder, Tick, Verdict, chance};

thread_local! {
    /// What came along with a call that no trace has begun for yet.
    static LOOSE: RefCell<Option<Arc<Propagation>>> = const { RefCell::new(None) };
}

/// Where code stands: the current span and what travels with its trace. Cheap to clone, and may go anywhere.
///
/// Inside a pipeline, nodes need none of this. Elsewhere a new thread, a pool or a task is given the context of whoever
/// started it:
///
/// ```
/// use flowglass_record::{Context, Recorder, span};
///
/// let recorder = Recorder::in_memory();
/// let root = recorder.root_span("root");
/// let here = Context::current();
/// std::thread::spawn(here.wrap(|| drop(span("inside of root, on another thread")))).join().unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Context {
    standing: Option<Standing>,
    carried: Option<Arc<Propagation>>,
}

/// A scope, and the innermost span that is open in it.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) scope: Arc<ScopeShared>,
    span: SpanId,
    is_recorded: bool,
}

impl Context {
    /// Returns where the calling thread stands.
    #[must_use]
    pub fn current() -> Self {
        let standing = active::with_active_shared(|scope| {
            let span = scope.current();
            Standing { scope: Arc::clone(scope), span, is_recorded: scope.recorded_parent() == Some(span) }
        });
        Self { standing, carried: carried() }
    }

    /// Returns what names this work across all systems, if anybody has said so: the entry `correlation.id` of the baggage.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.carried.as_ref()?.baggage.correlation_id()
    }

    /// Returns the value of a name that travels with the trace.
    #[must_use]
    pub fn baggage(&self, key: &str) -> Option<&str> {
        self.carried.as_ref()?.baggage.get(key)
    }

    /// Lets a name and its value travel with the trace, to everyone who is called from this context: no secrets. A name
    /// that isn't a token of HTTP is left out.
    #[must_use]
    pub fn with_baggage(self, key: &str, value: &str) -> Self {
        self.with(|baggage| _ = baggage.set(key, value))
    }

    /// Sets what names this work across all systems.
    #[must_use]
    pub fn with_correlation_id(self, id: &str) -> Self {
        self.with_baggage(flowglass_model::conventions::CORRELATION_ID, id)
    }

    /// Makes this context the calling thread's current one, until the returned guard is dropped.
    pub fn enter(&self) -> ContextGuard {
        let scope = self.standing.as_ref().and_then(|standing| standing.fork(self.carried.clone()));
        let loose = scope.is_none().then(|| replace_loose(self.carried.clone()));
        ContextGuard { activation: scope.as_ref().map(|scope| Activation::new(Some(scope))), loose, stays: PhantomData }
    }

    /// Returns a closure that does the same in this context, on whatever thread it is called.
    pub fn wrap<T, F: FnOnce() -> T>(&self, work: F) -> impl FnOnce() -> T + use<T, F> {
        let context = self.clone();
        move || {
            let _inside = context.enter();
            work()
        }
    }

    /// Returns what a process or a service that is called from here is given.
    #[must_use]
    pub fn propagation(&self) -> Propagation {
        let mut propagation = self.carried.as_deref().cloned().unwrap_or_default();
        if let Some(standing) = &self.standing
            && let Some(parent) = standing.parent()
        {
            propagation.state = chance::state(&standing.scope, self.carried.as_deref(), standing.is_recorded);
            propagation.parent = Some(parent);
        }
        propagation
    }

    /// Returns the recorder whose scope is current here, unless it is gone.
    #[must_use]
    pub fn recorder(&self) -> Option<Recorder> {
        Recorder::of(&*self.standing.as_ref()?.scope.lanes.core()?)
    }

    /// Says whether there is nothing here: no span, and nothing that came along with a call.
    #[must_use]
    pub const fn is_nowhere(&self) -> bool {
        self.standing.is_none() && self.carried.is_none()
    }

    /// Says whether a span that is opened here is recorded from its start on.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing.is_recorded)
    }

    /// Stands inside of a span that is open, and recorded if its scope is.
    pub(crate) fn inside(scope: &Arc<ScopeShared>, span: SpanId, carried: Option<Arc<Propagation>>) -> Self {
        let is_recorded = scope.is_recording();
        Self { standing: Some(Standing { scope: Arc::clone(scope), span, is_recorded }), carried }
    }

    /// Stands inside of a span of a scope which sampling keeps or not.
    pub(crate) fn within(scope: &Arc<ScopeShared>, span: SpanId, is_kept: bool) -> Self {
        // In a trace that was promoted, whatever is open is recorded when it ends.
        let is_recorded = scope.is_recording() && (is_kept || scope.is_incomplete());
        let standing = Standing { scope: Arc::clone(scope), span, is_recorded };
        Self { standing: Some(standing), carried: scope.carried.clone() }
    }

    /// Returns which scope and span to open something in; nothing where that is never recorded, not even after an error.
    pub(crate) fn may_record(&self) -> Option<(&Arc<ScopeShared>, SpanId)> {
        let may_record = |standing: &&Standing| standing.is_recorded || standing.scope.verdict() == Verdict::OnError;
        self.standing.as_ref().filter(may_record).map(|standing| (&standing.scope, standing.span))
    }

    pub(crate) fn carried(&self) -> Option<Arc<Propagation>> {
        self.carried.clone()
    }

    pub(crate) const fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    fn with(mut self, change: impl FnOnce(&mut Baggage)) -> Self {
        let mut carried = self.carried.as_deref().cloned().unwrap_or_default();
        change(&mut carried.baggage);
        self.carried = Some(Arc::new(carried));
        self
    }
}

impl From<Propagation> for Context {
    /// Stands where a caller in another process does.
    fn from(received: Propagation) -> Self {
        Self { standing: None, carried: Some(Arc::new(received)) }
    }
}

/// Makes a context the thread's current one while it lives; see [`Context::enter`].
#[derive(Debug)]
#[must_use = "the context is current while this lives"]
pub struct ContextGuard {
    activation: Option<Activation>,
    /// What is current again afterwards, if the context has no span.
    loose: Option<Option<Arc<Propagation>>>,
    stays: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        self.activation = None;
        if let Some(before) = self.loose.take() {
            replace_loose(before);
        }
    }
}

impl Standing {
    /// Returns what hangs on the innermost span as its parent, here or in another process. Where none is because its trace isn't
    /// recorded, a number stands for it: whoever is called is to know the trace, and that it isn't.
    pub(crate) fn parent(&self) -> Option<TraceParent> {
        let parent_id = if self.is_recorded { self.span.some()? } else { self.span.some().unwrap_or_else(SpanId::random) };
        Some(TraceParent { trace_id: self.scope.trace_id, parent_id, sampled: self.is_recorded })
    }

    /// Returns a scope for work of the span that goes on here.
    fn fork(&self, carried: Option<Arc<Propagation>>) -> Option<Arc<ScopeShared>> {
        let flags = if self.is_recorded { flags::SAMPLED } else { 0 };
        let parent = SpanId::NONE;
        let frame = Frame { span: self.span, parent, template: USER_TEMPLATE, index: NO_INDEX, start: Tick::ZERO, flags };
        self.scope.lanes.core().map(|core| core.fork_scope(&self.scope, &frame, carried))
    }
}

/// Returns what travels with the calling thread's trace, or came along with its call.
pub(crate) fn carried() -> Option<Arc<Propagation>> {
    if active::is_any()
        && let Some(carried) = active::with_active(|scope| scope.carried.clone())
    {
        return carried;
    }
    LOOSE.try_with(|loose| loose.borrow().clone()).ok().flatten()
}

/// Returns how random a trace is, if those have said so who have sent it here.
pub(crate) fn randomness_of(trace: TraceId) -> Option<Randomness> {
    carried().filter(|carried| chance::is_about(carried, trace))?.state.randomness()
}

fn replace_loose(carried: Option<Arc<Propagation>>) -> Option<Arc<Propagation>> {
    LOOSE.try_with(|loose| loose.replace(carried)).ok().flatten()
}
