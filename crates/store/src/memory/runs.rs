//! Runs, from the spans in memory.

use std::collections::{HashMap, HashSet};

use flowglass_model::{Span, SpanId, Status, TraceId};

use super::held::Held;
use crate::query::FoundRun;
use crate::{FoundSpan, RunRecord};

/// Returns all runs, each with its root and the root's events.
pub(super) fn all(held: &Held) -> impl Iterator<Item = FoundRun> {
    let traces = Traces::of(held);
    let mut events: HashMap<(TraceId, SpanId), Vec<_>> = HashMap::new();
    for event in held.batches.iter().flat_map(|batch| batch.events()).filter(|event| traces.roots.contains(&event.owner())) {
        events.entry(event.owner()).or_default().push(event.to_event());
    }
    held.spans().filter(|found| found.span.is_run_root()).map(move |mut root| {
        root.span.events = events.get(&(root.span.trace_id, root.span.span_id)).cloned().unwrap_or_default();
        FoundRun { run: traces.run(&root), root }
    })
}

/// The ended spans of each trace that has a run.
struct Traces {
    roots: HashSet<(TraceId, SpanId)>,
    /// Each span's parent, and whether it failed.
    ended: HashMap<TraceId, HashMap<SpanId, (SpanId, bool)>>,
}

impl Traces {
    fn of(held: &Held) -> Self {
        let mut traces = Self { roots: HashSet::new(), ended: HashMap::new() };
        for FoundSpan { span, .. } in held.spans() {
            if span.is_run_root() {
                traces.roots.insert((span.trace_id, span.span_id));
            }
            if span.status.is_final() {
                let of_trace = traces.ended.entry(span.trace_id).or_default();
                of_trace.insert(span.span_id, (span.parent_id, span.status == Status::Error));
            }
        }
        traces
    }

    fn run(&self, root: &FoundSpan) -> RunRecord {
        let nothing = HashMap::new();
        let ended = self.ended.get(&root.span.trace_id).unwrap_or(&nothing);
        let is_within = |span: SpanId| root.span.parent_id.is_none() || is_below(ended, span, &root.span);
        let within: Vec<bool> = ended.iter().filter(|(span, _)| is_within(**span)).map(|(_, (_, failed))| *failed).collect();
        let errors = within.iter().filter(|failed| **failed).count();
        RunRecord::of_root(&root.span, within.len() as u64, errors as u64)
    }
}

/// Says whether a span is a root or somewhere below it.
fn is_below(parents: &HashMap<SpanId, (SpanId, bool)>, span: SpanId, root: &Span) -> bool {
    let mut at = span;
    // Parents in a circle end here.
    for _ in 0..=parents.len() {
        match parents.get(&at) {
            _ if at == root.span_id => return true,
            Some((parent, _)) => at = *parent,
            None => return false,
        }
    }
    false
}
