//! Spans that are bound to no thread: entered wherever their work goes on, and ended when they are dropped.

use std::sync::{Arc, OnceLock};

use flowglass_model::{Propagation, SpanId, Status, TraceParent, flags};

use crate::active::{self, Activation};
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{
    AttributeRecord, EventRecord, LinkRecord, MessageRecord, Owner, Record, Standing, TextAttributeRecord, TextEventRecord,
    USER_TEMPLATE, UserSpanRecord,
};
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Context, Recorder, Tick, Value, Verdict};

/// A span that is bound to no thread: for code that starts it in one place and ends it in another, such as an adapter to some
/// other library. It may go anywhere, and is current wherever it is [`enter`](Self::enter)ed, on one thread at a time.
///
/// ```
/// use flowglass_record::{Context, Recorder, span};
///
/// let recorder = Recorder::in_memory();
/// let _root = recorder.root_span("root");
/// let request = Context::current().open("request");
/// std::thread::spawn(move || {
///     let request = request.expect("root is recorded");
///     let _inside = request.enter();
///     let _parse = span("parse, inside of request");
/// })
/// .join()
/// .unwrap();
/// ```
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct DetachedSpan {
    /// The scope that it was opened in, where it is one of those that are parked: these any thread may change.
    scope: Arc<ScopeShared>,
    frame: Frame,
    name: &'static str,
    carried: Option<Arc<Propagation>>,
    /// What whoever enters it elsewhere drives: a scope inside of the span.
    elsewhere: OnceLock<Arc<ScopeShared>>,
    is_over: bool,
}

/// Keeps a [`DetachedSpan`] the current one; see [`DetachedSpan::enter`].
#[derive(Debug)]
#[must_use = "the span is current while this lives"]
pub struct Entered {
    /// The scope on whose stack the span lies, and the span.
    on_stack: Option<(u64, SpanId)>,
    /// What is active where the span's scope isn't this thread's to drive.
    _elsewhere: Option<Activation>,
}

/// Opens a span inside of the one that is current here; as [`Context::open`], with less ado.
pub fn open_span(name: &'static str) -> Option<DetachedSpan> {
    active::with_active_shared(|scope| {
        let parent = scope.current();
        let is_ever_recorded = scope.verdict() == Verdict::OnError || scope.recorded_parent() == Some(parent);
        is_ever_recorded.then(|| DetachedSpan::start(Arc::clone(scope), parent, scope.carried.clone(), name))
    })?
}

impl Context {
    /// Opens a span inside of the one that is current here. Nothing where none is ever recorded; in a trace that is only recorded from
    /// an error on, a span that is when it ends behind one, or by one.
    pub fn open(&self, name: &'static str) -> Option<DetachedSpan> {
        let (scope, parent) = self.may_record()?;
        Some(DetachedSpan::start(Arc::clone(scope), parent, self.carried(), name))
    }
}

impl Recorder {
    /// Opens a span that starts a trace of its own, unless nothing of that is ever recorded, as with [`Context::open`].
    pub fn open_root(&self, name: &'static str) -> Option<DetachedSpan> {
        let scope = self.root_scope(name)?;
        let carried = scope.carried.clone();
        Some(DetachedSpan::start(scope, SpanId::NONE, carried, name))
    }
}

impl DetachedSpan {
    fn start(scope: Arc<ScopeShared>, parent: SpanId, carried: Option<Arc<Propagation>>, name: &'static str) -> Self {
        // The scope's own numbers are for the one thread that drives it.
        let span = SpanId::from_u64((fastrand::u64(..) ^ scope.lanes.salt()).max(1));
        let (template, index, start) = (USER_TEMPLATE, NO_INDEX, Tick::now());
        let frame = Frame { span, parent, template, index, start, flags: flags::SAMPLED };
        let span = Self { scope, frame, name, carried, elsewhere: OnceLock::new(), is_over: false };
        span.scope.open.open_parked(span.open_frame());
        span
    }

    fn open_frame(&self) -> OpenFrame {
        OpenFrame { frame: self.frame, name: StaticText::pack(self.name) }
    }

    /// Returns the span's id.
    #[must_use]
    pub const fn id(&self) -> SpanId {
        self.frame.span
    }

