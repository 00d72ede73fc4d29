//! Spans that user code makes: a guard that opens one, adds to it, and ends it when dropped.
//!
//! A guard is two numbers; all else about the span lies among the open spans of its scope. So where nothing is recorded
//! nothing is done, and what callers inline is a handful of stores into the thread's lane.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use flowglass_model::{SpanId, Status, TraceParent};

use crate::active::{self, Activation};
use crate::lane::{self, Attempt};
use crate::lanes::Loss;
use crate::open::{EndedFrame, OpenFrame};
use crate::raw::{
    AttributeRecord, EventRecord, LinkRecord, MessageRecord, Owner, PlainRecord, Record, Standing, UserSpanRecord, event_words,
    flag_words, float_words, int_words, text_words, user_span_words,
};
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Recorder, Tick, Value};

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
    /// Where nothing is recorded, the scope alone, if there is one.
    owner: Cell<Owner>,
    name: &'static str,
    /// What a span that starts a trace keeps alive, also where that isn't recorded. It is dropped by hand after the span's end:
    /// so any other span has nothing to drop, as the compiler sees.
    root: ManuallyDrop<Option<(Activation, Recorder)>>,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl SpanGuard {
    /// Opens a span that starts a trace of its own, in a scope of the recorder's.
    pub(crate) fn root(name: &'static str, scope: Arc<ScopeShared>, recorder: Recorder) -> Self {
        let activation = Activation::keeping(scope);
        let owner = if active::may_record() { Owner::open_here(name) } else { Owner::NOBODY };
        Self::new(owner, name, Some((activation, recorder)))
    }

    pub(crate) const fn nowhere() -> Self {
        Self::new(Owner::NOBODY, "", None)
    }

    #[inline(always)]
    const fn new(owner: Owner, name: &'static str, root: Option<(Activation, Recorder)>) -> Self {
        Self { owner: Cell::new(owner), name, root: ManuallyDrop::new(root), stays_on_its_thread: PhantomData }
    }

    /// Returns the span's id; [`SpanId::NONE`] if it isn't recorded.
    #[must_use]
    pub const fn id(&self) -> SpanId {
        self.owner.get().span
    }

    /// Says whether the span is recorded.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !self.owner.get().span.is_none()
    }

    /// Gives the span an attribute; of two with one key the later one counts.
    #[inline]
    pub fn attr<'v>(&self, key: &'static str, value: impl Into<Value<'v>>) -> &Self {
        if self.is_recorded() {
            self.owner.get().attribute(key, value.into());
        }
        self
    }

    /// Tells that something happened in the span.
    #[inline]
    pub fn event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &Self {
        if self.is_recorded() {
            if attributes.is_empty() { self.owner.get().event_alone(name) } else { self.owner.get().event(name, attributes) }
        }
        self
    }

    /// Tells that the span has to do with another one, mostly of another trace.
    #[inline]
    pub fn link(&self, to: TraceParent, attributes: &[(&str, Value<'_>)]) -> &Self {
        if self.is_recorded() {
            self.owner.get().link(to, attributes);
        }
        self
    }

    /// Tells that the span fails, and why.
    ///
    /// In a trace that isn't recorded but for errors, that is one: the trace is recorded from there on, and of this span what is left
    /// of it.
    #[inline]
    pub fn error(&self, message: &str) -> &Self {
        self.owner.set(self.owner.get().fail_anyhow(self.name, message));
        self
    }
}

impl Drop for SpanGuard {
    #[inline]
    fn drop(&mut self) {
        if self.is_recorded() {
            self.owner.get().end_here();
        }
        if let Some((activation, recorder)) = self.root.take() {
            leave_root(activation, recorder);
        }
    }
}

/// Takes by value what it drops: a guard whose address nobody gets stays in registers, and is asked once whether it is recorded.
#[inline(never)]
fn leave_root(activation: Activation, recorder: Recorder) {
    drop((activation, recorder));
}

/// What is said of a span by its guard. What is unusual, and what doesn't find its lane at hand, goes the way of `write`.
impl Owner {
    const NOBODY: Self = Self { scope: 0, span: SpanId::NONE };

    #[inline(always)]
    fn open_here(name: &'static str) -> Self {
        match StaticText::pack(name).some() {
            Some(packed) if !std::thread::panicking() => Self::open(packed),
            _ => Self::open_anyhow(name),
        }
    }

    /// Opens a span in the active scope, where that is quick: it calls nothing, so that no register need be saved.
    #[inline(never)]
    fn open(name: StaticText) -> Self {
        let opened = active::open(|scope| {
            if !scope.is_quick() {
                return None;
            }
            let place = scope.free_place()?;
            let (span, start) = (scope.next_span(), Tick::read_quickly());
            place.push_users(span, start, name);
            Some(Self::named(scope, span))
        });
        match opened {
            Some(owner) => owner,
            None => Self::open_anyhow(name.get()),
        }
    }

    /// Opens a span in the active scope, if it is recorded there.
    #[cold]
    fn open_anyhow(name: &'static str) -> Self {
        let scope = active::with_active(|scope| scope.id).unwrap_or_default();
        let opened = active::open(|scope| {
            let parent = scope.recorded_parent()?;
            let span = scope.next_span();
            let packed = StaticText::pack(name);
            if packed.is_none() {
                scope.open.keep_long_name(span, name);
            }
            scope.open.push(&OpenFrame::users((span, parent), Tick::now(), packed));
            if std::thread::panicking() {
                scope.open.note_unwinding(span);
            }
            Some(Self::named(scope, span))
        });
        opened.unwrap_or(Self { scope, ..Self::NOBODY })
    }

    /// Records the trace from now on, if it is one of those of which errors are, and opens what is left of the span, if its scope is
    /// still the active one.
    #[cold]
    fn promote(self, name: &'static str) -> Self {
        let is_promoted = active::with_innermost(self.scope, ScopeShared::note_error);
        if is_promoted == Some(true) { Self::open_anyhow(name) } else { self }
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

    #[inline(always)]
    fn event_alone(self, name: &'static str) {
        match StaticText::pack(name).some() {
            Some(packed) => self.event_now(packed),
            None => self.event(name, &[]),
        }
    }

    #[inline(never)]
    fn event_now(self, name: StaticText) {
        if !Tick::read().is_some_and(|at| lane::put(self.span, event_words(name, at))) {
            self.event(name.get(), &[]);
        }
    }

    #[inline(never)]
    fn event(self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        self.write(Loss::Event, &EventRecord { owner: self, at: Tick::now(), name, attributes });
    }

    #[inline(never)]
    fn link(self, to: TraceParent, attributes: &[(&str, Value<'_>)]) {
        let to = Standing { trace: to.trace_id, span: to.parent_id, flags: u32::from(to.sampled) };
        self.write_elsewhere(Loss::Part, &LinkRecord { owner: self, to, attributes });
    }

    /// Records that the span fails, or what is left of one that wasn't recorded; returns whose it is then.
    #[cold]
    fn fail_anyhow(self, name: &'static str, message: &str) -> Self {
        let owner = if self.span.is_none() { self.promote(name) } else { self };
        if !owner.span.is_none() {
            owner.fail(message);
        }
        owner
    }

    fn fail(self, message: &str) {
        if let Some(scope) = active::scope_of(self.scope) {
            scope.open.fail(self.span);
            scope.lanes.write_elsewhere(Loss::Part, &MessageRecord { owner: self, message });
        }
    }

    #[inline(always)]
    fn end_here(self) {
        if std::thread::panicking() { self.end_anyhow() } else { self.end() }
    }

    /// Ends the span, where that is quick: as [`open`](Self::open).
    #[inline(never)]
    fn end(self) {
        if !lane::has_named(self.span) {
            self.name_and_end();
        } else if self.end_quickly().is_none() {
            self.end_anyhow();
        }
    }

    #[inline(never)]
    fn name_and_end(self) {
        let is_named = active::with_innermost(self.scope, |scope| lane::name(scope.recorder, self));
        if is_named != Some(true) || self.end_quickly().is_none() {
            self.end_anyhow();
        }
    }

    /// Ends the span if it was named and all that it takes is at hand; else all stays as it is.
    #[inline(always)]
    fn end_quickly(self) -> Option<()> {
        active::close_innermost(self.scope, |scope| {
            let top = scope.open.top_users(self.span)?;
            if !top.is_plain() {
                return None;
            }
            let at = Tick::read_quickly();
            let is_put = lane::put_last(|| user_span_words(&top, at), || top.leave());
            if is_put { Some(()) } else { None }
        })
    }

    #[cold]
    fn end_anyhow(self) {
        let at = Tick::now();
        if let Some((scope, is_active)) = active::release(self.scope) {
            let frame = if is_active { scope.open.end(self.span) } else { scope.open.close(self.span) };
            self.write_end(&scope, frame, at);
        }
    }

    /// Writes the end of a span that has left the open ones.
    fn write_end(self, scope: &ScopeShared, frame: Option<EndedFrame>, at: Tick) {
        let Some(frame) = frame else { return scope.lanes.count(Loss::Span) };
        let EndedFrame { parent, start, .. } = frame;
        let is_panic = std::thread::panicking() && !frame.was_unwinding() && frame.status() == Status::Ok;
        if is_panic {
            scope.lanes.write_elsewhere(Loss::Part, &MessageRecord { owner: self, message: "panicked" });
        }
        let status = if is_panic { Status::Error } else { frame.status() };
        let name = scope.open.take_long_name(self.span).unwrap_or_else(|| frame.name.get());
        scope.lanes.write(Loss::Span, UserSpanRecord { owner: self, parent, start, end: at, name, status });
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
