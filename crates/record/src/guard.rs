//! Spans that user code makes: a guard that opens one, adds to it, and ends it when dropped.

use std::cell::Cell;
use std::marker::PhantomData;

use flowglass_model::{SpanId, Status, flags};

use crate::active::{self, Activation};
use crate::lane::{self, Attempt};
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{AttributeRecord, EventRecord, MessageRecord, Owner, Record, USER_TEMPLATE, UserSpanRecord};
use crate::scope::Scope;
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Tick, Value};

/// Opens a span inside the current one of the calling thread's active scope. Does nothing if there is none, or if its
/// trace isn't sampled.
#[inline]
pub fn span(name: &'static str) -> SpanGuard {
    SpanGuard { open: active::open(|scope| OpenSpan::start(scope, name)), stays_on_its_thread: PhantomData }
}

/// An open span; dropping it ends the span.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct SpanGuard {
    open: Option<OpenSpan>,
    stays_on_its_thread: PhantomData<*const ()>,
}

#[derive(Debug)]
struct OpenSpan {
    lanes: u64,
    scope: u64,
    frame: Frame,
    name: &'static str,
    status: Cell<Status>,
    began_in_panic: bool,
    /// What a span that starts a trace keeps alive.
    root: Option<(Activation, Scope)>,
}

impl SpanGuard {
    /// Opens a span that starts a trace of its own.
    pub(crate) fn root(name: &'static str, scope: Scope) -> Self {
        let activation = scope.activate();
        let mut guard = if scope.is_sampled() { span(name) } else { Self { open: None, stays_on_its_thread: PhantomData } };
        if let Some(open) = &mut guard.open {
            open.root = Some((activation, scope));
        }
        guard
    }

    /// Returns the span's id; [`SpanId::NONE`] if it isn't recorded.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.open.as_ref().map_or(SpanId::NONE, |open| open.frame.span)
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
            let value = value.into();
            open.write(Loss::Part, &AttributeRecord { owner: open.owner(), key, value });
        }
        self
    }

    /// Tells that something happened in the span.
    #[inline]
    pub fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &Self {
        if let Some(open) = &self.open {
            let at = Tick::now();
            open.write(Loss::Record, &EventRecord { owner: open.owner(), at, name, attributes });
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
        if !scope.is_recording() {
            return None;
        }
        let frame = Frame {
            span: scope.next_span(),
            parent: scope.current(),
            template: USER_TEMPLATE,
            index: NO_INDEX,
            start: Tick::now(),
            flags: flags::SAMPLED,
        };
        scope.open.push(&OpenFrame { frame, name: StaticText::pack(name) });
        Some(Self {
            lanes: scope.lanes.id(),
            scope: scope.id,
            frame,
            name,
            status: Cell::new(Status::Ok),
            began_in_panic: std::thread::panicking(),
            root: None,
        })
    }

    #[inline]
    fn owner(&self) -> Owner {
        Owner { scope: self.scope, span: self.frame.span }
    }

    /// The lane is most likely at hand; the scope need only be looked up where it isn't.
    #[inline]
    fn write(&self, loss: Loss, record: &impl Record) {
        if lane::write_plain(self.lanes, record) == Attempt::NoRoom {
            self.write_elsewhere(loss, record);
        }
    }

    #[cold]
    fn write_elsewhere(&self, loss: Loss, record: &dyn Record) {
        active::with_scope(self.scope, |scope| scope.lanes.write_elsewhere(loss, record));
    }

    fn fail(&self, message: &str) {
        self.status.set(Status::Error);
        self.write(Loss::Part, &MessageRecord { owner: self.owner(), message });
    }

    fn end(&self) {
        let end = Tick::now();
        if !self.began_in_panic && self.status.get() == Status::Ok && std::thread::panicking() {
            self.fail("panicked");
        }
        let (scope, frame, name, status) = (self.scope, self.frame, self.name, self.status.get());
        let end = UserSpanRecord { scope, frame, name, end, status };
        active::close(self.scope, |scope, is_active| finish(scope, is_active, &end));
    }
}

/// The span leaves the open ones before its end is recorded, so that the collector never finds it open after its end.
#[inline]
fn finish(scope: &ScopeShared, is_active: bool, end: &UserSpanRecord) {
    if is_active {
        scope.open.end(end.frame.span);
    } else {
        scope.open.close(end.frame.span);
    }
    scope.lanes.write(Loss::Record, end);
}
