//! Runs that are a part of a trace: inside of a span that was opened by hand, side by side, and inside of each other.

use std::sync::Arc;

use flowglass_model::{RunId, Span, SpanId, SpanType, Status, TraceId, flags};

use super::lifecycle::{Teller, root};
use super::{expect, told};
use crate::query::Query;
use crate::{Rows, Store};

/// A span that was opened by hand and two runs in it, of whose first a node has started a third.
const REQUEST: u64 = 1;
const FIRST: u64 = 10;
const STARTER: u64 = 11;
const SECOND: u64 = 20;
const THIRD: u64 = 30;

fn span(id: u64, parent: u64, span_type: SpanType, status: Status) -> Span {
    let begins = span_type == SpanType::Pipeline && parent != 0;
    Span {
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(parent),
        span_type,
        name: format!("{} {id}", span_type.as_str()),
        flags: if begins { flags::SAMPLED | flags::IS_RUN_ROOT } else { flags::SAMPLED },
        start_unix_ns: root(1, status).start_unix_ns + i64::try_from(id).unwrap_or_default(),
        ..root(1, status)
    }
}

fn node(id: u64, parent: u64) -> Span {
    span(id, parent, SpanType::Node, Status::Ok)
}

fn run(id: u64, parent: u64, status: Status) -> Span {
    span(id, parent, SpanType::Pipeline, status)
}

fn id_of(id: u64) -> RunId {
    RunId { trace: root(1, Status::Ok).trace_id, joined_at: SpanId::from_u64(id) }
}

/// Tells of the trace as a recorder does: of what is open first, and of children before their parents.
fn tell(store: &dyn Store) -> Result<(), String> {
    let mut teller = Teller::new(store, 1)?;
    let request = span(REQUEST, 0, SpanType::Custom, Status::Ok);
    let starter = node(STARTER, FIRST);
    let running = |span: &Span| Span { status: Status::Running, ..span.clone() };
    let first = run(FIRST, REQUEST, Status::Error);
    teller.tell(&[running(&request), running(&first), running(&starter)], &[])?;
    teller.tell(&[node(31, THIRD), run(THIRD, STARTER, Status::Ok)], &[])?;
    let failed = span(12, FIRST, SpanType::Node, Status::Error);
    teller.tell(&[starter.clone(), failed], &[&starter])?;
    teller.tell(&[first.clone(), node(21, SECOND), run(SECOND, REQUEST, Status::Ok)], &[&first])?;
    teller.tell(std::slice::from_ref(&request), &[&request])
}

pub(super) fn in_a_span(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    tell(&*store)?;
    for (run, spans, errors) in [(FIRST, vec![10, 11, 12, 30, 31], 2), (SECOND, vec![20, 21], 0), (THIRD, vec![30, 31], 0)] {
        let found = store.find_run(&id_of(run).to_string()).map_err(told)?;
        let counts = (found.id, found.span_count, found.error_count);
        expect("what is in a run", &counts, &(id_of(run), spans.len() as u64, errors))?;
        expect("the spans of a run", &ids(&*store, id_of(run))?, &spans)?;
    }
    let whole = [REQUEST, FIRST, STARTER, 12, SECOND, 21, THIRD, 31];
    expect("the whole trace", &ids(&*store, id_of(0).trace.into())?, &whole.to_vec())?;
    expect("the runs", &runs(&*store)?, &vec![id_of(THIRD), id_of(SECOND), id_of(FIRST)])
}

pub(super) fn in_a_run(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut teller = Teller::new(&*store, 1)?;
    let starter = node(STARTER, FIRST);
    teller.tell(&[node(31, THIRD), run(THIRD, STARTER, Status::Error), starter, run(FIRST, 0, Status::Ok)], &[])?;
    let trace: TraceId = id_of(0).trace;
    expect("the runs", &runs(&*store)?, &vec![id_of(THIRD), trace.into()])?;
    let counts = |id: RunId| store.find_run(&id.to_string()).map(|run| (run.span_count, run.error_count)).map_err(told);
    expect("what is in the run around", &counts(trace.into())?, &(4, 1))?;
    expect("what is in the run inside", &counts(id_of(THIRD))?, &(2, 1))
}

fn ids(store: &dyn Store, run: RunId) -> Result<Vec<u64>, String> {
    Ok(store.trace(run).map_err(told)?.iter().map(|span| span.span_id.to_u64()).collect())
}

fn runs(store: &dyn Store) -> Result<Vec<RunId>, String> {
    match store.query(&Query::runs()).map_err(told)?.rows {
        Rows::Runs(runs) => Ok(runs.into_iter().map(|run| run.id).collect()),
        other => Err(format!("asked for runs, got {other:?}")),
    }
}
