//! Forgetting: what a policy names goes as a whole, and all else stays.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{BatchBuilder, LogRecord, Resource, Span, SpanId, SpanType, Status, TraceId, WriterId};

use super::lifecycle::root;
use super::{expect, told};
use crate::query::{Now, Query};
use crate::{RetentionPolicy, Rows, SinkOptions, Store};

const DAY: Duration = Duration::from_secs(86_400);

/// Writes runs, each with a node and a log: some of long ago, the last of now, and a log of long ago that belongs to none.
fn fill(store: &dyn Store, statuses: &[Status]) -> Result<(), String> {
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let mut builder = BatchBuilder::new(WriterId::from_bytes([1; 16]), 1, Arc::new(Resource::default()));
    for (number, status) in (1..).zip(statuses) {
        let span = root(number, *status);
        let now = number as usize == statuses.len();
        let start_unix_ns = if now { Now::system().0 } else { span.start_unix_ns };
        let top = Span { start_unix_ns, ..span };
        let (span_id, parent_id) = (SpanId::from_u64(2), top.span_id);
        let node = Span { span_id, parent_id, span_type: SpanType::Node, name: "node clean".into(), ..top.clone() };
        let log = LogRecord { unix_ns: start_unix_ns, trace_id: top.trace_id, body: "said".into(), ..LogRecord::default() };
        [&node, &top].into_iter().for_each(|span| builder.push(span));
        builder.push_owned_log(&log);
    }
    let unix_ns = root(1, Status::Ok).start_unix_ns;
    builder.push_owned_log(&LogRecord { observed_unix_ns: unix_ns, body: "free".into(), ..LogRecord::default() });
    sink.write(&Arc::new(builder.finish())).map_err(|error| error.to_string())
}

/// Returns how many runs, spans and logs there are.
fn counts(store: &dyn Store) -> Result<[u64; 3], String> {
    let count = |query: Query| store.count(&query).map_err(told);
    Ok([count(Query::runs())?, count(Query::spans())?, count(Query::logs())?])
}

fn runs(store: &dyn Store) -> Result<Vec<TraceId>, String> {
    match store.query(&Query::runs()).map_err(told)?.rows {
        Rows::Runs(runs) => Ok(runs.into_iter().map(|run| run.id.trace).collect()),
        other => Err(format!("asked for runs, got {other:?}")),
    }
}

pub(super) fn by_policy(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let (ok, failed) = (Status::Ok, Status::Error);
    let age = RetentionPolicy { max_age: Some(DAY), ..RetentionPolicy::default() };
    let policies = [
        ("no limit", RetentionPolicy::default(), [4, 8, 5]),
        ("an age", age.clone(), [1, 2, 1]),
        ("an age of those that went well", RetentionPolicy { statuses: vec![ok], ..age.clone() }, [2, 4, 3]),
        ("an age, but for the last three", RetentionPolicy { keep_last: Some(3), ..age.clone() }, [3, 6, 3]),
        ("a number", RetentionPolicy { keep_last: Some(2), ..RetentionPolicy::default() }, [2, 4, 3]),
        ("a size", RetentionPolicy { max_size_bytes: Some(u64::MAX), ..RetentionPolicy::default() }, [4, 8, 5]),
    ];
    for (name, policy, wanted) in policies {
        let store = make();
        if !store.capabilities().retention {
            return Ok(());
        }
        fill(&*store, &[ok, failed, ok, ok])?;
        let before = counts(&*store)?;
        expect("what there is", &before, &[4, 8, 5])?;
        let preview = store.preview_retain(&policy).map_err(told)?;
        expect(&format!("after the preview of {name}"), &counts(&*store)?, &before)?;
        let forgotten = store.retain(&policy).map_err(told)?;
        expect(&format!("after {name}"), &counts(&*store)?, &wanted)?;
        expect(&format!("what {name} forgets"), &(forgotten.runs, forgotten.spans), &(4 - wanted[0], 8 - wanted[1]))?;
        expect(&format!("what {name} would forget"), &preview.runs, &forgotten.runs)?;
        expect(&format!("the newest after {name}"), &runs(&*store)?.first().copied(), &Some(root(4, ok).trace_id))?;
        expect(&format!("{name} once more"), &store.retain(&policy).map_err(told)?.runs, &0)?;
    }
    Ok(())
}

/// A sink with a policy lets the store forget, at the latest when it ends.
pub(super) fn by_itself(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    if !store.capabilities().retention {
        return Ok(());
    }
    fill(&*store, &[Status::Ok, Status::Error, Status::Ok])?;
    let retention = Some(RetentionPolicy { max_age: Some(DAY), ..RetentionPolicy::default() });
    let mut sink = store.sink(SinkOptions { retention, ..SinkOptions::default() }).map_err(told)?;
    let span = Span { start_unix_ns: Now::system().0, ..root(9, Status::Ok) };
    let mut builder = BatchBuilder::new(WriterId::from_bytes([9; 16]), 1, Arc::new(Resource::default()));
    builder.push(&span);
    sink.write(&Arc::new(builder.finish())).map_err(|error| error.to_string())?;
    drop(sink);
    expect("what is left", &counts(&*store)?, &[2, 3, 1])
}

/// What still runs stays, however old it is.
pub(super) fn running(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    if !store.capabilities().retention {
        return Ok(());
    }
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let mut builder = BatchBuilder::new(WriterId::from_bytes([1; 16]), 1, Arc::new(Resource::default()));
    let top = root(1, Status::Running);
    let node = Span { span_id: SpanId::from_u64(2), parent_id: top.span_id, ..root(1, Status::Ok) };
    [&top, &Span { span_type: SpanType::Node, ..node }].into_iter().for_each(|span| builder.push(span));
    sink.write(&Arc::new(builder.finish())).map_err(|error| error.to_string())?;
    let forgotten = store.retain(&RetentionPolicy { max_age: Some(DAY), ..RetentionPolicy::default() }).map_err(told)?;
    expect("runs that were forgotten", &forgotten.runs, &0)?;
    expect("what is left of it", &store.trace(top.trace_id.into()).map_err(told)?.len(), &2)
}
