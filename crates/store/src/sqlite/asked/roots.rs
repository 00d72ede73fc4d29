//! Finding runs: their roots are spans, and their counts are in the table `runs`.

use super::spans::{Scope, is_replaced, walk};
use super::{Reading, Wanted, needs};
use crate::query::{Collector, FoundRun};
use crate::sqlite::failure::Failure;
use crate::sqlite::runs;
use crate::{FoundSpan, RunRecord, SpanFilter};

/// Offers the runs that match.
pub(super) fn find(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    collector: &mut Collector<'_, FoundRun>,
) -> Result<(), Failure> {
    // A run isn't called as its root is.
    let needs = SpanFilter { name: None, ..needs::of(wanted.filter, wanted.now) };
    let scope = Scope { needs, events: wanted.filter.needs_events(), roots: true };
    walk(reading, &scope, &mut |reading, root, block| {
        if root.span.is_run_root() {
            let found = FoundRun { run: run_of(reading, &root)?, root };
            if wanted.matches(&found) && !is_replaced(reading, &found.root.span)? {
                collector.offer(found, block);
            }
        }
        Ok(collector.floor())
    })
}

fn run_of(reading: &mut Reading<'_, '_>, root: &FoundSpan) -> Result<RunRecord, Failure> {
    let counted = RunRecord::of_root(&root.span, 0, 0);
    let stored = runs::at(reading.connection, reading.liveness, counted.id, counted.start_unix_ns)?;
    Ok(stored.unwrap_or(counted))
}
