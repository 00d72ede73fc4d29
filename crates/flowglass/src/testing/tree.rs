//! Spans as an indented tree, for tests to compare.

use flowglass_model::{AttributeValue, Span, SpanId, Status, TraceId};

/// Returns all spans, each on a line with its attributes, below the one that it is in. Those whose parent isn't there are
/// roots. Statuses are shown where they aren't good.
pub(super) fn text(spans: &[Span]) -> String {
    let mut text = String::new();
    let is_root = |span: &&Span| !spans.iter().any(|other| key(other) == (span.trace_id, span.parent_id));
    for root in spans.iter().filter(is_root) {
        add(&mut text, spans, root, 0);
    }
    text
}

fn add(text: &mut String, spans: &[Span], span: &Span, depth: usize) {
    text.push_str(&"  ".repeat(depth));
    text.push_str(&line(span));
    text.push('\n');
    // A circle has no end: no tree is deeper than it has spans.
    if depth < spans.len() {
        spans
            .iter()
            .filter(|child| (child.trace_id, child.parent_id) == key(span))
            .for_each(|child| add(text, spans, child, depth + 1));
    }
}

fn line(span: &Span) -> String {
    let mut line = span.name.clone();
    for (key, value) in &span.attributes {
        line.push_str(&format!(" {key}={}", shown(value)));
    }
    if span.status != Status::Ok {
        line.push_str(&format!(" ({}", span.status));
        line.push_str(if span.status_message.is_empty() { "" } else { ": " });
        line.push_str(&span.status_message);
        line.push(')');
    }
    line
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Str(text) => text.clone(),
        other => other.to_json().to_string(),
    }
}

fn key(span: &Span) -> (TraceId, SpanId) {
    (span.trace_id, span.span_id)
}
