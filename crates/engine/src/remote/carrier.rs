//! The trace that a job is part of, as W3C has it: whose child it is, its state, and what else travels with it.

use flowglass_model::{Propagation, SpanId, TraceParent};
use serde::{Deserialize, Serialize};

/// What of a trace travels with a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carrier(Vec<(String, String)>);

impl Carrier {
    /// Takes along what travels with the driver's trace, under this parent.
    pub(crate) fn new(parent: TraceParent, carried: Propagation) -> Self {
        let headers = Propagation { parent: Some(parent), ..carried }.to_headers();
        Self(headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Returns the span around the job.
    pub(crate) fn parent(&self) -> SpanId {
        let headers = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Propagation::from_headers(headers).parent.map_or(SpanId::NONE, |parent| parent.parent_id)
    }

    /// Returns what came along. The parent of what is recorded is each item's own span, not this one's.
    pub(crate) fn carried(&self) -> Propagation {
        let headers = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Propagation { parent: None, ..Propagation::from_headers(headers) }
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{TraceId, TraceState};

    use super::*;

    #[test]
    fn state_baggage_and_correlation_arrive() {
        let mut carried = Propagation { state: TraceState::parse(["vendor=a,other=b"]), ..Propagation::default() };
        carried.baggage.set("tenant", "Müller & Söhne");
        carried.baggage.set("correlation.id", "order 7");
        let parent = TraceParent { trace_id: TraceId::random(), parent_id: SpanId::from_u64(7), sampled: true };
        let carrier = Carrier::new(parent, carried.clone());
        assert_eq!((carrier.carried(), carrier.parent()), (carried, SpanId::from_u64(7)));
        assert_eq!((Carrier::default().carried(), Carrier::default().parent()), (Propagation::default(), SpanId::NONE));
    }
}
