//! A sink behind which secrets are hidden, for what doesn't come from a recorder of ours.

use std::sync::Arc;

use flowglass_model::{Batch, Kept, Redaction, Sink, SinkError};

use super::Config;

/// Hides secrets before a sink takes a batch.
#[derive(Debug)]
pub struct CleaningSink<S> {
    sink: S,
    redaction: Redaction,
    kept: Kept,
    longest_value: usize,
}

impl Config {
    /// Puts in front of a sink what recorders do to their batches: secrets are hidden, long values cut, kinds of records left out.
    #[must_use]
    pub fn cleaning<S: Sink>(&self, sink: S) -> CleaningSink<S> {
        let longest_value = self.limits().value_bytes;
        CleaningSink { sink, redaction: self.redaction(), kept: self.kept(), longest_value }
    }
}

impl<S> CleaningSink<S> {
    fn clean(&self, batch: &Arc<Batch>) -> Arc<Batch> {
        let mut batch = Arc::clone(batch);
        if !self.kept.is_everything() {
            self.kept.apply(Arc::make_mut(&mut batch));
        }
        self.redaction.shared_batch(batch, self.longest_value).0
    }
}

impl<S: Sink> Sink for CleaningSink<S> {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let batch = self.clean(batch);
        self.sink.write(&batch)
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        let cleaned: Vec<Arc<Batch>> = batches.iter().map(|batch| self.clean(batch)).collect();
        let mut left = &cleaned[..];
        let written = self.sink.write_all(&mut left);
        *batches = &batches[cleaned.len() - left.len()..];
        written
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, Span, SpanId, TraceId};
    use flowglass_store::{MemoryStore, SinkOptions, Store};

    use super::*;

    #[test]
    fn what_others_send_is_cleaned_on_its_way() {
        let store = MemoryStore::new();
        let mut sink = Config::new().cleaning(store.sink(SinkOptions::default()).unwrap());
        let trace_id = TraceId::random();
        let attributes = vec![("password".to_owned(), "hunter2".into())];
        let mut builder = BatchBuilder::default();
        builder.push(&Span { trace_id, span_id: SpanId::random(), attributes, ..Span::default() });
        let batches = [Arc::new(builder.finish())];
        let mut left = &batches[..];
        sink.write_all(&mut left).unwrap();
        sink.flush().unwrap();
        assert!(left.is_empty());
        let spans = store.trace(trace_id.into()).unwrap();
        assert_eq!(spans[0].attributes[0].1.as_str(), Some("[redacted]"));
    }
}
