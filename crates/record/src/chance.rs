//! What those who are called are told of chance: by which threshold it chose the trace, so that they know for how many others it
//! stands.
//!
//! Who begins a trace chooses it, all others follow: in terms of
//! <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/> a parent-based probability sampler.

use flowglass_model::{Propagation, Randomness, Threshold, TraceId, TraceState};

use crate::Verdict;
use crate::scope_shared::ScopeShared;

/// Returns the trace state of the spans of a scope, and of whoever is called from there: what came along with the trace, and by
/// which threshold it was chosen, if chance has.
pub(crate) fn state(scope: &ScopeShared, carried: Option<&Propagation>, is_recorded: bool) -> TraceState {
    let mut state = carried.map(|carried| carried.state.clone()).unwrap_or_default();
    if carried.is_some_and(|carried| !is_about(carried, scope.trace_id)) {
        state.forget_sampling();
    }
    let threshold = if is_recorded { threshold(scope, &state) } else { None };
    state.set_threshold(threshold);
    state
}

/// Returns the trace state of a span that would have been recorded whatever chance had said: it stands for itself alone.
pub(crate) fn state_of_certain(scope: &ScopeShared) -> TraceState {
    let mut state = state(scope, scope.carried.as_deref(), true);
    state.set_threshold(Some(Threshold::NOTHING_REJECTED));
    state
}

/// Says whether what came along is about this trace. Who does a part of another process's work knows no parent, and the state of
/// its trace.
pub(crate) fn is_about(carried: &Propagation, trace: TraceId) -> bool {
    carried.parent.is_none_or(|parent| parent.trace_id == trace)
}

/// Returns the threshold that a trace was chosen by. What is recorded for another reason has none: an error, or that it was slow.
fn threshold(scope: &ScopeShared, came: &TraceState) -> Option<Threshold> {
    match scope.verdict() {
        Verdict::Chosen(threshold) => Some(threshold),
        Verdict::Record => {
            let randomness = came.randomness().unwrap_or_else(|| Randomness::of(scope.trace_id));
            // One that would have rejected the trace isn't what it was chosen by.
            came.threshold().filter(|threshold| threshold.admits(randomness))
        }
        Verdict::Hold | Verdict::OnError | Verdict::Never => None,
    }
}
