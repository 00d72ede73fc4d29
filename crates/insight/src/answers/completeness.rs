//! Which runs lack a stage that they should have passed.

use std::collections::{BTreeMap, HashSet};

use flowglass_model::{Span, TraceId};
use serde::Serialize;

/// A trace that lacks something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incomplete {
    /// The trace.
    pub trace_id: TraceId,
    /// What it lacks, in the order in which it was expected.
    pub missing: Vec<String>,
}

/// Returns the traces among these spans that lack one of the expected stages, by their ids. A stage is a span or an event: one with
/// this name, or that of a node without the word `node` before it. Events that belong to no span stand in `events`, each with its
/// trace; those of traces without a span don't count.
#[must_use]
pub fn incomplete<'a>(
    spans: &'a [Span],
    events: impl IntoIterator<Item = (TraceId, &'a str)>,
    expected: &[String],
) -> Vec<Incomplete> {
    let mut seen: BTreeMap<TraceId, HashSet<&str>> = BTreeMap::new();
    for span in spans {
        let stages = seen.entry(span.trace_id).or_default();
        stages.insert(&span.name);
        stages.extend(span.name.split_once(' ').map(|(_, name)| name));
        stages.extend(span.events.iter().map(|event| event.name.as_str()));
    }
    for (trace_id, name) in events {
        if let Some(stages) = seen.get_mut(&trace_id) {
            stages.insert(name);
        }
    }
    let lacks = |(trace_id, stages): (TraceId, HashSet<&str>)| {
        let missing: Vec<String> = expected.iter().filter(|stage| !stages.contains(stage.as_str())).cloned().collect();
        (!missing.is_empty()).then_some(Incomplete { trace_id, missing })
    };
    seen.into_iter().filter_map(lacks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowglass_model::SpanEvent;

    #[test]
    fn spans_nodes_and_events_are_stages() {
        let span = |trace: u8, name: &str, events: &[&str]| Span {
            trace_id: TraceId::from_bytes([trace; 16]),
            name: name.into(),
            events: events.iter().map(|name| SpanEvent { name: (*name).into(), ..SpanEvent::default() }).collect(),
            ..Span::default()
        };
        let spans = [span(1, "node load", &["loaded"]), span(1, "report", &[]), span(2, "node load", &[])];
        let expected = ["load", "loaded", "report"].map(str::to_owned);
        let found = incomplete(&spans, [], &expected);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].trace_id.to_bytes()[0], found[0].missing.join(" ")), (2, "loaded report".to_owned()));
        let trace = |number: u8| TraceId::from_bytes([number; 16]);
        let free = [(trace(2), "loaded"), (trace(3), "report")];
        assert_eq!(incomplete(&spans, free, &expected)[0].missing, ["report"], "events without a span count, too");
        assert_eq!(incomplete(&spans, [], &[]), []);
    }
}
