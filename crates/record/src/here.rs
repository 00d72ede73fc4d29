//! What code says without holding a guard: about the span that is current where it stands, or with no span at all.

use flowglass_model::{Severity, SpanId, TraceId, flags};

use crate::active;
use crate::core::Core;
use crate::lanes::Loss;
use crate::raw::{
    AttributeRecord, EventRecord, LogEntry, LooseEventRecord, MessageRecord, NamedEventRecord, Owner, Record, Standing,
    TextEventRecord,
};
use crate::scope_shared::ScopeShared;
use crate::{Recorder, Tick, Value};

/// Gives the current span an attribute: a node's, or one that user code opened. Does nothing where none is recorded.
pub fn set_attribute<'v>(key: &'static str, value: impl Into<Value<'v>>) {
    let value = value.into();
    about_current(|owner, write| write(Loss::Part, &AttributeRecord { owner, key, value }));
}

/// Tells that something happened in the current span. Does nothing where none is recorded.
pub fn add_event(name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
    let at = Tick::now();
    about_current(|owner, write| write(Loss::Event, &EventRecord { owner, at, name, attributes }));
}

/// As [`add_event`], under a name that the program makes up.
pub fn add_named_event(name: &str, attributes: &[(&'static str, Value<'_>)]) {
    let at = Tick::now();
    about_current(|owner, write| write(Loss::Event, &NamedEventRecord { owner, at, name, attributes }));
}

/// Takes note of an error that is no span's own: of work that went on all the same. Nothing is recorded by that; but a trace that isn't
/// recorded but for errors is from there on, and one that is held until its end is kept where failed ones are.
pub fn note_error() {
    active::with_active(ScopeShared::note_error);
}

/// Tells that the current span fails, and why, even if whoever opened it believes that all is well. Does nothing where
/// none is ever recorded. In a trace that isn't recorded but for errors, that is one: the trace is recorded from there on, and with it
/// the innermost of its spans that is a node's or bound to no thread.
pub fn set_error(message: &str) {
    active::with_active(ScopeShared::note_error);
    about_current(|owner, write| write(Loss::Part, &MessageRecord { owner, message }));
}

/// Says something in the current span, to the recorder that records it. Does nothing outside of any trace: there,
/// [`Recorder::log`] says to whom.
pub fn log<'v>(severity: Severity, body: impl Into<Value<'v>>, attributes: &[(&str, Value<'_>)]) {
    let (at, body) = (Tick::now(), body.into());
    active::with_active(|scope| {
        if let Some(core) = scope.lanes.core() {
            let standing = standing_in(scope);
            core.record_loose(Loss::Log, &LogEntry { standing, at, severity, event_name: "", body, attributes });
        }
    });
}

impl Recorder {
    /// Says something; it belongs to the current span, where there is one. Whether its trace is sampled doesn't matter.
    pub fn log<'v>(&self, severity: Severity, body: impl Into<Value<'v>>, attributes: &[(&str, Value<'_>)]) {
        self.log_event("", severity, body, attributes);
    }

    /// As [`log`](Self::log), of a kind that has a name: what OpenTelemetry calls an event.
    pub fn log_event<'v>(
        &self,
        event_name: &str,
        severity: Severity,
        body: impl Into<Value<'v>>,
        attributes: &[(&str, Value<'_>)],
    ) {
        let Some(core) = self.core() else { return };
        let standing = active::with_active(standing_in).unwrap_or_default();
        let entry = LogEntry { standing, at: Tick::now(), severity, event_name, body: body.into(), attributes };
        core.record_loose(Loss::Log, &entry);
    }

    /// Tells that something happened: in the current span, if this recorder records it, and outside of any trace where there is
    /// none of this recorder. In a trace that isn't recorded nothing is.
    pub fn event(&self, name: &str, attributes: &[(&str, Value<'_>)]) {
        let Some(core) = self.core() else { return };
        let at = Tick::now();
        let is_told = active::with_active(|scope| {
            if scope.lanes.id() != core.lanes.id() {
                return None;
            }
            let Some(span) = scope.recorded_parent() else { return Some(()) };
            let span = span.some()?;
            let owner = Owner { scope: scope.id, span };
            scope.lanes.write_elsewhere(Loss::Event, &TextEventRecord { owner, at, name, attributes });
            Some(())
        });
        if is_told.flatten().is_none() {
            record_event(core, Standing::default(), name, attributes);
        }
    }

    /// Tells that something happened in a trace, and in one of its spans unless that is [`SpanId::NONE`], wherever they are. In a
    /// trace that sampling doesn't choose nothing is recorded, but of spans that were [started by their ids](Self::start_span) what
    /// is of these.
    pub fn event_in(&self, trace: TraceId, span: SpanId, name: &str, attributes: &[(&str, Value<'_>)]) {
        let Some(core) = self.core().filter(|_| !self.event_of(span, name, attributes)) else { return };
        if core.by_id.is_told(core, trace) {
            record_event(core, Standing { trace, span, flags: flags::SAMPLED }, name, attributes);
        }
    }
}

fn record_event(core: &Core, standing: Standing, name: &str, attributes: &[(&str, Value<'_>)]) {
    core.record_loose(Loss::Event, &LooseEventRecord { standing, at: Tick::now(), name, attributes });
}

fn standing_in(scope: &ScopeShared) -> Standing {
    let flags = if scope.is_recording() { flags::SAMPLED } else { 0 };
    Standing { trace: scope.trace_id, span: scope.current(), flags }
}

/// Writes about the current span, where one is recorded.
fn about_current(say: impl FnOnce(Owner, &dyn Fn(Loss, &dyn Record))) {
    active::with_active(|scope| {
        if let Some(span) = scope.recorded_parent().and_then(SpanId::some) {
            let write = |loss, record: &dyn Record| _ = scope.lanes.write_elsewhere(loss, record);
            say(Owner { scope: scope.id, span }, &write);
        }
    });
}
