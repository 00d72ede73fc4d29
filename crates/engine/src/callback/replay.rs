//! Events that were recorded, told again.

use std::sync::Arc;

use flowglass_model::{EventRecord, RunId, Subject};
use indexmap::IndexMap;

use super::{CallbackFailure, CallbackTime, Callbacks, Tally, Telling, View};
use crate::pipeline::Surroundings;

/// What a replay came to.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// How many events were told.
    pub told: u64,
    /// How many records were passed over, because they are of a kind that this build doesn't know.
    pub unknown: u64,
    /// Callbacks that failed.
    pub failures: Vec<CallbackFailure>,
    /// How long each callback took, the longest first.
    pub times: Vec<CallbackTime>,
}

/// Tells callbacks of recorded events, in the order of the records, as if the runs were under way.
///
/// They hear of every level: which pipeline had callbacks of its own is not recorded. Of pipelines they know what the records
/// tell, so that nodes nothing happened to are missing, and inputs and outputs have no names.
pub fn replay<'a>(records: impl IntoIterator<Item = &'a EventRecord>, callbacks: &Callbacks) -> Replayed {
    let records: Vec<&EventRecord> = records.into_iter().collect();
    let runs = runs(&records);
    let tally = Arc::new(Tally::default());
    let mut replayed = Replayed::default();
    for record in &records {
        let (Some(event), Some(surroundings)) = (record.as_event(), runs.get(&record.run)) else {
            replayed.unknown += 1;
            continue;
        };
        replayed.told += 1;
        let around = event.site.subject == Subject::Pipeline && event.site.parent.is_some();
        let telling = Telling { surroundings, tally: &tally, view: View { around, inside: true } };
        if callbacks.wants(event.site.subject, event.kind.verb()) {
            callbacks.tell(&event, &telling);
        }
    }
    runs.into_keys().for_each(|run| callbacks.forget(run));
    Replayed { failures: tally.failures(), times: tally.times(), ..replayed }
}

/// Finds out of each run what its records tell of its plan.
fn runs(records: &[&EventRecord]) -> IndexMap<RunId, Arc<Surroundings>> {
    let mut runs: IndexMap<RunId, Vec<&EventRecord>> = IndexMap::new();
    for record in records {
        runs.entry(record.run).or_default().push(record);
    }
    runs.into_iter().map(|(run, records)| (run, Arc::new(Surroundings::of_records(&records)))).collect()
}
