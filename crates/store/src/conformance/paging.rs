//! Pages of an answer while other threads write: what was there at first is there once.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use flowglass_model::{Span, SpanId, Status, TraceId};

use super::lifecycle::{Teller, root};
use super::{Recording, expect, told};
use crate::query::{Query, Sort};
use crate::{Rows, SinkOptions, Store};

const BEFORE: u64 = 60;

pub(super) fn while_writing(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut teller = Teller::new(&*store, 1)?;
    let early = |id: u64| Span { span_id: SpanId::from_u64(id), name: "early".into(), ..root(1, Status::Ok) };
    (0..BEFORE).try_for_each(|id| teller.tell(&[early(id + 1)], &[]))?;
    thread::scope(|scope| {
        let writers: Vec<_> = [1, 2]
            .map(|seed| {
                let store = &*store;
                scope.spawn(move || write(store, seed))
            })
            .into();
        for sort in ["started", "-started", "-duration", "name"] {
            let query = Query::spans().sort(Sort::named(sort).unwrap_or_default()).limit(40);
            let found = walk(&*store, query)?;
            let known: HashSet<_> = found.iter().collect();
            expect("spans that came twice", &(found.len() - known.len()), &0)?;
            let early = found.iter().filter(|(trace, ..)| *trace == root(1, Status::Ok).trace_id).count() as u64;
            expect(&format!("spans that were there before, of {} by {sort}", found.len()), &early, &BEFORE)?;
        }
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".to_owned())))
    })
}

fn write(store: &dyn Store, seed: u64) -> Result<(), String> {
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let mut recording = Recording::new(seed);
    (0..15).try_for_each(|_| sink.write(&recording.batch(20)).map_err(|error| error.to_string()))
}

fn walk(store: &dyn Store, mut query: Query) -> Result<Vec<(TraceId, SpanId, i64)>, String> {
    let mut found = Vec::new();
    loop {
        let page = store.query(&query).map_err(told)?;
        let Rows::Spans(spans) = page.rows else { return Err("asked for spans, got something else".to_owned()) };
        found.extend(spans.into_iter().map(|found| (found.span.trace_id, found.span.span_id, found.span.start_unix_ns)));
        query.after = page.next;
        if query.after.is_none() {
            return Ok(found);
        }
    }
}
