//! Where spans stand in a pipeline, whichever run and item they are of.

use std::collections::BTreeMap;

use flowglass_model::{Span, SpanType, TraceId};

use crate::{Tree, facts};

/// Returns the place of each span of a tree: `outer > inner[*] > node`.
pub(super) fn paths(tree: &Tree<'_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::with_capacity(tree.len());
    for node in tree.nodes() {
        let label = label(node.span);
        paths.push(match node.parent {
            None => label,
            Some(parent) if label == "[*]" => format!("{}{label}", paths[parent]),
            Some(parent) => format!("{} > {label}", paths[parent]),
        });
    }
    paths
}

/// What a place is called, whichever item it is of.
fn label(span: &Span) -> String {
    if span.span_type == SpanType::Item { "[*]".to_owned() } else { facts::label(span).into_owned() }
}

/// Returns the spans of each trace.
pub(super) fn by_trace(spans: &[Span]) -> Vec<Vec<Span>> {
    let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span.clone());
    }
    traces.into_values().collect()
}
