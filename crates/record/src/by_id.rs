//! Traces and spans that are started and ended by their ids, for code that can't hold a guard: callbacks, other languages.
//!
//! Each such span is a scope of its own with one template, so that its name may be any text. It is open, for everyone to
//! see, until its id is ended; one that never is becomes interrupted when the recorder goes.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Attributes, SpanId, SpanKind, SpanType, Status, TraceId, TraceParent, flags};
use parking_lot::Mutex;

use crate::core::Core;
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{LinkRecord, Owner, Record, Standing, TextAttributeRecord, TextEventRecord};
use crate::scope::{ScopeSpec, SpanEnd, SpanTemplate};
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Recorder, SpanMeter, Tick, Value, Verdict};

/// What a span says that was open when its recorder went.
const NEVER_ENDED: &str = "never ended";

impl Recorder {
    /// Starts a trace with a span of this name as its root. Zeros if the recorder is off. A trace that sampling doesn't choose has
    /// ids as well; nothing of it is open.
    pub fn start_trace(&self, name: &str) -> TraceId {
        let Some(core) = self.core() else { return TraceId::NONE };
        let trace = TraceId::random();
        let is_chosen = core.sampling.verdict(trace, name, None) == Verdict::Record;
        let root = if is_chosen { core.open_by_id((trace, SpanId::NONE), name) } else { SpanId::random() };
        core.by_id.0.lock().roots.insert(trace, root);
        trace
    }

    /// Ends a trace that [`start_trace`](Self::start_trace) started; says whether it was open. Spans of it that are still
    /// open may end later.
    pub fn end_trace(&self, trace: TraceId, status: Status, message: &str) -> bool {
        let root = self.core().and_then(|core| core.by_id.0.lock().roots.remove(&trace));
        root.is_some_and(|root| self.end_span(root, status, message))
    }

    /// Starts a span in a trace: inside of the span `parent`, or of the trace's root if that is [`SpanId::NONE`]. Neither
    /// need have been started here. [`SpanId::NONE`] if the recorder is off.
    pub fn start_span(&self, trace: TraceId, parent: SpanId, name: &str) -> SpanId {
        let Some(core) = self.core() else { return SpanId::NONE };
        let Some(parent) = core.by_id.parent_in(core, trace, parent) else { return SpanId::random() };
        core.open_by_id((trace, parent), name)
    }

    /// Ends a span that was started by its id; says whether it was open. What can't be an end counts as [`Status::Ok`].
    pub fn end_span(&self, span: SpanId, status: Status, message: &str) -> bool {
        let open = self.core().and_then(|core| core.by_id.0.lock().spans.remove(&span));
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

    fn about<R: Record>(&self, span: SpanId, loss: Loss, record: impl FnOnce(Owner) -> R) -> bool {
        let find = |core: &Core| core.by_id.0.lock().spans.get(&span).map(|open| Arc::clone(&open.scope));
        let Some(scope) = self.core().and_then(find) else { return false };
        scope.lanes.write_elsewhere(loss, &record(Owner { scope: scope.id, span }));
        true
    }
}

impl Core {
    fn open_by_id(&self, (trace_id, parent): (TraceId, SpanId), name: &str) -> SpanId {
        let template = SpanTemplate {
            meter: SpanMeter::default(),
            name: name.to_owned(),
            indexed: false,
            kind: SpanKind::Internal,
            span_type: SpanType::Custom,
            attributes: Attributes::new(),
            keys: Vec::new(),
        };
        let (templates, verdict) = (Arc::new([template]), Verdict::Record);
        let scope = self.make_scope(ScopeSpec { trace_id, verdict, templates, attributes: Attributes::new() });
        let span = scope.next_span();
        let frame = Frame { span, parent, template: 0, index: NO_INDEX, start: Tick::now(), flags: flags::SAMPLED };
        scope.open.open_parked(OpenFrame { frame, name: StaticText::NONE });
        self.by_id.0.lock().spans.insert(span, Open { scope, frame });
        span
    }
}

/// Spans that were started by their ids and are open.
#[derive(Debug, Default)]
pub(crate) struct ById(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    spans: HashMap<SpanId, Open>,
    roots: HashMap<TraceId, SpanId>,
}

#[derive(Debug)]
struct Open {
    scope: Arc<ScopeShared>,
    frame: Frame,
}

impl ById {
    /// Returns the span that one of this trace is inside of; nothing where the trace isn't recorded. How a trace ends that wasn't
    /// chosen is not waited for.
    fn parent_in(&self, core: &Core, trace: TraceId, parent: SpanId) -> Option<SpanId> {
        let state = self.0.lock();
        match state.roots.get(&trace) {
            Some(root) => state.spans.contains_key(root).then(|| parent.some().unwrap_or(*root)),
            None => core.sampling.may_choose(trace).then_some(parent),
        }
    }

    /// Ends all that are open, because the recorder goes.
    pub(crate) fn interrupt(&self) {
        let state = std::mem::take(&mut *self.0.lock());
        state.spans.into_values().for_each(|open| open.end(Status::Interrupted, NEVER_ENDED));
    }
}

impl Open {
    fn end(self, status: Status, message: &str) {
        let status = if matches!(status, Status::Running | Status::Skipped) { Status::Ok } else { status };
        self.scope.open.close(self.frame.span);
        self.scope.record(&SpanEnd {
            frame: self.frame,
            end: Tick::now(),
            status,
            message,
            values: &[],
            extra: &[],
            failure: None,
        });
    }
}
