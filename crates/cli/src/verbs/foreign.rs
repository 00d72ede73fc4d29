//! Traces that no pipeline is the root of, shown like runs: of other programs, or begun by a span in which runs were started.

use flowglass::model::{RunId, Span, SpanType, Status, TraceId};
use flowglass::store::query::{Condition, Expr, Field, Moment, Query, Test};
use flowglass::store::{Rows, RunRecord, Store, StoreError};

/// How many traces are looked through for one whose id begins so.
const TRACES: usize = 1000;

/// Finds the trace that began last, if there is one that began after this time, in nanoseconds since 1970 UTC.
pub(crate) fn newest(store: &dyn Store, after_unix_ns: i64) -> Result<Option<RunRecord>, StoreError> {
    let later = Moment::At(after_unix_ns.saturating_add(1));
    let root = spans(store, &roots().since(later).limit(1))?.pop();
    root.map(|root| record(store, root.trace_id)).transpose().map(Option::flatten)
}

/// Finds the trace with this id, or the only one of the last that begins so.
pub(crate) fn find(store: &dyn Store, id: &str) -> Result<Option<RunRecord>, StoreError> {
    let wanted = id.trim().to_ascii_lowercase();
    if let Ok(trace) = wanted.parse() {
        return record(store, trace);
    }
    let roots = spans(store, &roots().limit(TRACES))?;
    let mut traces: Vec<TraceId> = roots.into_iter().map(|root| root.trace_id).collect();
    traces.retain(|trace| !wanted.is_empty() && trace.to_string().starts_with(&wanted));
    traces.sort_unstable();
    traces.dedup();
    match traces.as_slice() {
        [trace] => record(store, *trace),
        _ => Ok(None),
    }
}

/// Finds the trace with exactly this id, if it began here with a span that is no run.
pub(crate) fn whole(store: &dyn Store, id: &str) -> Result<Option<RunRecord>, StoreError> {
    let Ok(trace) = id.trim().to_ascii_lowercase().parse::<TraceId>() else { return Ok(None) };
    let spans = store.trace(RunId::from(trace))?;
    let root = spans.iter().find(|span| span.parent_id.is_none() && !is_run(span));
    Ok(root.map(|root| described(root, &spans)))
}

/// Asks for the spans that have no parent.
pub(crate) fn roots() -> Query {
    let has_parent = Expr::Test(Test { field: Field::Parent, condition: Condition::Exists });
    Query::spans().and(has_parent.negated())
}

fn spans(store: &dyn Store, query: &Query) -> Result<Vec<Span>, StoreError> {
    match store.query(query)?.rows {
        Rows::Spans(found) => Ok(found.into_iter().map(|found| found.span).collect()),
        _ => Ok(Vec::new()),
    }
}

/// Returns the traces of other programs among these roots, in no order.
pub(crate) fn list(store: &dyn Store, roots: Query) -> Result<Vec<RunRecord>, StoreError> {
    let roots = spans(store, &roots)?;
    let mut traces: Vec<TraceId> = roots.iter().filter(|root| !is_run(root)).map(|root| root.trace_id).collect();
    traces.sort_unstable();
    traces.dedup();
    traces.into_iter().filter_map(|trace| record(store, trace).transpose()).collect()
}

/// Says whether a trace that begins with this span is a run.
fn is_run(root: &Span) -> bool {
    root.span_type == SpanType::Pipeline
}

/// Describes a trace as a run is described; nothing if the store has none of its spans.
fn record(store: &dyn Store, trace: TraceId) -> Result<Option<RunRecord>, StoreError> {
    let spans = store.trace(RunId::from(trace))?;
    Ok(spans.iter().min_by_key(|span| (!span.parent_id.is_none(), span.start_unix_ns)).map(|root| described(root, &spans)))
}

fn described(root: &Span, spans: &[Span]) -> RunRecord {
    let failed = spans.iter().filter(|span| span.status == Status::Error).count() as u64;
    RunRecord {
        id: RunId::from(root.trace_id),
        root: root.span_id,
        name: root.name.clone(),
        version: String::new(),
        fingerprint: None,
        status: root.status,
        start_unix_ns: root.start_unix_ns,
        duration_ns: root.duration_ns,
        span_count: spans.len() as u64,
        error_count: failed,
        nodes: 0,
        cache_hits: 0,
        failed: 0,
        saved_ms: 0.0,
        error: root.status_message.clone(),
    }
}
