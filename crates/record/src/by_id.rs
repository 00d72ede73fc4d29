//! Traces and spans that are started and ended by their ids, for code that can't hold a guard: callbacks, other languages.
//!
//! Each such span is a scope of its own with one template, so that its name may be any text. It is open, for everyone to
//! see, until its id is ended; one that never is becomes interrupted when the recorder goes.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Attributes, SpanId, SpanKind, SpanType, Status, TraceId, TraceParent, flags};
use parking_lot::Mutex;

use crate::core::Core;
use crate::fate::Course;
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{LinkRecord, Owner, Record, Standing, TextAttributeRecord, TextEventRecord};
use crate::scope::{ScopeSpec, SpanEnd, SpanTemplate};
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Context, Recorder, SpanMeter, Tick, Value, Verdict};
use crate::{active, context};

/// What a span says that was open when its recorder went.
const NEVER_ENDED: &str = "never ended";

impl Recorder {
    /// Starts a trace with a span of this name as its root. Zeros if the recorder is off. What sampling says of a trace holds for its
    /// spans: one that isn't chosen has ids as well, and is recorded from an error on, or held until its root ends.
    pub fn start_trace(&self, name: &str) -> TraceId {
        let Some(core) = self.core() else { return TraceId::NONE };
        let trace = TraceId::random();
        let course = Course::new(core.sampling.verdict(trace, name, None));
        let root = core.open_by_id(trace, Place { parent: SpanId::NONE, is_local_root: false }, &course, name);
        core.by_id.0.lock().begin(trace, root, course);
        trace
    }

    /// Ends a trace that [`start_trace`](Self::start_trace) started; says whether it was open. Spans of it that are still
    /// open may end later.
    pub fn end_trace(&self, trace: TraceId, status: Status, message: &str) -> bool {
        let root = self.core().and_then(|core| core.by_id.0.lock().take_root(trace));
        root.is_some_and(|root| self.end_span(root, status, message))
    }

    /// Starts a span in a trace: inside of the span `parent`, or of the trace's root if that is [`SpanId::NONE`]. Neither
    /// need have been started here. [`SpanId::NONE`] if the recorder is off.
    pub fn start_span(&self, trace: TraceId, parent: SpanId, name: &str) -> SpanId {
        let Some(core) = self.core() else { return SpanId::NONE };
        let (course, place) = core.by_id.0.lock().join(core, trace, parent);
        core.open_by_id(trace, place, &course, name)
    }

    /// Ends a span that was started by its id; says whether it was open. What can't be an end counts as [`Status::Ok`].
    ///
    /// In a trace that isn't recorded but for errors, [`Status::Error`] is one: the trace is recorded from there on.
    pub fn end_span(&self, span: SpanId, status: Status, message: &str) -> bool {
        let open = self.core().and_then(|core| core.by_id.0.lock().take(span));
        open.is_some_and(|open| {
            open.end(status, message);
            true
        })
    }

