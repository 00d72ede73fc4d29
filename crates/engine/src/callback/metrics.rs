//! A callback that counts: calls, failures, cache hits and durations of each node, over as many runs as it hears of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Event, EventKind, EventVerb, ExponentialHistogram, Interest, RunId, SiteId, SpanId, Subject};
use flowglass_record::ProcessUsage;
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
pub struct Metrics {
    counted: Arc<Mutex<Counted>>,
    measures_usage: bool,
}

#[derive(Default)]
struct Counted {
    nodes: IndexMap<Arc<str>, NodeMetrics>,
    /// How long the process had been on processors when a call began that is under way, by its place.
    begun: HashMap<Place, Duration>,
}

/// A call under way: its run, its span, and where nothing is recorded its place in the plan and its index.
type Place = (RunId, SpanId, SiteId, Option<u64>);

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
    /// How long this process was on processors while calls were under way, all threads together; what ran beside a call is in it.
    /// Measured only [on demand](Metrics::with_usage).
    pub cpu: Option<Duration>,
    /// The most memory that this process had at the end of a call, in bytes. As `cpu`, and only where the system says it.
    pub memory_bytes: Option<u64>,
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

    /// Measures also how long the process is on processors and how much memory it has, at the start and the end of each call:
    /// some ten microseconds a call. The spans of nodes tell it, too, as `process.cpu.time` (in seconds) and
    /// `process.memory.usage` (in bytes); of what a worker elsewhere does only the counts know.
    #[must_use]
    pub fn with_usage(mut self) -> Self {
        self.measures_usage = true;
        self
    }

    /// Returns the numbers as they are now.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        MetricsSnapshot { nodes: self.counted.lock().nodes.values().cloned().collect() }
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

    fn add_usage(&mut self, before: Duration) {
        let usage = ProcessUsage::now();
        *self.cpu.get_or_insert_default() += usage.cpu_time.saturating_sub(before);
        self.memory_bytes = self.memory_bytes.max(usage.memory_bytes);
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
        use EventVerb::{Cached, Cancelled, Failed, Finished, Retried, Skipped, Started};
        let ends = Interest::in_verbs([Finished, Cached, Failed, Cancelled, Retried, Skipped]);
        let starts = if self.measures_usage { Interest::in_verbs([Started]) } else { Interest::NONE };
        Interest::in_subjects([Subject::Node, Subject::Item]).intersection(ends.union(starts))
    }

    fn measures_usage(&self) -> bool {
        self.measures_usage
    }

    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        // An item with something inside is no node.
        if event.site.children > 0 {
            return Ok(());
        }
        let mut counted = self.counted.lock();
        let Counted { nodes, begun } = &mut *counted;
        let place = (event.run, event.span, event.site.id, event.index);
        if matches!(event.kind, EventKind::Started { .. }) {
            begun.insert(place, ProcessUsage::cpu_time());
            return Ok(());
        }
        let node = nodes.entry(Arc::clone(&event.site.path)).or_insert_with(|| NodeMetrics {
            node: event.of().to_owned(),
            pipeline_path: context.hierarchy().join(" > "),
            depth: context.depth(),
            ..NodeMetrics::default()
        });
        node.add(event);
        if event.kind.is_end()
            && let Some(before) = begun.remove(&place)
        {
            node.add_usage(before);
        }
        Ok(())
    }
}
