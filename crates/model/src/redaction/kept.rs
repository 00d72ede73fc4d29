//! Kinds of records that are left out of batches.

use super::REDACTED;
use super::batch::forget_unused;
use crate::{Batch, Scalar, Sym, conventions};

/// Which kinds of records are kept. The default is all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Kept {
    /// Spans, their links, and the graphs of runs.
    pub traces: bool,
    /// Events, of spans or without one.
    pub events: bool,
    /// Metrics.
    pub metrics: bool,
    /// Log records.
    pub logs: bool,
    /// What errors say; without it, only their types are kept.
    pub error_messages: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self { traces: true, events: true, metrics: true, logs: true, error_messages: true }
    }
}

impl Kept {
    /// Says whether everything is kept.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Leaves out of a batch what isn't kept; its texts are gone from the arena, too.
    pub fn apply(&self, batch: &mut Batch) {
        if self.is_everything() {
            return;
        }
        if !self.traces {
            (batch.spans, batch.opened, batch.links) = Default::default();
            (batch.closed, batch.graphs) = Default::default();
        }
        if !self.events {
            batch.events = Default::default();
        }
        if !self.metrics {
            (batch.metrics, batch.points) = Default::default();
        }
        if !self.logs {
            batch.logs = Default::default();
        }
        if !self.error_messages {
            hide_messages(batch);
        }
        forget_unused(batch);
    }
}

fn hide_messages(batch: &mut Batch) {
    for message in batch.spans.status_message.iter_mut().chain(&mut batch.opened.status_message) {
        *message = Sym::EMPTY;
    }
    let hidden = batch.arena.push(REDACTED.as_bytes());
    let names = [conventions::EXCEPTION_MESSAGE, conventions::EXCEPTION_STACKTRACE];
    let known = (0..u32::try_from(batch.arena.len()).unwrap_or(u32::MAX)).map(Sym);
    let keys: Vec<Sym> = known.filter(|sym| names.contains(&batch.arena.text(*sym))).collect();
    for table in batch.attribute_tables_mut() {
        let values = table.keys.iter().zip(&mut table.values).filter(|(key, _)| keys.contains(key));
        values.for_each(|(_, value)| *value = Scalar::Str(hidden));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, LogRecord, Span, SpanEvent};

    fn batch() -> Batch {
        let mut builder = BatchBuilder::default();
        let exception = SpanEvent {
            name: "exception".into(),
            attributes: vec![
                (conventions::EXCEPTION_TYPE.into(), "io".into()),
                (conventions::EXCEPTION_MESSAGE.into(), "of somebody".into()),
            ],
            ..SpanEvent::default()
        };
        builder.push(&Span {
            name: "a".into(),
            status_message: "of somebody".into(),
            events: vec![exception],
            ..Span::default()
        });
        builder.push_owned_log(&LogRecord { body: "said".into(), ..LogRecord::default() });
        builder.finish()
    }

    fn texts(batch: &Batch) -> String {
        (0..batch.arena.len() as u32).map(|sym| batch.arena.text(Sym(sym)).to_owned() + " ").collect()
    }

    #[test]
    fn what_is_not_kept_is_gone_with_its_texts() {
        let mut batch = batch();
        Kept { events: false, logs: false, ..Kept::default() }.apply(&mut batch);
        assert_eq!((batch.spans.len(), batch.events.len(), batch.logs.len()), (1, 0, 0));
        assert!(!texts(&batch).contains("said") && !texts(&batch).contains("exception"));
        Kept { traces: false, metrics: false, ..Kept::default() }.apply(&mut batch);
        assert!(batch.is_empty());
    }

    #[test]
    fn errors_keep_their_types() {
        let mut batch = batch();
        Kept { error_messages: false, ..Kept::default() }.apply(&mut batch);
        assert!(!texts(&batch).contains("of somebody"));
        let exception = batch.events().next().unwrap().to_event();
        assert_eq!((exception.attributes[0].1.as_str(), exception.attributes[1].1.as_str()), (Some("io"), Some(REDACTED)));
    }
}
