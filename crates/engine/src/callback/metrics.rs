//! A callback that counts: calls, failures, cache hits and durations of each node, over as many runs as it hears of.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Event, EventKind, EventVerb, ExponentialHistogram, Interest, Subject};
use indexmap::IndexMap;
use parking_lot::Mutex;

use super::{Callback, CallbackContext, CallbackResult};

/// Counts what each node does. A clone counts into the same numbers: give one to the [`Callbacks`](super::Callbacks), keep the
/// other.
///
/// ```
/// use flowglass_engine::{Callbacks, Metrics};
///
/// let metrics = Metrics::new();
/// let callbacks = Callbacks::new().with(metrics.clone());
/// // … pipeline.run(inputs).callbacks(callbacks) …
/// println!("{}", metrics.snapshot());
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<IndexMap<Arc<str>, NodeMetrics>>>);

/// The numbers of one node at one place of a pipeline.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// The node's name.
    pub node: String,
    /// The names of the pipelines around: `outer > inner`.
    pub pipeline_path: String,
    /// How many pipelines are around that one.
    pub depth: usize,
    /// How often it ran: well, with an error, or cancelled. Cache hits are not counted here.
    pub calls: u64,
    /// How often it failed.
    pub failures: u64,
    /// How often its result came from the cache.
    pub cache_hits: u64,
    /// How many of its attempts failed and were followed by another.
    pub retries: u64,
    /// How often it was cancelled.
    pub cancelled: u64,
    /// How often it never started.
    pub skipped: u64,
    /// How long calls took that were not cancelled, in seconds.
    pub durations: ExponentialHistogram,
}

/// The numbers at one moment. It prints as a table.
#[derive(Debug, Clone, Default)]
pub struct MetricsSnapshot {
    /// The nodes, in the order in which they were first heard of.
    pub nodes: Vec<NodeMetrics>,
}

impl Metrics {
    /// Starts at nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the numbers as they are now.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        MetricsSnapshot { nodes: self.0.lock().values().cloned().collect() }
    }
}

impl NodeMetrics {
    /// Returns the duration that this share of the calls (0 to 1) did not pass; none where there was no call.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        self.durations.quantile(share).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    fn add(&mut self, event: &Event<'_>) {
        match event.kind {
            EventKind::Finished { .. } => self.called(event),
            EventKind::Failed { .. } => {
                self.failures += 1;
                self.called(event);
            }
            EventKind::Cancelled { .. } => {
                self.calls += 1;
                self.cancelled += 1;
            }
            EventKind::Cached { .. } => self.cache_hits += 1,
            EventKind::Retried { .. } => self.retries += 1,
            EventKind::Skipped => self.skipped += 1,
            _ => {}
        }
    }

    fn called(&mut self, event: &Event<'_>) {
        self.calls += 1;
        self.durations.record(event.duration().as_secs_f64());
    }
}

impl Callback for Metrics {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("Metrics")
    }

    fn interest(&self) -> Interest {
        use EventVerb::{Cached, Cancelled, Failed, Finished, Retried, Skipped};
        let ends = Interest::in_verbs([Finished, Cached, Failed, Cancelled, Retried, Skipped]);
        Interest::in_subjects([Subject::Node, Subject::Item]).intersection(ends)
    }

    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        // An item with something inside is no node.
        if event.site.children > 0 {
            return Ok(());
        }
        let mut nodes = self.0.lock();
        let node = nodes.entry(Arc::clone(&event.site.path)).or_insert_with(|| NodeMetrics {
            node: event.of().to_owned(),
            pipeline_path: context.hierarchy().join(" > "),
            depth: context.depth(),
            ..NodeMetrics::default()
        });
        node.add(event);
        Ok(())
    }
}

const COLUMNS: [&str; 10] = ["NODE", "CALLS", "FAILED", "CACHED", "RETRIED", "CANCELLED", "SKIPPED", "P50", "P95", "MAX"];

impl fmt::Display for MetricsSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 10]> =
            std::iter::once(COLUMNS.map(str::to_owned)).chain(self.nodes.iter().map(NodeMetrics::row)).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
        for row in &rows {
            write!(f, "{:<1$}", row[0], widths[0])?;
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl NodeMetrics {
    fn row(&self) -> [String; 10] {
        let counts = [self.calls, self.failures, self.cache_hits, self.retries, self.cancelled, self.skipped];
        let [calls, failures, cache_hits, retries, cancelled, skipped] = counts.map(|count| count.to_string());
        let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| self.percentile(share).map_or_else(|| "-".to_owned(), short));
        let place = format!("{} > {}", self.pipeline_path, self.node);
        [place, calls, failures, cache_hits, retries, cancelled, skipped, p50, p95, max]
    }
}

/// A duration in three digits.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2}s"),
        1e-3.. => format!("{:.1}ms", seconds * 1e3),
        _ => format!("{:.1}µs", seconds * 1e6),
    }
}
