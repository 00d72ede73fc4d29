//! What was written comes back, with all that belongs to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flowglass_model::{Batch, RunId, Span, SpanId, Status, TraceId};

use super::{Recording, expect, told};
use crate::query::{Query, Select};
use crate::{RollupFilter, SinkOptions, Store};

pub(super) fn empty(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    for &select in Select::ALL {
        let page = store.query(&Query::new(select)).map_err(told)?;
        expect("rows", &(page.rows.len(), page.next), &(0, None))?;
        expect("a count", &store.count(&Query::new(select)).map_err(told)?, &0)?;
    }
    expect("a trace", &store.trace(TraceId::from_bytes([1; 16]).into()).map_err(told)?, &Vec::new())?;
    expect("roll-ups", &store.rollups(&RollupFilter::default()).map_err(told)?, &Vec::new())
}

pub(super) fn comes_back_equal(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let (mut recording, mut wanted) = (Recording::new(7), Wanted::default());
    for _ in 0..12 {
        let batch = recording.batch(30);
        sink.write(&batch).map_err(|error| error.to_string())?;
        wanted.take(&batch);
    }
    for (trace, spans) in wanted.finish() {
        expect("a trace", &store.trace(RunId::from(trace)).map_err(told)?, &spans)?;
    }
    Ok(())
}

/// Spans as they should come back, put together in the plainest way.
#[derive(Default)]
struct Wanted {
    spans: HashMap<(TraceId, SpanId), Span>,
    events: Vec<((TraceId, SpanId), flowglass_model::SpanEvent)>,
    links: Vec<((TraceId, SpanId), flowglass_model::SpanLink)>,
}

impl Wanted {
    fn take(&mut self, batch: &Batch) {
        for span in batch.spans().chain(batch.opened()).map(|span| span.to_span()) {
            self.spans.insert((span.trace_id, span.span_id), span);
        }
        self.events.extend(batch.events().map(|event| (event.owner(), event.to_event())));
        self.links.extend(batch.links().map(|link| ((link.row().trace_id, link.row().span_id), link.to_link())));
    }

    fn finish(mut self) -> BTreeMap<TraceId, Vec<Span>> {
        self.events.sort_by_key(|(_, event)| event.unix_ns);
        for (owner, event) in self.events {
            self.spans.entry(owner).and_modify(|span| span.events.push(event));
        }
        for (owner, link) in self.links {
            self.spans.entry(owner).and_modify(|span| span.links.push(link));
        }
        let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        for ((trace, _), span) in self.spans {
            traces.entry(trace).or_default().push(span);
        }
        for spans in traces.values_mut() {
            spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
            debug_assert!(spans.iter().all(|span| span.status != Status::Skipped), "no recording skips");
        }
        traces
    }
}
