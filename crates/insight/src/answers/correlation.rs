//! What failed runs have in common that others don't.

use std::collections::HashMap;

use flowglass_model::{AttributeValue, Span, Status, conventions as names};
use serde::Serialize;

use super::nodes::part;
use crate::Distribution;

/// Failed runs beside those that went well.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Correlation {
    /// The durations of those that went well.
    pub ok: Distribution,
    /// The durations of those that failed.
    pub failed: Distribution,
    /// Values of attributes that are more frequent in failed runs, the most telling first.
    pub suspects: Vec<Suspect>,
}

/// The value of an attribute that failed runs have more often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspect {
    /// The attribute.
    pub key: String,
    /// Its value, as text.
    pub value: String,
    /// How many failed runs have it.
    pub failed: u64,
    /// How many that went well have it.
    pub ok: u64,
    /// The part of those with it that failed, 0 to 1.
    pub failure_rate: f64,
    /// How many times as often they fail as all runs.
    pub lift: f64,
}

/// Attributes that say that a run failed, or that no two runs share.
const SAYS_NOTHING: [&str; 15] = [
    names::PIPELINE_ID,
    names::PIPELINE_PATH,
    names::PIPELINE_FINGERPRINT,
    names::ERROR_TYPE,
    names::NODE_FAILED,
    names::NODE_COUNT,
    names::FAILURE_PATH,
    names::FAILURE_INPUTS,
    names::FAILURE_SKIPPED,
    names::FAILURE_BACKEND,
    names::CALLBACK_FAILED,
    names::SPAN_TYPE,
    names::SPAN_STATUS,
    names::CACHE_SIGNATURE,
    names::PROCESS_PID,
];

/// Suspects that are named, at most.
const MOST_SUSPECTS: usize = 10;
/// What one failed run has says nothing.
const LEAST_FAILED: u64 = 2;

impl Correlation {
    /// Looks at runs: at the root span of each.
    #[must_use]
    pub fn of(roots: &[Span]) -> Self {
        let with = |status: Status| roots.iter().filter(move |root| root.status == status);
        let durations = |status| Distribution::of(&mut with(status).map(|root| root.duration_ns).collect::<Vec<_>>());
        let (ok, failed) = (durations(Status::Ok), durations(Status::Error));
        let mut counts: HashMap<(&str, String), (u64, u64)> = HashMap::new();
        for root in with(Status::Ok).chain(with(Status::Error)) {
            for (key, value) in root.attributes.iter().filter(|(key, _)| !SAYS_NOTHING.contains(&key.as_str())) {
                let count = counts.entry((key, shown(value))).or_default();
                let place = if root.status == Status::Error { &mut count.0 } else { &mut count.1 };
                *place += 1;
            }
        }
        let overall = part(failed.count, failed.count + ok.count);
        let suspects = counts.into_iter().filter_map(|((key, value), count)| suspect(key, value, count, overall));
        let mut suspects: Vec<Suspect> = suspects.collect();
        let weight = |one: &Suspect| (one.failure_rate, one.failed);
        suspects.sort_by(|a, b| {
            weight(b)
                .partial_cmp(&weight(a))
                .unwrap_or(std::cmp::Ordering::Equal)
                .then_with(|| (&a.key, &a.value).cmp(&(&b.key, &b.value)))
        });
        suspects.truncate(MOST_SUSPECTS);
        Self { ok, failed, suspects }
    }
}

fn suspect(key: &str, value: String, (failed, ok): (u64, u64), overall: f64) -> Option<Suspect> {
    let failure_rate = part(failed, failed + ok);
    let tells = failed >= LEAST_FAILED && overall > 0.0 && failure_rate > overall * 1.2;
    tells.then(|| Suspect { key: key.to_owned(), value, failed, ok, failure_rate, lift: failure_rate / overall })
}

fn shown(value: &AttributeValue) -> String {
    value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_failed_runs_share_are_named() {
        let root = |status, size: &str, region: &str| Span {
            status,
            duration_ns: if status == Status::Ok { 10 } else { 50 },
            attributes: vec![("size".into(), size.into()), ("region".into(), region.into())],
            ..Span::default()
        };
        let (ok, error) = (Status::Ok, Status::Error);
        let roots = [
            root(error, "large", "east"),
            root(error, "large", "west"),
            root(ok, "small", "east"),
            root(ok, "small", "west"),
            root(ok, "large", "east"),
            root(Status::Running, "large", "east"),
        ];
        let found = Correlation::of(&roots);
        assert_eq!((found.ok.p50_ns, found.failed.p50_ns), (10, 50));
        let [only] = found.suspects.as_slice() else { panic!("{:?}", found.suspects) };
        assert_eq!((only.key.as_str(), only.value.as_str(), only.failed, only.ok), ("size", "large", 2, 1));
        assert!((only.lift - (2.0 / 3.0) / 0.4).abs() < 1e-9);
        assert!(Correlation::of(&[]).suspects.is_empty());
    }
}
