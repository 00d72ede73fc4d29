//! Forgetting runs in memory: which ones a policy names, and the batches without them.

use std::collections::HashSet;
use std::sync::Arc;

use flowglass_model::{BatchBuilder, Status, TraceId};

use super::held::Held;
use super::runs;
use crate::kept::Kept;
use crate::query::Now;
use crate::{Forgotten, RetentionPolicy, RunRecord};

/// Forgets what the policy says.
pub(super) fn retain(held: &mut Held, policy: &RetentionPolicy, now: Now) -> Forgotten {
    let size_before_bytes = held.size_bytes() as u64;
    let (kept, runs) = choose(held, policy, now);
    let before = ended_spans(held);
    if !kept.forgotten.is_empty() || kept.before_unix_ns.is_some() {
        held.rewrite(|batch| {
            if kept.keeps_all(batch) {
                return Some(Arc::clone(batch));
            }
            let builder = BatchBuilder::new(batch.writer, batch.sequence, Arc::clone(&batch.resource));
            let rest = kept.copy(batch, builder);
            (rest.counts().total() > 0 || !rest.links.is_empty()).then(|| Arc::new(rest))
        });
    }
    let size_after_bytes = held.size_bytes() as u64;
    Forgotten { runs, spans: before - ended_spans(held), size_before_bytes, size_after_bytes }
}

/// Says what would be forgotten. A span is taken to be as large as any other.
pub(super) fn preview(held: &Held, policy: &RetentionPolicy, now: Now) -> Forgotten {
    let (kept, runs) = choose(held, policy, now);
    let rows = held.batches.iter().flat_map(|batch| batch.spans.trace_id.iter().zip(&batch.spans.start_unix_ns));
    let spans = rows.filter(|(trace, start)| !kept.keeps(**trace, **start)).count() as u64;
    let size_before_bytes = held.size_bytes() as u64;
    let freed = u128::from(size_before_bytes) * u128::from(spans) / u128::from(ended_spans(held).max(1));
    let size_after_bytes = size_before_bytes.saturating_sub(u64::try_from(freed).unwrap_or(u64::MAX));
    Forgotten { runs, spans, size_before_bytes, size_after_bytes }
}

fn ended_spans(held: &Held) -> u64 {
    held.batches.iter().map(|batch| batch.spans.len() as u64).sum()
}

/// Returns what stays, and how many runs go.
fn choose(held: &Held, policy: &RetentionPolicy, now: Now) -> (Kept, u64) {
    let mut runs: Vec<RunRecord> = runs::all(held).map(|found| found.run).collect();
    runs.sort_unstable_by_key(|run| (run.start_unix_ns, run.id));
    runs.dedup_by_key(|run| (run.start_unix_ns, run.id));
    let by_age = policy.max_age.map(|age| now.0.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)));
    let by_size = policy.max_size_bytes.and_then(|most| end_of_excess(held, policy, &runs, most));
    // The later one names what either of them does.
    let named = by_age.max(by_size);
    let Some(end) = named.or(policy.keep_last.map(|_| i64::MAX)) else { return (Kept::all(), 0) };
    let end = end.min(start_of_kept(&runs, policy.keep_last));
    let may_go = |run: &RunRecord| named_by(policy, run.status) && run.start_unix_ns < end;
    // A trace goes as a whole: if one of its runs stays, all do.
    let kept: HashSet<TraceId> = runs.iter().filter(|run| !may_go(run)).map(|run| run.id.trace).collect();
    let going = runs.iter().filter(|run| !kept.contains(&run.id.trace));
    let (forgotten, count) = (going.clone().map(|run| run.id.trace).collect(), going.count() as u64);
    // What belongs to no run is none of those that a number counts.
    let before_unix_ns = (policy.statuses.is_empty() && named.is_some()).then_some(end);
    (Kept { forgotten, kept, before_unix_ns }, count)
}

fn named_by(policy: &RetentionPolicy, status: Status) -> bool {
    status != Status::Running && (policy.statuses.is_empty() || policy.statuses.contains(&status))
}

/// Returns when the first of so many newest runs began, which stay.
fn start_of_kept(runs: &[RunRecord], keep_last: Option<u64>) -> i64 {
    match usize::try_from(keep_last.unwrap_or(0)).unwrap_or(usize::MAX) {
        0 => i64::MAX,
        // Where there are no more than so many, all of them stay.
        last => runs.len().checked_sub(last).map_or(i64::MIN, |first| runs[first].start_unix_ns),
    }
}

/// Returns until when what is stored has to go so that the rest fits; nothing if all fits.
fn end_of_excess(held: &Held, policy: &RetentionPolicy, runs: &[RunRecord], most_bytes: u64) -> Option<i64> {
    let used = held.size_bytes() as u64;
    let spans = ended_spans(held);
    let excess = u128::from(spans) * u128::from(used.checked_sub(most_bytes).filter(|excess| *excess > 0)?);
    let mut missing = excess.div_ceil(u128::from(used.max(1)));
    let mut parts: Vec<(i64, u64)> = if policy.statuses.is_empty() {
        held.batches.iter().flat_map(|batch| batch.spans.start_unix_ns.iter().map(|start| (*start, 1))).collect()
    } else {
        runs.iter().filter(|run| named_by(policy, run.status)).map(|run| (run.start_unix_ns, run.span_count)).collect()
    };
    parts.sort_unstable();
    for (start, spans) in &parts {
        if u128::from(*spans) >= missing {
            return Some(start.saturating_add(1));
        }
        missing -= u128::from(*spans);
    }
    parts.last().map(|(start, _)| start.saturating_add(1))
}
