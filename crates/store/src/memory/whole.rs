//! The whole of a trace, from memory.

use std::collections::HashMap;

use flowglass_model::{RunId, Span, SpanId, keep_below};

use super::held::Held;
use crate::query::certainty;

/// Returns the spans of a run with their events and links, sorted by start and span id.
pub(super) fn trace(held: &Held, run: RunId) -> Vec<Span> {
    let mut spans: HashMap<SpanId, Span> = HashMap::new();
    for found in held.spans().filter(|found| found.span.trace_id == run.trace) {
        let known = spans.get(&found.span.span_id).map(|known| certainty(known.status));
        if known.is_none_or(|known| known <= certainty(found.span.status)) {
            spans.insert(found.span.span_id, found.span);
        }
    }
    add_events_and_links(held, run, &mut spans);
    let mut spans: Vec<Span> = spans.into_values().collect();
    if let Some(root) = run.joined_at.some() {
        keep_below(root, &mut spans);
    }
    spans.iter_mut().for_each(|span| span.events.sort_by_key(|event| event.unix_ns));
    spans.sort_unstable_by_key(|span| (span.start_unix_ns, span.span_id));
    spans
}

fn add_events_and_links(held: &Held, run: RunId, spans: &mut HashMap<SpanId, Span>) {
    for batch in &held.batches {
        for event in batch.events().filter(|event| event.owner().0 == run.trace) {
            if let Some(span) = spans.get_mut(&event.owner().1) {
                span.events.push(event.to_event());
            }
        }
        for link in batch.links().filter(|link| link.row().trace_id == run.trace) {
            let span = spans.get_mut(&link.row().span_id);
            // A link that was sent twice is there once.
            if let Some(span) = span.filter(|span| !span.links.contains(&link.to_link())) {
                span.links.push(link.to_link());
            }
        }
    }
}
