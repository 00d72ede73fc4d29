//! Finding runs: in the table `runs` if it tells all that is asked, else by their roots, which are spans.

use std::sync::Arc;

use flowglass_model::{Span, conventions as names};

use super::spans::{Scope, is_replaced, walk};
use super::{Reading, Wanted, needs};
use crate::query::{Expr, Field, FoundRun, Takes};
use crate::sqlite::failure::Failure;
use crate::sqlite::runs;
use crate::{FoundSpan, RunRecord};

/// Offers the runs that match.
pub(super) fn find(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundRun>,
) -> Result<(), Failure> {
    if is_of_table(wanted.filter) { from_table(reading, wanted, taker) } else { by_roots(reading, wanted, taker) }
}

/// Says whether an expression looks only at what the table has.
fn is_of_table(filter: &Expr) -> bool {
    match filter {
        Expr::All => true,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(is_of_table),
        Expr::Not(inner) => is_of_table(inner),
        Expr::Test(test) => match &test.field {
            Field::Attribute(key) => key == names::PIPELINE_NAME,
            Field::Name | Field::Status | Field::Duration | Field::Started | Field::Ended => true,
            field => matches!(field, Field::Message | Field::Trace | Field::Span),
        },
        Expr::Text(_) | Expr::Has(_) => false,
    }
}

fn from_table(reading: &mut Reading<'_, '_>, wanted: &Wanted<'_>, taker: &mut impl Takes<FoundRun>) -> Result<(), Failure> {
    let needs = needs::of(wanted.filter, wanted.now);
    if needs.trace_id.is_some() {
        // Sketches know where a trace is, the table doesn't.
        return by_roots(reading, wanted, taker);
    }
    runs::walk(reading.connection, reading.liveness, &needs, &mut |run| {
        let found = FoundRun { root: root_of(&run), run };
        if wanted.matches(&found) {
            taker.offer(found, 0);
        }
        taker.floor()
    })
}

/// The root of a run, as far as its row tells of it.
fn root_of(run: &RunRecord) -> FoundSpan {
    let span = Span { trace_id: run.id.trace, span_id: run.root, ..Span::default() };
    FoundSpan { span, resource: Arc::default() }
}

fn by_roots(reading: &mut Reading<'_, '_>, wanted: &Wanted<'_>, taker: &mut impl Takes<FoundRun>) -> Result<(), Failure> {
    let scope = Scope::of(reading, wanted, true)?;
    walk(reading, &scope, &mut |reading, root, block| {
        if root.span.is_run_root() {
            let found = FoundRun { run: run_of(reading, &root)?, root };
            if wanted.matches(&found) && !is_replaced(reading, &found.root.span)? {
                taker.offer(found, block);
            }
        }
        Ok(taker.floor())
    })
}

fn run_of(reading: &mut Reading<'_, '_>, root: &FoundSpan) -> Result<RunRecord, Failure> {
    let counted = RunRecord::of_root(&root.span, 0, 0);
    let stored = runs::at(reading.connection, reading.liveness, counted.id, counted.start_unix_ns)?;
    Ok(stored.unwrap_or(counted))
}
