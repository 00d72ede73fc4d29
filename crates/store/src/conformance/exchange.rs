//! What comes out of a store makes another that gives the same answers, and nothing is taken in twice.

use std::sync::Arc;

use flowglass_model::{Batch, SpanId, Status, TraceId};

use super::{Recording, expect, told};
use crate::query::{Query, Select};
use crate::{
    ImportTimes, Imported, MemoryStore, Rows, Selection, SinkOptions, SqlAnswer, SqlQuestion, SqlValue, Store, StoreErrorKind,
};

pub(super) fn there_and_back(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    fill(&*store)?;
    if !store.capabilities().export {
        let refused = store.export(&Selection::default()).map(|_| ()).map_err(|error| error.kind());
        return expect("an export", &refused, &Err(StoreErrorKind::Unsupported));
    }
    let (batches, copy) = (exported(&*store, &Selection::default())?, MemoryStore::new());
    expect("what was known to an empty store", &imported(&copy, &batches)?.known.total(), &0)?;
    for select in [Select::Events, Select::Logs, Select::Metrics] {
        expect(select.as_str(), &rows(&copy, select)?, &rows(&*store, select)?)?;
    }
    expect("spans", &traces(&copy)?, &traces(&*store)?)?;
    expect("what is added a second time", &imported(&*store, &batches)?.added.total(), &0)?;
    one_trace(&*store)
}

/// Writes all but what is interrupted at first and ends after all: that has another record in every store.
fn fill(store: &dyn Store) -> Result<(), String> {
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let mut recording = Recording::new(5);
    (0..8).try_for_each(|_| sink.write(&recording.batch(20)).map_err(|error| error.to_string()))
}

fn exported(store: &dyn Store, selection: &Selection) -> Result<Vec<Batch>, String> {
    store.export(selection).map_err(told)?.collect::<Result<_, _>>().map_err(told)
}

fn imported(store: &dyn Store, batches: &[Batch]) -> Result<Imported, String> {
    let mut times = ImportTimes::default();
    batches.iter().for_each(|batch| times.look(batch));
    let mut importer = store.import(times).map_err(told)?;
    batches.iter().try_for_each(|batch| importer.add(batch)).map_err(told)?;
    Ok(importer.finish())
}

fn rows(store: &dyn Store, select: Select) -> Result<Rows, String> {
    Ok(store.query(&Query::new(select).limit(usize::MAX)).map_err(told)?.rows)
}

/// Every span by its trace, as it stands once nobody is alive who could end it.
fn traces(store: &dyn Store) -> Result<Vec<(TraceId, SpanId, String, Status)>, String> {
    let Rows::Spans(spans) = rows(store, Select::Spans)? else { return Err("asked for spans".to_owned()) };
    let settled = |status| if status == Status::Running { Status::Interrupted } else { status };
    let told = |span: flowglass_model::Span| (span.trace_id, span.span_id, span.name, settled(span.status));
    let mut spans: Vec<_> = spans.into_iter().map(|found| told(found.span)).collect();
    spans.sort_unstable();
    Ok(spans)
}

fn one_trace(store: &dyn Store) -> Result<(), String> {
    let Some((trace, ..)) = traces(store)?.pop() else { return Err("nothing was written".to_owned()) };
    let part = exported(store, &Selection { traces: Some(vec![trace]), ..Selection::default() })?;
    let found: u64 = part.iter().map(|batch| (batch.spans.len() + batch.opened.len()) as u64).sum();
    let wanted = store.count(&Query::spans().trace(trace)).map_err(told)?;
    expect("the spans of one trace", &found, &wanted)?;
    let strange = part.iter().flat_map(|batch| &batch.spans.trace_id).filter(|other| **other != trace).count();
    expect("spans of other traces", &strange, &0)
}

pub(super) fn sql(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    fill(&*store)?;
    let ask = |statement: &str| {
        let mut answer = SqlAnswer::default();
        store.answer_sql(&SqlQuestion::new(statement), &mut answer).map(|()| answer).map_err(|error| error.kind())
    };
    if !store.capabilities().sql {
        return expect("SQL", &ask("SELECT 1").map(|_| ()), &Err(StoreErrorKind::Unsupported));
    }
    for (table, select) in [("runs", Select::Runs), ("spans", Select::Spans), ("logs", Select::Logs)] {
        let answer = ask(&format!("SELECT count(*) AS found FROM {table}")).map_err(|kind| format!("{table}: {kind:?}"))?;
        let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
        let count = store.count(&Query::new(select)).map_err(told)?;
        let wanted = vec![vec![SqlValue::Int(i64::try_from(count).unwrap_or(i64::MAX))]];
        expect(&format!("rows of {table}"), &(names, answer.rows), &(vec!["found"], wanted))?;
    }
    for writing in ["DELETE FROM spans", "DROP TABLE runs", "SELECT nothing FROM nowhere", "", "SELECT 1; SELECT 2"] {
        expect(&format!("`{writing}`"), &ask(writing).map(|_| ()), &Err(StoreErrorKind::Sql))?;
    }
    Ok(())
}
