//! Spans that user code makes: a guard that opens one, adds to it, and ends it when dropped.
//!
//! A guard is two numbers; all else about the span lies among the open spans of its scope. So where nothing is recorded
//! nothing is done, and what callers inline is a handful of stores into the thread's lane.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use flowglass_model::{SpanId, Status, TraceParent};

use crate::active::{self, Activation};
use crate::lane::{self, Attempt};
use crate::lanes::{Lanes, Loss};
use crate::open::{EndedFrame, OpenFrame};
use crate::raw::{
    AttributeRecord, EventRecord, LinkRecord, MessageRecord, Owner, PlainRecord, Record, Standing, UserSpanRecord, event_words,
    flag_words, float_words, int_words, text_words, user_span_words,
};
use crate::scope::Scope;
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Tick, Value};

/// Opens a span inside the current one of the calling thread's active scope. Does nothing if there is none, or if its
/// trace isn't sampled.
#[inline]
pub fn span(name: &'static str) -> SpanGuard {
    SpanGuard::new(if active::may_record() { Owner::open_here(name) } else { Owner::NOBODY }, name, None)
}

/// An open span; dropping it ends the span.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct SpanGuard {
    owner: Owner,
    name: &'static str,
    /// What a span that starts a trace keeps alive, also where that isn't recorded. It is dropped by hand after the span's end:
    /// so any other span has nothing to drop, as the compiler sees.
    root: ManuallyDrop<Option<(Activation, Scope)>>,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl SpanGuard {
    /// Opens a span that starts a trace of its own.
    pub(crate) fn root(name: &'static str, scope: Scope) -> Self {
        let activation = scope.activate();
        let owner = if scope.is_sampled() { Owner::open_here(name) } else { Owner::NOBODY };
        Self::new(owner, name, Some((activation, scope)))
    }

    pub(crate) const fn nowhere() -> Self {
        Self::new(Owner::NOBODY, "", None)
    }

    #[inline(always)]
    const fn new(owner: Owner, name: &'static str, root: Option<(Activation, Scope)>) -> Self {
        Self { owner, name, root: ManuallyDrop::new(root), stays_on_its_thread: PhantomData }
    }

    #[inline(never)]
    fn leave_root(&mut self) {
        drop(self.root.take());
    }

    /// Returns the span's id; [`SpanId::NONE`] if it isn't recorded.
    #[must_use]
    pub const fn id(&self) -> SpanId {
        self.owner.span
    }

    /// Says whether the span is recorded.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !self.owner.span.is_none()
    }

    /// Gives the span an attribute; of two with one key the later one counts.
    #[inline]
    pub fn attr<'v>(&self, key: &'static str, value: impl Into<Value<'v>>) -> &Self {
        if self.is_recorded() {
            self.owner.attribute(key, value.into());
        }
        self
    }

    /// Tells that something happened in the span.
    #[inline]
    pub fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &Self {
        if self.is_recorded() {
            if attributes.is_empty() { self.owner.event_alone(name) } else { self.owner.event(name, attributes) }
        }
        self
    }

    /// Tells that the span has to do with another one, mostly of another trace.
    pub fn link(&self, to: TraceParent, attributes: &[(&str, Value<'_>)]) -> &Self {
        if self.is_recorded() {
            let to = Standing { trace: to.trace_id, span: to.parent_id, flags: u32::from(to.sampled) };
            self.owner.write_elsewhere(Loss::Part, &LinkRecord { owner: self.owner, to, attributes });
        }
        self
    }

    /// Tells that the span fails, and why.
    pub fn error(&self, message: &str) -> &Self {
        if self.is_recorded() {
            self.owner.fail(message);
        }
        self
    }
}

impl Drop for SpanGuard {
    #[inline]
    fn drop(&mut self) {
        if self.is_recorded() {
            self.owner.end(self.name);
        }
        if self.root.is_some() {
            self.leave_root();
        }
    }
}

/// What is said of a span by its guard. What is unusual, and what doesn't find its lane at hand, goes the way of `write`.
impl Owner {
    const NOBODY: Self = Self { scope: 0, span: SpanId::NONE };

    #[inline(always)]
    fn open_here(name: &'static str) -> Self {
        if std::thread::panicking() { Self::open_anyhow(name) } else { Self::open(name, StaticText::pack(name)) }
    }

    /// Opens a span in the active scope, where that is quick: it calls nothing, so that no register need be saved.
    #[inline(never)]
    fn open(name: &'static str, packed: StaticText) -> Self {
        let opened = active::open(|scope| {
            if !scope.is_quick() || packed.is_none() {
                return None;
            }
            let (parent, start) = (scope.sampled_parent()?, Tick::read_quickly());
            let span = scope.next_span();
            if scope.open.push_users((span, parent), start, packed) { Some(Self::named(scope, span)) } else { None }
        });
        match opened {
            Some(owner) => owner,
            None => Self::open_anyhow(name),
        }
    }

    /// Opens a span in the active scope, if it is recorded there.
    #[cold]
    fn open_anyhow(name: &'static str) -> Self {
        let opened = active::open(|scope| {
            let parent = scope.recorded_parent()?;
            let span = scope.next_span();
            scope.open.push(&OpenFrame::users((span, parent), Tick::now(), StaticText::pack(name)));
            if std::thread::panicking() {
                scope.open.note_unwinding(span);
            }
            Some(Self::named(scope, span))
        });
        opened.unwrap_or(Self::NOBODY)
    }

    /// Names the span in its lane. Where that isn't possible, whatever is said of it will.
    #[inline(always)]
    fn named(scope: &ScopeShared, span: SpanId) -> Self {
        let owner = Self { scope: scope.id, span };
        let _ = lane::name(scope.recorder, owner);
        owner
    }

    #[inline(always)]
    fn attribute(self, key: &'static str, value: Value<'_>) {
        match value {
            Value::None => {}
            Value::Bool(flag) => self.put_or(flag_words(key, flag), || self.flag(key, flag)),
            Value::Int(number) => self.put_or(int_words(key, number), || self.int(key, number)),
            Value::Float(number) => self.put_or(float_words(key, number), || self.float(key, number)),
            Value::Str(text) => self.text_or(key, text, || self.text(key, text)),
            Value::Bytes(_) | Value::Json(_) => self.attribute_elsewhere(key, value),
        }
    }

    /// Writes a few words, or does what else there is to do.
    #[inline(always)]
    fn put_or<const N: usize>(self, words: Option<[u64; N]>, otherwise: impl FnOnce()) {
        if !words.is_some_and(|words| lane::put(self.span, words)) {
            otherwise();
        }
    }

    #[inline(never)]
    fn flag(self, key: &'static str, flag: bool) {
        self.attribute_elsewhere(key, Value::Bool(flag));
    }

    #[inline(never)]
    fn int(self, key: &'static str, number: i64) {
        self.attribute_elsewhere(key, Value::Int(number));
    }

    #[inline(never)]
    fn float(self, key: &'static str, number: f64) {
        self.attribute_elsewhere(key, Value::Float(number));
    }

    /// Writes a short text, or does what else there is to do.
    #[inline(always)]
    fn text_or(self, key: &'static str, text: &str, otherwise: impl FnOnce()) {
        if !text_words(key, text.len()).is_some_and(|words| lane::put_text(self.span, words, text.as_bytes())) {
            otherwise();
        }
    }

    #[inline(never)]
    fn text(self, key: &'static str, text: &str) {
        self.attribute_elsewhere(key, Value::Str(text));
    }

    #[inline(never)]
    fn attribute_elsewhere(self, key: &'static str, value: Value<'_>) {
        self.write(Loss::Part, &AttributeRecord { owner: self, key, value });
    }

    #[inline(never)]
    fn event_alone(self, name: &'static str) {
        if !Tick::read().and_then(|at| event_words(name, at)).is_some_and(|words| lane::put(self.span, words)) {
            self.event(name, &[]);
        }
    }

    #[inline(never)]
    fn event(self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        self.write(Loss::Event, &EventRecord { owner: self, at: Tick::now(), name, attributes });
    }

    #[cold]
    fn fail(self, message: &str) {
        if let Some(scope) = active::scope_of(self.scope) {
            scope.open.fail(self.span);
            scope.lanes.write_elsewhere(Loss::Part, &MessageRecord { owner: self, message });
        }
    }

    /// Ends the span, where that is quick: as [`open`](Self::open).
    #[inline(never)]
    fn end(self, name: &'static str) {
        if !lane::has_named(self.span) {
            self.name_and_end(name);
        } else if self.end_quickly().is_none() {
            self.end_anyhow(name);
        }
    }

    #[inline(never)]
    fn name_and_end(self, name: &'static str) {
        let is_named = active::with_innermost(self.scope, |scope| lane::name(scope.recorder, self));
        if is_named != Some(true) || self.end_quickly().is_none() {
            self.end_anyhow(name);
        }
    }

    /// Ends the span if all that it takes is at hand; else all stays as it is.
    #[inline(always)]
    fn end_quickly(self) -> Option<()> {
        if std::thread::panicking() {
            return None;
        }
        active::close_innermost(self.scope, |scope| {
            let top = scope.open.top_users(self.span)?;
            if !scope.is_quick() || !top.is_plain() {
                return None;
            }
            let at = Tick::read_quickly();
            let is_put = lane::put_made(self.span, || user_span_words(&top, at), || top.leave());
            if is_put { Some(()) } else { None }
        })
    }

    #[cold]
    fn end_anyhow(self, name: &'static str) {
        let at = Tick::now();
        if let Some((scope, is_active)) = active::release(self.scope) {
            let frame = if is_active { scope.open.end(self.span) } else { scope.open.close(self.span) };
            self.write_end(&scope.lanes, frame, at, name);
        }
    }

    /// Writes the end of a span that has left the open ones.
    fn write_end(self, lanes: &Lanes, frame: Option<EndedFrame>, at: Tick, name: &'static str) {
        let Some(frame) = frame else { return lanes.count(Loss::Span) };
        let EndedFrame { parent, start, .. } = frame;
        let is_panic = std::thread::panicking() && !frame.was_unwinding() && frame.status() == Status::Ok;
        if is_panic {
            lanes.write_elsewhere(Loss::Part, &MessageRecord { owner: self, message: "panicked" });
        }
        let status = if is_panic { Status::Error } else { frame.status() };
        lanes.write(Loss::Span, UserSpanRecord { owner: self, parent, start, end: at, name, status });
    }

    /// The lane need only be looked for where it isn't at hand.
    fn write(self, loss: Loss, record: &impl PlainRecord) {
        let recorder = active::with_innermost(self.scope, |scope| scope.recorder);
        if recorder.is_none_or(|recorder| lane::write_plain(recorder, record) == Attempt::NoRoom) {
            self.write_elsewhere(loss, record);
        }
    }

    #[cold]
    fn write_elsewhere(self, loss: Loss, record: &dyn Record) {
        if let Some(scope) = active::scope_of(self.scope) {
            scope.lanes.write_elsewhere(loss, record);
        }
    }
}
