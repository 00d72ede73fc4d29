//! What becomes of a span from its start to its end, and when there is none.

use std::sync::Arc;

use flowglass_model::{BatchBuilder, Resource, Sink, Span, SpanId, SpanType, Status, TraceId, WriterId};

use super::{expect, told};
use crate::query::Query;
use crate::{RetentionPolicy, Rows, SinkOptions, Store, StoreErrorKind};

/// One writer that tells of spans by hand.
pub(super) struct Teller {
    writer: WriterId,
    sequence: u64,
    sink: Box<dyn Sink>,
}

impl Teller {
    pub(super) fn new(store: &dyn Store, number: u8) -> Result<Self, String> {
        let sink = store.sink(SinkOptions::default()).map_err(told)?;
        Ok(Self { writer: WriterId::from_bytes([number; 16]), sequence: 0, sink })
    }

    /// Tells of spans: those that run are open from now on, of those in `closed` others told before.
    pub(super) fn tell(&mut self, spans: &[Span], closed: &[&Span]) -> Result<(), String> {
        self.sequence += 1;
        let mut builder = BatchBuilder::new(self.writer, self.sequence, Arc::new(Resource::default()));
        spans.iter().for_each(|span| builder.push(span));
        builder.batch_mut().closed = closed.iter().map(|span| (span.trace_id, span.span_id)).collect();
        self.sink.write(&Arc::new(builder.finish())).map_err(|error| format!("the sink failed: {error}"))
    }
}

pub(super) fn root(number: u8, status: Status) -> Span {
    Span {
        trace_id: TraceId::from_bytes([number; 16]),
        span_id: SpanId::from_u64(1),
        name: "pipeline demo".into(),
        span_type: SpanType::Pipeline,
        status,
        start_unix_ns: 1_700_000_000_000_000_000 + i64::from(number),
        duration_ns: 10,
        ..Span::default()
    }
}

fn statuses(store: &dyn Store, query: &Query) -> Result<Vec<Status>, String> {
    match store.query(query).map_err(told)?.rows {
        Rows::Runs(runs) => Ok(runs.into_iter().map(|run| run.status).collect()),
        Rows::Spans(spans) => Ok(spans.into_iter().map(|found| found.span.status).collect()),
        other => Err(format!("asked for runs or spans, got {other:?}")),
    }
}

pub(super) fn open_spans(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut teller = Teller::new(&*store, 1)?;
    teller.tell(&[root(1, Status::Running), root(2, Status::Running)], &[])?;
    let both = |of: Query| statuses(&*store, &of);
    for of in [Query::runs, Query::spans] {
        expect("what runs", &both(of())?, &vec![Status::Running; 2])?;
        expect("what is asked for as running", &both(of().status(Status::Running))?.len(), &2)?;
    }
    teller.tell(&[root(1, Status::Ok)], &[&root(1, Status::Ok)])?;
    expect("one that ended", &both(Query::spans())?, &vec![Status::Running, Status::Ok])?;
    let whole = store.trace(root(2, Status::Ok).trace_id.into()).map_err(told)?;
    expect("a trace that runs", &whole.iter().map(|span| span.status).collect(), &vec![Status::Running])?;
    drop(teller);
    for of in [Query::runs, Query::spans] {
        expect("what was left open", &both(of())?, &vec![Status::Interrupted, Status::Ok])?;
        expect("what is asked for as interrupted", &both(of().status(Status::Interrupted))?.len(), &1)?;
    }
    Ok(())
}

pub(super) fn replacement(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut teller = Teller::new(&*store, 1)?;
    let ended = Span { duration_ns: 99, ..root(1, Status::Ok) };
    teller.tell(&[root(1, Status::Interrupted)], &[])?;
    expect("the news of a death", &statuses(&*store, &Query::runs())?, &vec![Status::Interrupted])?;
    teller.tell(std::slice::from_ref(&ended), &[])?;
    teller.tell(&[root(1, Status::Interrupted)], &[])?;
    teller.tell(std::slice::from_ref(&ended), &[])?;
    for of in [Query::runs, Query::spans] {
        expect("what is known for certain", &statuses(&*store, &of())?, &vec![Status::Ok])?;
        expect("what is no longer so", &statuses(&*store, &of().status(Status::Interrupted))?, &Vec::new())?;
    }
    expect("the trace", &store.trace(ended.trace_id.into()).map_err(told)?, &vec![ended])
}

pub(super) fn honest(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    if store.location().is_empty() {
        return Err("the store doesn't say where it is".to_owned());
    }
    let retained = store.retain(&RetentionPolicy::default()).map_err(|error| error.kind());
    let wanted = if store.capabilities().retention { Ok(()) } else { Err(StoreErrorKind::Unsupported) };
    expect("to forget nothing", &retained.map(|_| ()), &wanted)
}
