//! How runs went over a time: how many, how many failed, and why.

use flowglass_model::{Span, Status};
use serde::Serialize;

use super::nodes::part;
use super::{ErrorType, error_types};
use crate::{Distribution, facts};

/// How some runs went.
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
    /// The part of those that ended well or failed which failed, 0 to 1.
    pub failure_rate: f64,
    /// The durations of those that have ended.
    pub durations: Distribution,
    /// What caches saved them, in milliseconds.
    pub saved_ms: f64,
    /// Why they failed, the most frequent first.
    pub error_types: Vec<ErrorType>,
}

impl Health {
    /// Looks at runs: at the root span of each.
    #[must_use]
    pub fn of(roots: &[Span]) -> Self {
        let with = |status: Status| roots.iter().filter(|root| root.status == status).count() as u64;
        let (ok, failed) = (with(Status::Ok), with(Status::Error));
        let ended = roots.iter().filter(|root| root.status.is_final());
        Self {
            runs: roots.len() as u64,
            ok,
            failed,
            cancelled: with(Status::Cancelled),
            interrupted: with(Status::Interrupted),
            running: with(Status::Running),
            failure_rate: part(failed, ok + failed),
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
        assert_eq!(Health::of(&[]).failure_rate, 0.0);
    }
}
