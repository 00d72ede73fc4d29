//! What the sink has seen of the graphs' spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use flowglass_model::{Batch, Sink, SinkError, SpanRef, Status};

/// Looks at every span: nodes have a name, a parent and an end that is no earlier than their start.
#[derive(Debug, Clone, Default)]
pub(super) struct SpanCheck(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    spans: AtomicUsize,
    wrong: AtomicUsize,
}

impl Sink for SpanCheck {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let ended = batch.spans().filter(|span| span.row().status != Status::Running);
        let (mut spans, mut wrong) = (0, 0);
        for span in ended {
            spans += 1;
            wrong += usize::from(!is_right(&span));
        }
        self.0.spans.fetch_add(spans, Relaxed);
        self.0.wrong.fetch_add(wrong, Relaxed);
        Ok(())
    }
}

impl SpanCheck {
    /// Says what is wrong, if anything is, after so many spans.
    pub(super) fn result(&self, expected: usize) -> Result<(), String> {
        let (spans, wrong) = (self.0.spans.load(Relaxed), self.0.wrong.load(Relaxed));
        if spans == expected && wrong == 0 {
            Ok(())
        } else {
            Err(format!("{spans} of {expected} spans arrived, {wrong} wrong"))
        }
    }
}

fn is_right(span: &SpanRef<'_>) -> bool {
    let row = span.row();
    let is_root = span.name().starts_with("pipeline ") && row.parent_id.is_none();
    let is_node = span.name().starts_with("node ") && !row.parent_id.is_none();
    (is_root || is_node) && row.status == Status::Ok
}
