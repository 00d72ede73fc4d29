//! What a log says of an event, before it is written in one form or the other.

use flowglass_model::{Event, EventKind, Severity, Subject};

/// As what an event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A pipeline, seen from inside.
    Pipeline,
    /// A pipeline that is a node, seen from around.
    Nested,
    /// A node, a map, an item.
    Inner,
    /// An attempt that failed and is not the last.
    Attempt,
    /// Work that goes to another backend, or comes back.
    Transition,
    /// The failure itself.
    Error,
}

pub(super) struct Entry {
    pub(super) what: What,
    pub(super) severity: Severity,
    pub(super) noun: &'static str,
    pub(super) verb: &'static str,
    pub(super) mark: &'static str,
    /// The name, with the index of an item.
    pub(super) name: String,
    pub(super) seconds: Option<f64>,
    pub(super) detail: Option<String>,
}

impl Entry {
    pub(super) fn of(what: What, event: &Event<'_>) -> Self {
        let (verb, mark) = if what == What::Error { ("failed", "✗") } else { words(event) };
        Self {
            what,
            severity: severity(what),
            noun: noun(what, event),
            verb,
            mark,
            name: name(event),
            seconds: event.duration_ns().map(|_| event.duration().as_secs_f64()).filter(|_| what != What::Error),
            detail: detail(what, event),
        }
    }

    /// The message alone: `Node finished: clean`.
    pub(super) fn message(&self) -> String {
        let detail = self.detail.iter().map(|detail| format!(": {detail}")).collect::<String>();
        format!("{} {}: {}{detail}", self.noun, self.verb, self.name)
    }
}

fn severity(what: What) -> Severity {
    match what {
        What::Pipeline => Severity::INFO,
        What::Nested | What::Inner | What::Transition => Severity::DEBUG,
        What::Attempt => Severity::WARN,
        What::Error => Severity::ERROR,
    }
}

fn noun(what: What, event: &Event<'_>) -> &'static str {
    match event.site.subject {
        _ if what == What::Nested => "Nested pipeline",
        Subject::Pipeline => "Pipeline",
        Subject::Map => "Map",
        Subject::Item => "Item",
        Subject::Node | Subject::Other => "Node",
    }
}

fn words(event: &Event<'_>) -> (&'static str, &'static str) {
    match event.kind {
        EventKind::Started { .. } => ("started", "→"),
        EventKind::Finished { .. } => ("finished", "✓"),
        EventKind::Cached { .. } => ("cached", "⚡"),
        EventKind::Failed { .. } => ("failed", "✗"),
        EventKind::Retried { .. } => ("retried", "↻"),
        EventKind::Moved { .. } => ("moved", "⇄"),
        EventKind::Cancelled { .. } => ("cancelled", "◌"),
        _ => ("skipped", "◌"),
    }
}

fn name(event: &Event<'_>) -> String {
    let index = event.index.filter(|_| event.site.subject == Subject::Item);
    index.map_or_else(|| event.of().to_owned(), |index| format!("{}[{index}]", event.of()))
}

fn detail(what: What, event: &Event<'_>) -> Option<String> {
    match event.kind {
        EventKind::Failed { failure, .. } if what == What::Error => Some(failure.message.clone()),
        EventKind::Retried { attempt, delay_ns, failure } => {
            let seconds = std::time::Duration::from_nanos(delay_ns).as_secs_f64();
            Some(format!("attempt {attempt} failed, the next is in {seconds:.2}s: {}", failure.message))
        }
        EventKind::Moved { from, to, worker } => {
            let by = worker.map(|worker| format!(" (done by {worker})")).unwrap_or_default();
            Some(format!("from {from} to {to}{by}"))
        }
        _ => None,
    }
}
