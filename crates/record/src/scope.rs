//! A scope: the open state of one run, one map worker or one blocking thread, and the way its spans are recorded.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use flowglass_model::{AttributeValue, Attributes, Failure, SpanId, SpanKind, SpanType, Status, TraceId};

use crate::active::Activation;
use crate::lanes::{Lanes, Loss};
use crate::open::{Frame, OpenFrame, OpenFrames};
use crate::raw::{SpanRecord, USER_TEMPLATE};
use crate::static_text::StaticText;
use crate::tick::Anchor;
use crate::{Recorder, Tick, Value};

/// What a scope is made of; see [`Recorder::scope`].
#[derive(Debug, Clone)]
pub struct ScopeSpec {
    /// The trace that the scope's spans belong to.
    pub trace_id: TraceId,
    /// Whether they are recorded.
    pub sampled: bool,
    /// What their spans have in common, by the numbers in their frames.
    pub templates: Arc<[SpanTemplate]>,
    /// Attributes of each span of the scope.
    pub attributes: Attributes,
}

/// What all spans of one node have in common: interned once, so that a record carries only what differs.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanTemplate {
    /// The span's name, or what stands before its index.
    pub name: String,
    /// Whether the name ends with a blank and the frame's index: `item 7`. An item has the attribute `map.index` then, too.
    pub indexed: bool,
    /// OpenTelemetry's kind.
    pub kind: SpanKind,
    /// What the span stands for.
    pub span_type: SpanType,
    /// Attributes that never differ.
    pub attributes: Attributes,
    /// The keys of the values that are given at the end.
    pub keys: Vec<&'static str>,
}

/// The end of a span; see [`Scope::record`].
#[derive(Debug, Clone, Copy)]
pub struct SpanEnd<'a> {
    /// What was known at its start.
    pub frame: Frame,
    /// When it ended.
    pub end: Tick,
    /// How it ended.
    pub status: Status,
    /// Why, where that is an error; else empty.
    pub message: &'a str,
    /// Values for the template's keys, in their order.
    pub values: &'a [Value<'a>],
    /// Keys and values that the template doesn't know.
    pub extra: &'a [(&'static str, Value<'a>)],
    /// The error, which becomes an `exception` event.
    pub failure: Option<&'a Failure>,
    /// Whether it is recorded even though its scope isn't sampled.
    pub force: bool,
}

/// The open state of one run, one map worker or one blocking thread.
///
/// One thread at a time drives a scope: starts, ends and parks its spans, or has it active. A run may move between
/// threads; two threads that work at the same time need a scope each, see [`fork`](Self::fork). Ignoring this mixes up
/// parents, and nothing worse.
///
/// A span is told to be over ([`exit`](Self::exit) or [`close`](Self::close)) before its end is recorded.
#[derive(Debug, Clone)]
pub struct Scope {
    trace_id: TraceId,
    recorder: Recorder,
    shared: Option<Arc<ScopeShared>>,
}

impl Scope {
    pub(crate) const fn new(trace_id: TraceId, recorder: Recorder, shared: Option<Arc<ScopeShared>>) -> Self {
        Self { trace_id, recorder, shared }
    }

    /// Returns the trace that the scope's spans belong to.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the recorder that the scope was made by.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Says whether the scope's spans are recorded.
    #[inline]
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_sampled())
    }

    /// Returns an id for the next span; [`SpanId::NONE`] if the recorder is off.
    #[inline]
    #[must_use]
    pub fn next_span(&self) -> SpanId {
        self.shared.as_ref().map_or(SpanId::NONE, |shared| shared.next_span())
    }

    /// Returns the innermost open span, or what the scope was forked from, or [`SpanId::NONE`].
    #[inline]
    #[must_use]
    pub fn current(&self) -> SpanId {
        self.shared.as_ref().map_or(SpanId::NONE, |shared| shared.current())
    }

    /// Opens a span inside the current one and makes it the current one.
    #[inline]
    pub fn enter(&self, frame: &Frame) {
        if let Some(shared) = &self.shared {
            shared.open.push(&engine_frame(frame));
        }
    }

    /// Leaves the current span, which is over.
    #[inline]
    pub fn exit(&self) {
        if let Some(shared) = &self.shared {
            shared.open.pop();
        }
    }

    /// Leaves the current span, which stays open: its future has to wait.
    pub fn park(&self) {
        if let Some(shared) = &self.shared {
            shared.open.park();
        }
    }

    /// Makes a parked span the current one, for one poll of its future.
    pub fn resume(&self, span: SpanId) {
        if let Some(shared) = &self.shared {
            shared.open.resume(span);
        }
    }

    /// Leaves a resumed span, which stays parked.
    pub fn suspend(&self) {
        if let Some(shared) = &self.shared {
            shared.open.pop();
        }
    }

    /// Forgets a parked span, which is over.
    pub fn close(&self, span: SpanId) {
        if let Some(shared) = &self.shared {
            shared.open.close(span);
        }
    }

    /// Makes the scope the calling thread's active one, until the returned guard is dropped.
    #[must_use = "the scope is active while this lives"]
    pub fn activate(&self) -> Activation {
        Activation::new(self.shared.as_ref())
    }

    /// Makes a scope for work of an open span on another thread. It is sampled if the span is.
    #[must_use]
    pub fn fork(&self, frame: &Frame) -> Self {
        let shared = self.shared.as_ref().and_then(|shared| self.recorder.fork(shared, frame));
        Self { trace_id: self.trace_id, recorder: self.recorder.clone(), shared }
    }

    /// Records the end of a span: one record in the calling thread's lane, without a lock or an allocation.
    ///
    /// Does nothing if the scope isn't sampled, unless the end says that it must be recorded.
    #[inline]
    pub fn record(&self, end: &SpanEnd<'_>) {
        if let Some(shared) = &self.shared {
            if shared.is_sampled() {
                shared.record(end);
            } else if end.force {
                self.register(shared);
                shared.record(end);
            }
        }
    }

    #[cold]
    fn register(&self, shared: &Arc<ScopeShared>) {
        if !shared.is_registered.swap(true, Relaxed) {
            self.recorder.register(Arc::clone(shared));
        }
    }
}

