//! How runs went over a time: how many, how many failed, and why.

use flowglass_model::{Span, Status};
use serde::Serialize;

use super::{ErrorType, error_types};
use crate::{Distribution, facts};

/// How some runs went. Where sampling recorded a share of them only, the counts are of what was recorded, and
/// [`estimate`](Self::estimate) is of what ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// How many there are.
    pub runs: u64,
    /// How many went well.
    pub ok: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// How many were interrupted: their process died.
    pub interrupted: u64,
    /// How many still run.
    pub running: u64,
    /// How many there were, where chance recorded some of them only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// The part of those that ended well or failed which failed, 0 to 1; of those that were left out, too.
    pub failure_rate: f64,
    /// The durations of those that have ended and were recorded.
    pub durations: Distribution,
    /// What caches saved them, in milliseconds.
    pub saved_ms: f64,
    /// Why they failed, the most frequent first.
    pub error_types: Vec<ErrorType>,
}

/// How many runs there were, those included that chance left out: each recorded one counts as often as its trace's threshold says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// All of them.
    pub runs: f64,
    /// How many went well.
    pub ok: f64,
    /// How many failed.
    pub failed: f64,
}

impl Estimate {
    fn of(roots: &[Span]) -> Self {
        let with = |is_wanted: fn(Status) -> bool| -> f64 {
            roots.iter().filter(|root| is_wanted(root.status)).map(facts::stands_for).sum()
        };
        Self { runs: with(|_| true), ok: with(|status| status == Status::Ok), failed: with(|status| status == Status::Error) }
    }
}

impl Health {
    /// Looks at runs: at the root span of each.
    #[must_use]
    pub fn of(roots: &[Span]) -> Self {
        let with = |status: Status| roots.iter().filter(|root| root.status == status).count() as u64;
        let (ok, failed) = (with(Status::Ok), with(Status::Error));
        let estimate = Estimate::of(roots);
        let ended = roots.iter().filter(|root| root.status.is_final());
        Self {
            runs: roots.len() as u64,
            ok,
            failed,
            cancelled: with(Status::Cancelled),
            interrupted: with(Status::Interrupted),
            running: with(Status::Running),
            failure_rate: if failed == 0 { 0.0 } else { estimate.failed / (estimate.ok + estimate.failed) },
            estimate: Some(estimate).filter(|_| roots.iter().any(|root| facts::stands_for(root) > 1.0)),
            durations: Distribution::of(&mut ended.map(|root| root.duration_ns).collect::<Vec<_>>()),
            saved_ms: roots.iter().map(facts::saved_ms).sum(),
            error_types: error_types(roots),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_end_is_counted() {
        let root = |status, duration_ns| Span { status, duration_ns, ..Span::default() };
        let roots = [root(Status::Ok, 10), root(Status::Ok, 30), root(Status::Error, 20), root(Status::Running, 99)];
        let health = Health::of(&roots);
        assert_eq!((health.runs, health.ok, health.failed, health.running), (4, 2, 1, 1));
        assert!((health.failure_rate - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!((health.durations.p50_ns, health.error_types.len()), (20, 1));
        assert_eq!((Health::of(&[]).failure_rate, health.estimate), (0.0, None));
    }

    #[test]
    fn runs_that_chance_left_out_count_too() {
        let root = |status, trace_state: &str| Span { status, trace_state: trace_state.into(), ..Span::default() };
        // Chosen at a rate of a quarter, as their states say; what failed is recorded whatever chance says.
        let chosen = || root(Status::Ok, "ot=th:c");
        let roots = [chosen(), chosen(), root(Status::Error, "ot=th:0"), root(Status::Error, ""), root(Status::Running, "x=y")];
        let health = Health::of(&roots);
        assert_eq!((health.runs, health.ok, health.failed), (5, 2, 2));
        assert_eq!(health.estimate, Some(Estimate { runs: 11.0, ok: 8.0, failed: 2.0 }));
        assert_eq!(health.failure_rate, 0.2);
    }
}