    /// Gives a span that was started by its id an attribute; says whether it is open.
    pub fn attribute_of<'v>(&self, span: SpanId, key: &str, value: impl Into<Value<'v>>) -> bool {
        let value = value.into();
        self.about(span, Loss::Part, |owner| TextAttributeRecord { owner, key, value })
    }

    /// Tells that something happened in a span that was started by its id; says whether it is open.
    pub fn event_of(&self, span: SpanId, name: &str, attributes: &[(&str, Value<'_>)]) -> bool {
        let at = Tick::now();
        self.about(span, Loss::Event, |owner| TextEventRecord { owner, at, name, attributes })
    }

    /// Tells that a span that was started by its id has to do with another one; says whether it is open.
    pub fn link_of(&self, span: SpanId, to: TraceParent, attributes: &[(&str, Value<'_>)]) -> bool {
        let to = Standing { trace: to.trace_id, span: to.parent_id, flags: u32::from(to.sampled) };
        self.about(span, Loss::Part, |owner| LinkRecord { owner, to, attributes })
    }

    /// Returns the context inside of a span that was started by its id, for spans and runs that are to hang on it; nowhere if it isn't
    /// open.
    #[must_use]
    pub fn context_of(&self, span: SpanId) -> Context {
        let find = |core: &Core| core.by_id.0.lock().spans.get(&span).map(|open| Arc::clone(&open.scope));
        self.core().and_then(find).map_or_else(Context::default, |scope| Context::inside(&scope, span, scope.carried.clone()))
    }

    fn about<R: Record>(&self, span: SpanId, loss: Loss, record: impl FnOnce(Owner) -> R) -> bool {
        let find = |core: &Core| core.by_id.0.lock().spans.get(&span).map(|open| Arc::clone(&open.scope));
        let Some(scope) = self.core().and_then(find) else { return false };
        if !scope.is_recording() {
            return true;
        }
        scope.lanes.write_elsewhere(loss, &record(Owner { scope: scope.id, span }));
        true
    }
}

impl Core {
    /// Opens a span, unless nothing of its trace is ever recorded.
    fn open_by_id(&self, trace_id: TraceId, place: Place, course: &Course, name: &str) -> SpanId {
        if course.verdict == Verdict::Never {
            return SpanId::random();
        }
        let spec = ScopeSpec {
            trace_id,
            verdict: course.verdict,
            templates: Arc::new([template(name)]),
            attributes: Attributes::new(),
        };
        let scope = self.make_sharing(spec, context::carried(), course.fate.clone());
        let (span, start) = (scope.next_span(), Tick::now());
        let frame = Frame { span, parent: place.parent, template: 0, index: NO_INDEX, start, flags: flags::SAMPLED };
        let frame = if place.is_local_root { frame.local_root() } else { frame };
        scope.open.open_parked(OpenFrame { frame, name: StaticText::NONE });
        self.by_id.0.lock().spans.insert(span, Open { scope, frame });
        span
    }
}

fn template(name: &str) -> SpanTemplate {
    SpanTemplate {
        meter: SpanMeter::default(),
        name: name.to_owned(),
        indexed: false,
        kind: SpanKind::Internal,
        span_type: SpanType::Custom,
        attributes: Attributes::new(),
        keys: Vec::new(),
    }
}

/// Spans that were started by their ids and are open, and their traces.
#[derive(Debug, Default)]
pub(crate) struct ById(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    spans: HashMap<SpanId, Open>,
    traces: HashMap<TraceId, Known>,
}

#[derive(Debug)]
struct Open {
    scope: Arc<ScopeShared>,
    frame: Frame,
}

/// A trace that was started by its id, or of which spans are open.
#[derive(Debug)]
struct Known {
    course: Course,
    /// The span that it was started with; none if that has ended, or if somebody else has begun the trace.
    root: SpanId,
    /// So many of its spans are open.
    open: usize,
}

/// Where a span is.
#[derive(Debug, Clone, Copy)]
struct Place {
    parent: SpanId,
    /// Nothing of its trace that is known here is around it.
    is_local_root: bool,
}

impl ById {
    /// Says whether something of a trace is recorded as things stand, that is of no span which is open by its id.
    pub(crate) fn is_told(&self, core: &Core, trace: TraceId) -> bool {
        let known = self.0.lock().traces.get(&trace).map(|known| known.course.is_told());
        known.unwrap_or_else(|| course_elsewhere(core, trace).is_told())
    }

    /// Ends all that are open, because the recorder goes.
    pub(crate) fn interrupt(&self) {
        let state = std::mem::take(&mut *self.0.lock());
        state.spans.into_values().for_each(|open| open.end(Status::Interrupted, NEVER_ENDED));
    }
}

impl State {
    /// Takes note of a trace that has been started.
    fn begin(&mut self, trace: TraceId, root: SpanId, course: Course) {
        let open = usize::from(self.spans.contains_key(&root));
        self.traces.insert(trace, Known { course, root, open });
    }

    /// Takes note that a span is started in a trace. Returns what becomes of that, and where in it the span is.
    fn join(&mut self, core: &Core, trace: TraceId, parent: SpanId) -> (Course, Place) {
        let (here, known) = (course_here(core, trace), self.traces.get(&trace));
        let root = known.map_or(SpanId::NONE, |known| known.root);
        let is_local_root = here.is_none() && root.is_none() && !self.spans.contains_key(&parent);
        let course = here.or_else(|| Some(known?.course.clone())).unwrap_or_else(|| course_elsewhere(core, trace));
        if course.verdict != Verdict::Never {
            let begun = || Known { course: course.clone(), root: SpanId::NONE, open: 0 };
            self.traces.entry(trace).or_insert_with(begun).open += 1;
        }
        (course, Place { parent: parent.some().unwrap_or(root), is_local_root })
    }

    /// Takes a span that ends.
    fn take(&mut self, span: SpanId) -> Option<Open> {
        let open = self.spans.remove(&span)?;
        self.change(open.scope.trace_id, |known| {
            known.open = known.open.saturating_sub(1);
            if known.root == span {
                known.root = SpanId::NONE;
            }
        });
        Some(open)
    }

    /// Takes the span that a trace was started with.
    fn take_root(&mut self, trace: TraceId) -> Option<SpanId> {
        self.change(trace, |known| std::mem::replace(&mut known.root, SpanId::NONE))?.some()
    }

    /// Changes what is known of a trace, and forgets it if there is no more to come.
    fn change<T>(&mut self, trace: TraceId, change: impl FnOnce(&mut Known) -> T) -> Option<T> {
        let known = self.traces.get_mut(&trace)?;
        let changed = change(known);
        if known.open == 0 && known.root.is_none() {
            self.traces.remove(&trace);
        }
        Some(changed)
    }
}

/// Returns what becomes of the calling thread's trace, if it is this one.
fn course_here(core: &Core, trace: TraceId) -> Option<Course> {
    let is_its = |scope: &ScopeShared| scope.trace_id == trace && scope.lanes.id() == core.lanes.id();
    active::with_active(|scope| is_its(scope).then(|| scope.course()))?
}

/// Returns what becomes of a trace that somebody else has begun.
fn course_elsewhere(core: &Core, trace: TraceId) -> Course {
    Course::new(core.sampling.verdict_of_unknown(trace))
}

impl Open {
    fn end(self, status: Status, message: &str) {
        let status = if matches!(status, Status::Running | Status::Skipped) { Status::Ok } else { status };
        self.scope.open.close(self.frame.span);
        let (frame, end) = (self.frame, Tick::now());
        self.scope.end(&SpanEnd { frame, end, status, message, values: &[], extra: &[], failure: None });
    }
}