/// A span that the engine makes never passes for a user's, whatever its template says.
#[inline]
const fn engine_frame(frame: &Frame) -> OpenFrame {
    let mut frame = *frame;
    if frame.template == USER_TEMPLATE {
        frame.template -= 1;
    }
    OpenFrame { frame, name: StaticText::NONE }
}

/// What a scope's handles, its threads and the collector share. Recycled with its slots.
#[derive(Debug)]
pub(crate) struct ScopeShared {
    pub(crate) id: u64,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) trace_id: TraceId,
    pub(crate) templates: Arc<[SpanTemplate]>,
    pub(crate) attributes: Attributes,
    /// What the scope's ticks are told as Unix time by: one for all its spans, so that they fit together.
    pub(crate) anchor: Anchor,
    pub(crate) open: OpenFrames,
    root: SpanId,
    is_sampled: bool,
    is_registered: AtomicBool,
    first_id: u64,
    next: AtomicU64,
}

/// A panic of a caller, who never runs inside, leaves everything whole.
impl std::panic::RefUnwindSafe for ScopeShared {}

impl ScopeShared {
    /// Makes a scope, or makes over a used one that nobody else holds.
    pub(crate) fn make(
        used: Option<Arc<Self>>,
        lanes: &Arc<Lanes>,
        (id, anchor): (u64, Anchor),
        spec: ScopeSpec,
        root: SpanId,
    ) -> Arc<Self> {
        let mut shared = used.unwrap_or_else(|| Arc::new(Self::unused(lanes, anchor, &spec.templates)));
        if let Some(own) = Arc::get_mut(&mut shared) {
            own.open.clear();
            own.id = id;
            own.trace_id = spec.trace_id;
            own.templates = spec.templates;
            own.attributes = spec.attributes;
            own.anchor = anchor;
            own.root = root;
            own.is_sampled = spec.sampled;
            *own.is_registered.get_mut() = spec.sampled;
            own.first_id = fastrand::u64(..) ^ lanes.salt();
            *own.next.get_mut() = 0;
        }
        shared
    }

    fn unused(lanes: &Arc<Lanes>, anchor: Anchor, templates: &Arc<[SpanTemplate]>) -> Self {
        Self {
            id: 0,
            lanes: Arc::clone(lanes),
            trace_id: TraceId::default(),
            templates: Arc::clone(templates),
            attributes: Attributes::new(),
            anchor,
            open: OpenFrames::default(),
            root: SpanId::NONE,
            is_sampled: false,
            is_registered: AtomicBool::new(false),
            first_id: 0,
            next: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) const fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Says whether a span that begins now inside the current one is recorded.
    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        self.open.is_recording().unwrap_or(self.is_sampled)
    }

    /// Says whether the collector was told of the scope.
    pub(crate) fn is_registered(&self) -> bool {
        self.is_registered.load(Relaxed)
    }

    /// One thread at a time drives a scope, so that counting needs no locked instruction.
    #[inline]
    pub(crate) fn next_span(&self) -> SpanId {
        let count = self.next.load(Acquire) + 1;
        self.next.store(count, Release);
        let id = self.first_id.wrapping_add(count);
        if id == 0 { self.next_span() } else { SpanId::from_u64(id) }
    }

    #[inline]
    pub(crate) fn current(&self) -> SpanId {
        self.open.current().unwrap_or(self.root)
    }

    /// Returns the template of a frame, unless a user's span or a wrong number has none.
    pub(crate) fn template(&self, frame: &Frame) -> Option<&SpanTemplate> {
        self.templates.get(frame.template as usize)
    }

    /// Says whether a frame is the root of a run.
    pub(crate) fn is_run_root(&self, frame: &Frame) -> bool {
        let is_first = frame.parent.is_none() || frame.flags & flowglass_model::flags::IS_REMOTE != 0;
        is_first && self.template(frame).is_some_and(|template| template.span_type == SpanType::Pipeline)
    }

    /// Returns what a scope for work of an open span is made of.
    pub(crate) fn fork_spec(&self, frame: &Frame) -> ScopeSpec {
        ScopeSpec {
            trace_id: self.trace_id,
            sampled: self.is_sampled && frame.is_sampled(),
            templates: Arc::clone(&self.templates),
            attributes: self.attributes.clone(),
        }
    }

    /// Lets go of what a used scope holds, before it waits to be made over.
    pub(crate) fn empty(&mut self, templates: &Arc<[SpanTemplate]>) {
        self.open.clear();
        self.templates = Arc::clone(templates);
        self.attributes = Vec::<(String, AttributeValue)>::new();
    }

    #[inline]
    fn record(&self, end: &SpanEnd<'_>) {
        self.lanes.write(Loss::Record, &SpanRecord { scope: self.id, end });
    }
}
