//! Spans that user code makes: a guard that opens one, adds to it, and ends it when dropped.
//!
//! What callers inline is no more than the question whether the span is recorded.

use std::cell::Cell;
use std::marker::PhantomData;

use flowglass_model::{SpanId, Status, TraceParent, flags};

use crate::active::{self, Activation};
use crate::lane::{self, Attempt};
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{
    AttributeRecord, EventRecord, LinkRecord, MessageRecord, Owner, Part, Record, Standing, USER_TEMPLATE, UserSpanRecord,
};
use crate::scope::Scope;
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Tick, Value};

/// Opens a span inside the current one of the calling thread's active scope. Does nothing if there is none, or if its
/// trace isn't sampled.
#[inline]
pub fn span(name: &'static str) -> SpanGuard {
    if active::is_any() { SpanGuard::inside(name) } else { SpanGuard::nowhere() }
}

/// An open span; dropping it ends the span.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct SpanGuard {
    open: Option<OpenSpan>,
    /// What a span that starts a trace keeps alive, also where that isn't recorded: dropped after the span's end.
    root: Option<(Activation, Scope)>,
    stays_on_its_thread: PhantomData<*const ()>,
}

#[derive(Debug)]
struct OpenSpan {
    lanes: u64,
    scope: u64,
    span: SpanId,
    parent: SpanId,
    start: Tick,
    name: &'static str,
    status: Cell<Status>,
    began_in_panic: bool,
}

impl SpanGuard {
    /// Opens a span that starts a trace of its own.
    pub(crate) fn root(name: &'static str, scope: Scope) -> Self {
        let activation = scope.activate();
        let mut guard = if scope.is_sampled() { span(name) } else { Self::nowhere() };
        guard.root = Some((activation, scope));
        guard
    }

    /// Opens a span inside the current one, if there is one that is recorded.
    #[inline(never)]
    fn inside(name: &'static str) -> Self {
        let open = active::open(|scope| OpenSpan::start(scope, name));
        Self { open, root: None, stays_on_its_thread: PhantomData }
    }

    #[inline(always)]
    pub(crate) const fn nowhere() -> Self {
        Self { open: None, root: None, stays_on_its_thread: PhantomData }
    }

    /// Returns the span's id; [`SpanId::NONE`] if it isn't recorded.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.open.as_ref().map_or(SpanId::NONE, |open| open.span)
    }

    /// Says whether the span is recorded.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.open.is_some()
    }

    /// Gives the span an attribute; of two with one key the later one counts.
    #[inline]
    pub fn attr<'v>(&self, key: &'static str, value: impl Into<Value<'v>>) -> &Self {
        if let Some(open) = &self.open {
            match value.into() {
                Value::None => {}
                // What is known of the value here need not be asked there.
                Value::Bool(flag) => open.flag(key, flag),
                Value::Int(number) => open.int(key, number),
                Value::Float(number) => open.float(key, number),
                Value::Str(text) => open.text(key, text),
                value => open.value(key, value),
            }
        }
        self
    }

    /// Tells that something happened in the span.
    #[inline]
    pub fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &Self {
        if let Some(open) = &self.open {
            if attributes.is_empty() { open.event_alone(name) } else { open.event(name, attributes) }
        }
        self
    }

    /// Tells that the span has to do with another one, mostly of another trace.
    pub fn link(&self, to: TraceParent, attributes: &[(&str, Value<'_>)]) -> &Self {
        if let Some(open) = &self.open {
            let to = Standing { trace: to.trace_id, span: to.parent_id, flags: u32::from(to.sampled) };
            open.write_elsewhere(Loss::Part, &LinkRecord { owner: open.owner(), to, attributes });
        }
        self
    }

    /// Tells that the span fails, and why.
    pub fn error(&self, message: &str) -> &Self {
        if let Some(open) = &self.open {
            open.fail(message);
        }
        self
    }
}

impl Drop for SpanGuard {
    #[inline]
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.end();
        }
    }
}

