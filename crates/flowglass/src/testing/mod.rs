//! For tests: a recorder whose telemetry stays in memory, and assertions on spans, events, logs and metrics.
//!
//! Each [`TestRecorder`] is its own: tests that have one each run in parallel.
//!
//! ```
//! use flowglass::testing::TestRecorder;
//!
//! fn import(recorder: &flowglass::Recorder) {
//!     let _import = recorder.root_span("import");
//!     flowglass::span("parse").attr("rows", 3).event("header skipped", &[]);
//! }
//!
//! let telemetry = TestRecorder::new();
//! import(telemetry.recorder());
//! telemetry.span("parse").has("rows", 3).has_event("header skipped").is_inside("import").is_ok();
//! assert_eq!(telemetry.tree(), "import\n  parse rows=3\n");
//! ```

mod span_check;
mod tree;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowglass_model::{
    AttributeValue, Batch, LogRecord, Metric, MetricPoint, MetricValue, Resource, Sink, SinkError, Span, SpanEvent,
};
use flowglass_record::{Recorder, RecorderBuilder};
pub use span_check::SpanCheck;

/// How long a test waits for its own recorder.
const PATIENCE: Duration = Duration::from_secs(60);

/// A recorder whose telemetry stays in memory, to be looked into.
#[derive(Debug, Clone)]
pub struct TestRecorder {
    recorder: Recorder,
    taken: Taken,
}

impl Default for TestRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl TestRecorder {
    /// Makes a recorder of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::from_builder(Recorder::builder())
    }

    /// Makes a recorder that is set up in this way. It needs no sink.
    #[must_use]
    pub fn from_builder(builder: RecorderBuilder) -> Self {
        let taken = Taken::default();
        // Only what a test asks for is passed on: nothing depends on time.
        let recorder = builder.export_interval(Duration::from_secs(3600)).resource(Resource::default());
        Self { recorder: recorder.sink("test", taken.clone()).build(), taken }
    }

    /// Returns the recorder, for the code under test.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Returns all spans that have ended, with their events and links, in order of their start.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let batches = self.batches();
        let mut spans: Vec<Span> =
            batches.iter().flat_map(|batch| batch.spans().map(|span| span.to_span()).collect::<Vec<_>>()).collect();
        for span in &mut spans {
            let owner = (span.trace_id, span.span_id);
            span.events = events_of(&batches, |found| found == owner);
            let links = batches.iter().flat_map(|batch| {
                batch.links().filter(|link| (link.row().trace_id, link.row().span_id) == owner).collect::<Vec<_>>()
            });
            span.links = links.map(|link| link.to_link()).collect();
        }
        // A parent starts no later than its children, and ends no earlier.
        spans.sort_by_key(|span| (span.start_unix_ns, std::cmp::Reverse(span.end_unix_ns())));
        spans
    }

    /// Returns the span of this name, to be checked.
    ///
    /// # Panics
    /// If there is none, or more than one; the message shows all spans.
    #[must_use]
    #[track_caller]
    pub fn span(&self, name: &str) -> SpanCheck {
        let spans = self.spans();
        let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
        let [span] = found[..] else {
            panic!("{} spans are called `{name}`, of these:\n{}", found.len(), tree::text(&spans));
        };
        SpanCheck::new(span.clone(), &spans)
    }

    /// Returns the events that belong to no span.
    #[must_use]
    pub fn loose_events(&self) -> Vec<SpanEvent> {
        events_of(&self.batches(), |(_, span)| span.is_none())
    }

    /// Returns the log records, in order of time.
    #[must_use]
    pub fn logs(&self) -> Vec<LogRecord> {
        let batches = self.batches();
        let mut logs: Vec<LogRecord> =
            batches.iter().flat_map(|batch| batch.logs().map(|log| log.to_log()).collect::<Vec<_>>()).collect();
        logs.sort_by_key(|log| log.unix_ns);
        logs
    }

    /// Returns the points of metrics, in the order in which they were told.
    #[must_use]
    pub fn points(&self) -> Vec<(Metric, MetricPoint)> {
        let of = |batch: &Arc<Batch>| -> Vec<(Metric, MetricPoint)> {
            let points = batch.points().filter_map(|point| Some((point.metric()?.to_metric(), point.to_point())));
            points.collect()
        };
        self.batches().iter().flat_map(of).collect()
    }

    /// Returns what the counter of this name has counted in all, under every set of attributes.
    #[must_use]
    pub fn counted(&self, name: &str) -> f64 {
        let value = |(_, point): &(Metric, MetricPoint)| match &point.value {
            MetricValue::Number(number) => number.as_f64(),
            _ => 0.0,
        };
        self.points().iter().filter(|(metric, _)| metric.name == name).map(value).sum()
    }

    /// Returns all spans as an indented tree: names and attributes, siblings in order of their start.
    #[must_use]
    pub fn tree(&self) -> String {
        tree::text(&self.spans())
    }

    /// Flushes, and returns everything taken so far.
    fn batches(&self) -> Vec<Arc<Batch>> {
        // What a flush fails at is its sink, and this one takes everything.
        let _ = self.recorder.flush(PATIENCE);
        self.taken.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug, Clone, Default)]
struct Taken(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Sink for Taken {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(batch));
        Ok(())
    }
}

fn events_of(
    batches: &[Arc<Batch>],
    is_wanted: impl Fn((flowglass_model::TraceId, flowglass_model::SpanId)) -> bool,
) -> Vec<SpanEvent> {
    let all = batches.iter().flat_map(|batch| batch.events().collect::<Vec<_>>());
    let mut events: Vec<SpanEvent> = all.filter(|event| is_wanted(event.owner())).map(|event| event.to_event()).collect();
    events.sort_by_key(|event| event.unix_ns);
    events
}

/// Says whether two values are the same, a number of any type by its value.
fn is_same(one: &AttributeValue, other: &AttributeValue) -> bool {
    one == other || (one.as_f64().is_some() && one.as_f64() == other.as_f64())
}
