//! A scope: the open state of one run, one map worker or one blocking thread, and the way its spans are recorded.

use std::sync::Arc;

use flowglass_model::{Attributes, Failure, Number, Severity, SpanId, SpanKind, SpanType, Status, TraceId, flags};

use crate::active::Activation;
use crate::lanes::Loss;
use crate::open::Frame;
use crate::raw::{AttributeRecord, EventRecord, LogEntry, Owner, Standing, USER_TEMPLATE};
use crate::scope_shared::ScopeShared;
use crate::{Context, Recorder, SpanMeter, Tick, Value, Verdict};

/// What a scope is made of; see [`Recorder::scope`].
#[derive(Debug, Clone)]
pub struct ScopeSpec {
    /// The trace that the scope's spans belong to.
    pub trace_id: TraceId,
    /// Whether they are recorded; see [`Recorder::sample`].
    pub verdict: Verdict,
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
    /// The metrics that its spans feed.
    pub meter: SpanMeter,
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
    pub(crate) shared: Option<Arc<ScopeShared>>,
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

    /// Says whether nothing of the scope is ever recorded, not even what fails: its recorder is off.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.shared.is_none()
    }

    /// Says whether the scope's spans are recorded from the start on.
    #[inline]
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_sampled())
    }

    /// Says whether the scope's spans are recorded as things stand: from the start, or since an error.
    #[inline]
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_recording())
    }

    /// Says what becomes of the scope's trace.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.shared.as_ref().map_or(Verdict::Never, |shared| shared.verdict())
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
            shared.open.push_engines(&engine_frame(frame));
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

    /// Returns the context inside of an open span of the scope, of which sampling keeps what is in it or not.
    #[must_use]
    pub fn inside(&self, span: SpanId, is_kept: bool) -> Context {
        self.shared.as_ref().map_or_else(Context::default, |shared| Context::within(shared, span, is_kept))
    }

    /// Makes a scope for work of an open span on another thread. It is sampled if the span is.
    #[must_use]
    pub fn fork(&self, frame: &Frame) -> Self {
        let shared = self.shared.as_ref().and_then(|shared| self.recorder.fork(shared, frame));
        Self { trace_id: self.trace_id, recorder: self.recorder.clone(), shared }
    }

    /// Gives the scope up, because the thread that drives it can't be waited for: its open spans are no longer told of, and
    /// whoever calls this records their ends. Returns them, the outermost first.
    #[must_use]
    pub fn give_up(&self) -> Vec<Frame> {
        self.shared.as_ref().map(|shared| shared.give_up()).unwrap_or_default()
    }

    /// Gives an open span of the scope an attribute, as [`SpanGuard::attr`](crate::SpanGuard::attr) does for a user's.
    pub fn attribute(&self, span: SpanId, key: &'static str, value: Value<'_>) {
        if let Some(shared) = self.shared.as_ref().filter(|shared| shared.is_recording()) {
            let owner = Owner { scope: shared.id, span };
            shared.lanes.write_elsewhere(Loss::Part, &AttributeRecord { owner, key, value });
        }
    }

    /// Records that something happened in an open span of the scope, now.
    pub fn event(&self, span: SpanId, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
        if let Some(shared) = self.shared.as_ref().filter(|shared| shared.is_recording()) {
            let owner = Owner { scope: shared.id, span };
            shared.lanes.write_elsewhere(Loss::Event, &EventRecord { owner, at: Tick::now(), name, attributes });
        }
    }

    /// Says something in a span of the scope, whether or not it is sampled: a log record of a kind that has a name.
    pub fn log(
        &self,
        span: SpanId,
        event_name: &'static str,
        (severity, body): (Severity, &str),
        attributes: &[(&'static str, Value<'_>)],
    ) {
        if let (Some(core), Some(shared)) = (self.recorder.core(), &self.shared) {
            let flags = if shared.is_recording() { flags::SAMPLED } else { 0 };
            let standing = Standing { trace: self.trace_id, span, flags };
            let entry = LogEntry { standing, at: Tick::now(), severity, event_name, body: Value::Str(body), attributes };
            core.record_loose(Loss::Log, &entry);
        }
    }

    /// Takes note of an error of which nothing is said here: a trace that isn't recorded but for errors is from there on.
    pub fn note_error(&self) {
        if let Some(shared) = &self.shared {
            shared.note_error();
        }
    }

    /// Returns the attributes of each span of the scope, those of its recorder included.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let of_all = self.recorder.core().map(|core| &core.attributes);
        let own = self.shared.as_ref().map(|shared| &shared.attributes);
        of_all.into_iter().chain(own).flatten().cloned().collect()
    }

    /// Records the end of a span: one record in the calling thread's lane, without a lock or an allocation.
    ///
    /// In a scope that isn't sampled, a span that failed is recorded, and what follows it, if its trace's verdict is
    /// [`Verdict::OnError`]; any other is counted only.
    #[inline]
    pub fn record(&self, end: &SpanEnd<'_>) {
        if let Some(shared) = &self.shared {
            shared.end(end);
        }
    }

    /// Leaves the current span, which has ended well, and records that: [`exit`](Self::exit) and [`record`](Self::record) in one,
    /// with values for the template's keys. What isn't recorded is counted.
    #[inline]
    pub fn leave(&self, frame: &Frame, end: Tick, values: &[Value<'_>]) {
        if let Some(shared) = &self.shared {
            shared.leave(frame, end, values);
        }
    }

    /// Counts the end of a span that isn't recorded: in the metrics that its template's spans feed.
    #[inline]
    pub fn count_end(&self, frame: &Frame, end: Tick, status: Status) {
        if let Some(shared) = &self.shared {
            shared.count_end(frame, end, status);
        }
    }

    /// Adds a number to one of the metrics that a template's spans feed, by its place among them, or sets it.
    #[inline]
    pub fn count(&self, template: u32, metric: usize, number: impl Into<Number>) {
        if let Some(shared) = &self.shared {
            shared.count(template, metric, number.into());
        }
    }
}

/// A span that the engine makes never passes for a user's, whatever its template says.
#[inline]
const fn engine_frame(frame: &Frame) -> Frame {
    let mut frame = *frame;
    if frame.template == USER_TEMPLATE {
        frame.template -= 1;
    }
    frame
}