impl OpenSpan {
    #[inline]
    fn start(scope: &ScopeShared, name: &'static str) -> Option<Self> {
        let parent = scope.recorded_parent()?;
        let (span, start) = (scope.next_span(), Tick::now());
        scope.open.push(&OpenFrame { frame: user_frame(span, parent, start), name: StaticText::pack(name) });
        Some(Self {
            lanes: scope.lanes.id(),
            scope: scope.id,
            span,
            parent,
            start,
            name,
            status: Cell::new(Status::Ok),
            began_in_panic: std::thread::panicking(),
        })
    }

    #[inline(never)]
    fn flag(&self, key: &'static str, flag: bool) {
        self.attribute(key, Value::Bool(flag));
    }

    #[inline(never)]
    fn int(&self, key: &'static str, number: i64) {
        self.attribute(key, Value::Int(number));
    }

    #[inline(never)]
    fn float(&self, key: &'static str, number: f64) {
        self.attribute(key, Value::Float(number));
    }

    #[inline(never)]
    fn text(&self, key: &'static str, text: &str) {
        self.attribute(key, Value::Str(text));
    }

    #[inline(never)]
    fn value(&self, key: &'static str, value: Value<'_>) {
        self.attribute(key, value);
    }

    #[inline(always)]
    fn attribute(&self, key: &'static str, value: Value<'_>) {
        self.write(Loss::Part, AttributeRecord { owner: self.owner(), key, value });
    }

    #[inline(never)]
    fn event_alone(&self, name: &'static str) {
        self.happened(name, &[]);
    }

    #[inline(never)]
    fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        self.happened(name, attributes);
    }

    #[inline(always)]
    fn happened(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        let (owner, at) = (self.owner(), Tick::now());
        self.write(Loss::Event, EventRecord { owner, at, name, attributes });
    }

    #[cold]
    fn fail(&self, message: &str) {
        self.status.set(Status::Error);
        self.write(Loss::Part, MessageRecord { owner: self.owner(), message });
    }

    #[inline(never)]
    fn end(&self) {
        let end = Tick::now();
        if !self.began_in_panic && self.status.get() == Status::Ok && std::thread::panicking() {
            self.fail("panicked");
        }
        let frame = user_frame(self.span, self.parent, self.start);
        let end = UserSpanRecord { scope: self.scope, frame, name: self.name, end, status: self.status.get() };
        active::close(self.scope, |scope, is_active| finish(scope, is_active, end));
    }

    #[inline]
    fn owner(&self) -> Owner {
        Owner { scope: self.scope, span: self.span }
    }

    /// The lane is most likely at hand. What else is tried gets a copy: the record itself need then not be in memory.
    #[inline(always)]
    fn write(&self, loss: Loss, record: impl Part) {
        if lane::write_part(self.lanes, self.span, &record) == Attempt::NoRoom {
            let copy = record;
            self.write_elsewhere(loss, &copy);
        }
    }

    /// The scope need only be looked up where the lane isn't at hand.
    #[cold]
    fn write_elsewhere(&self, loss: Loss, record: &dyn Record) {
        active::with_scope(self.scope, |scope| scope.lanes.write_elsewhere(loss, record));
    }
}

#[inline]
const fn user_frame(span: SpanId, parent: SpanId, start: Tick) -> Frame {
    Frame { span, parent, template: USER_TEMPLATE, index: NO_INDEX, start, flags: flags::SAMPLED }
}

/// The span leaves the open ones before its end is recorded, so that the collector never finds it open after its end.
#[inline]
fn finish(scope: &ScopeShared, is_active: bool, end: UserSpanRecord) {
    if is_active {
        scope.open.end(end.frame.span);
    } else {
        scope.open.close(end.frame.span);
    }
    scope.lanes.write(Loss::Span, end);
}