    /// Says whether the span is recorded as things stand: from its start on, or because its trace is since an error.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.scope.is_recording()
    }

    /// Makes the span the calling thread's current one, until the returned guard is dropped: before the span ends.
    pub fn enter(&self) -> Entered {
        let (scope, span) = (self.scope.id, self.frame.span);
        let is_on_stack = self.travels_with_its_scope()
            && active::with_innermost(scope, |scope| scope.open.push(&self.open_frame())).is_some();
        if is_on_stack {
            Entered { on_stack: Some((scope, span)), _elsewhere: None }
        } else {
            Entered { on_stack: None, _elsewhere: Some(self.enter_elsewhere()) }
        }
    }

    /// Returns the context inside of the span.
    #[must_use]
    pub fn context(&self) -> Context {
        Context::inside(&self.scope, self.frame.span, self.carried.clone())
    }

    /// Says whether what travels with the span is what travels with the scope.
    fn travels_with_its_scope(&self) -> bool {
        match (&self.carried, &self.scope.carried) {
            (None, None) => true,
            (Some(own), Some(its)) => Arc::ptr_eq(own, its),
            _ => false,
        }
    }

    /// Enters the span on a thread that doesn't drive its scope.
    #[cold]
    fn enter_elsewhere(&self) -> Activation {
        let inside = self.elsewhere.get().cloned().or_else(|| {
            let made = self.scope.lanes.core()?.fork_scope(&self.scope, &self.frame, self.carried.clone());
            Some(Arc::clone(self.elsewhere.get_or_init(|| made)))
        });
        Activation::new(inside.as_ref())
    }

    /// Gives the span an attribute.
    pub fn attr<'v>(&self, key: &'static str, value: impl Into<Value<'v>>) -> &Self {
        self.attribute(key, value.into());
        self
    }

    /// As [`attr`](Self::attr), under a key that the program makes up.
    pub fn named_attr<'v>(&self, key: &str, value: impl Into<Value<'v>>) -> &Self {
        let (owner, value) = (self.owner(), value.into());
        self.write(Loss::Part, &TextAttributeRecord { owner, key, value })
    }

    /// Tells that something happened in the span.
    pub fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &Self {
        if self.is_recorded() {
            let (owner, at) = (self.owner(), Tick::now());
            self.scope.lanes.write(Loss::Event, EventRecord { owner, at, name, attributes });
        }
        self
    }

    /// As [`event`](Self::event), under names that the program makes up.
    pub fn named_event(&self, name: &str, attributes: &[(&str, Value<'_>)]) -> &Self {
        let (owner, at) = (self.owner(), Tick::now());
        self.write(Loss::Event, &TextEventRecord { owner, at, name, attributes })
    }

    /// Tells that the span has to do with another one.
    pub fn link(&self, to: TraceParent, attributes: &[(&str, Value<'_>)]) -> &Self {
        let to = Standing { trace: to.trace_id, span: to.parent_id, flags: u32::from(to.sampled) };
        self.write(Loss::Part, &LinkRecord { owner: self.owner(), to, attributes })
    }

    /// Takes note of an error of which nothing is said here: in a trace that isn't recorded but for errors, the trace is recorded from
    /// there on, and with it this span.
    pub fn note_error(&self) -> &Self {
        self.scope.note_error();
        self
    }

    /// Tells that the span fails, and why. In a trace that isn't recorded but for errors, that is one: the trace is recorded from there
    /// on, and with it this span.
    pub fn error(&self, message: &str) -> &Self {
        self.scope.note_error();
        self.explain(message)
    }

    /// Says why the span ends otherwise than well, without calling that an error.
    pub(crate) fn explain(&self, message: &str) -> &Self {
        self.write(Loss::Part, &MessageRecord { owner: self.owner(), message })
    }

    /// Ends the span. [`Status::Error`] is an error as [`error`](Self::error) says it.
    pub fn end(mut self, status: Status) {
        self.finish(status);
    }

    fn finish(&mut self, status: Status) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.scope.open.close(self.frame.span);
        if status == Status::Error {
            self.scope.note_error();
        }
        if self.is_recorded() {
            let (owner, Frame { parent, start, .. }) = (self.owner(), self.frame);
            let end = UserSpanRecord { owner, parent, start, end: Tick::now(), name: self.name, status };
            self.scope.lanes.write(Loss::Span, end);
        }
    }

    fn owner(&self) -> Owner {
        Owner { scope: self.scope.id, span: self.frame.span }
    }

    fn attribute(&self, key: &'static str, value: Value<'_>) {
        if self.is_recorded() {
            self.scope.lanes.write(Loss::Part, AttributeRecord { owner: self.owner(), key, value });
        }
    }

    fn write(&self, loss: Loss, record: &dyn Record) -> &Self {
        if self.is_recorded() {
            self.scope.lanes.write_elsewhere(loss, record);
        }
        self
    }
}

impl Drop for DetachedSpan {
    fn drop(&mut self) {
        self.finish(Status::Ok);
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some((scope, span)) = self.on_stack {
            // A scope that the thread has left since has nothing of users on its stack any more.
            let _ = active::with_driven(scope, |scope| scope.open.leave(span));
        }
    }
}
