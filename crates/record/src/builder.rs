//! How a recorder is set up.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{AttributeValue, Attributes, Kept, Propagation, Redaction, Resource, Sink};

use crate::beginning::Ambient;
use crate::core::{Core, CoreParts};
use crate::outlet::{Outlet, Retry};
use crate::raw::LONGEST;
use crate::{Recorder, Sampling, SpanLimits, process};

/// A quarter of what a span takes in a buffer: the collector is told at every fourth one that is full.
const SPAN_BYTES: usize = 128;
/// A buffer is never smaller or larger than this, in bytes.
const CHUNK_BYTES: std::ops::RangeInclusive<usize> = 4 * 1024..=8 * LONGEST;

/// Sets up a [`Recorder`]; see [`Recorder::builder`].
#[must_use = "nothing is set up before `build`"]
pub struct RecorderBuilder {
    buffer_size: usize,
    export_interval: Duration,
    buffer_bytes: usize,
    queue_bytes: usize,
    retained_bytes: usize,
    limits: SpanLimits,
    attribute_sets: usize,
    sampling: Sampling,
    observes_process: bool,
    redaction: Redaction,
    ambient: Option<Ambient>,
    kept: Kept,
    retry: Retry,
    resource: Resource,
    attributes: Attributes,
    sinks: Vec<(String, Box<dyn Sink>)>,
}

impl Default for RecorderBuilder {
    fn default() -> Self {
        const MEGABYTE: usize = 1024 * 1024;
        Self {
            buffer_size: 512,
            export_interval: Duration::from_millis(500),
            buffer_bytes: 64 * MEGABYTE,
            queue_bytes: 64 * MEGABYTE,
            retained_bytes: 64 * MEGABYTE,
            limits: SpanLimits::default(),
            attribute_sets: 1000,
            sampling: Sampling::all(),
            observes_process: false,
            redaction: Redaction::secrets(),
            ambient: None,
            kept: Kept::default(),
            retry: Retry { times: 5, first_delay: Duration::from_millis(100) },
            resource: Resource::default(),
            attributes: Attributes::new(),
            sinks: Vec::new(),
        }
    }
}

impl RecorderBuilder {
    /// Sets about how many spans are recorded before the collector is told. Default: 512.
    pub const fn buffer_size(mut self, spans: usize) -> Self {
        self.buffer_size = spans;
        self
    }

    /// Sets after how long the collector looks even if no buffer is full. Default: 500 ms.
    pub const fn export_interval(mut self, interval: Duration) -> Self {
        self.export_interval = interval;
        self
    }

    /// Sets how much memory the buffers of all threads may take together, and as much again traces that are open or wait for the
    /// collector (some 2 kB each), in bytes. What there is no room for is dropped and counted. Default: 64 MB.
    pub const fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// Sets how much may wait for each sink, in bytes. Default: 64 MB.
    pub const fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets how much memory retained traces may take together, in bytes. Default: 64 MB.
    pub const fn retained_bytes(mut self, bytes: usize) -> Self {
        self.retained_bytes = bytes;
        self
    }

    /// Sets how much one span may have. Default: 100 events, 128 attributes, 128 links.
    pub const fn limits(mut self, limits: SpanLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many sets of attributes a metric may have. Further ones are counted in one that has the attribute
    /// `otel.metric.overflow`; a log record warns of it, once for each metric. Default: 1,000.
    pub const fn attribute_sets(mut self, sets: usize) -> Self {
        self.attribute_sets = sets;
        self
    }

    /// Sets which traces are recorded. Default: all.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Tells what this process uses as metrics, at most once a second while something is recorded: `process.cpu.time`,
    /// `process.memory.usage`, `process.thread.count`, `process.unix.file_descriptor.count`. Default: no.
    pub const fn process_metrics(mut self, are_told: bool) -> Self {
        self.observes_process = are_told;
        self
    }

    /// Sets what is hidden before anything leaves the recorder: to sinks, and to whoever retains traces. Default: secrets.
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Sets which kinds of records are passed on. What isn't counts nowhere. Default: all.
    pub fn kept(mut self, kept: Kept) -> Self {
        self.kept = kept;
        self
    }

    /// Sets how often a sink is offered a batch again after an error that may pass, and how long it waits before the
    /// first time (each further wait is twice as long). Default: 5 times, 100 ms.
    pub const fn retry(mut self, times: u32, first_delay: Duration) -> Self {
        self.retry = Retry { times, first_delay };
        self
    }

    /// Sets who records: attributes of everything.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Adds an attribute to every span that has none of that name.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// Lets runs hang on what another library says is current, where no span of a recorder is: it is asked on the thread that starts a
    /// run, whenever one would begin a trace. What it says is taken for a call from another process.
    pub fn ambient(mut self, source: impl Fn() -> Option<Propagation> + Send + Sync + 'static) -> Self {
        self.ambient = Some(Arc::new(source));
        self
    }

    /// Adds a sink. Its name stands in errors and counts.
    pub fn sink(mut self, name: &str, sink: impl Sink) -> Self {
        self.sinks.push((name.to_owned(), Box::new(sink)));
        self
    }

    /// Makes the recorder. Its threads start when something is recorded.
    pub fn build(mut self) -> Recorder {
        let (queue_bytes, retry) = (self.queue_bytes, self.retry);
        let outlet = |(name, sink)| Arc::new(Outlet::new(name, sink, queue_bytes, retry));
        let chunk_bytes = self.buffer_size.saturating_mul(SPAN_BYTES).clamp(*CHUNK_BYTES.start(), *CHUNK_BYTES.end());
        self.redaction.attributes(&mut self.resource.attributes);
        self.redaction.attributes(&mut self.attributes);
        let recorder = Recorder::new(Core::new(CoreParts {
            resource: Arc::new(self.resource),
            attributes: self.attributes,
            outlets: self.sinks.into_iter().map(outlet).collect(),
            export_interval: self.export_interval,
            chunk_bytes: chunk_bytes.next_multiple_of(8),
            chunks_bytes: self.buffer_bytes,
            retained_bytes: self.retained_bytes,
            limits: self.limits,
            attribute_sets: self.attribute_sets,
            sampling: self.sampling,
            redaction: self.redaction,
            ambient: self.ambient,
            kept: self.kept,
        }));
        if self.observes_process {
            process::observe(&recorder);
        }
        recorder
    }
}

impl std::fmt::Debug for RecorderBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sinks: Vec<&str> = self.sinks.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("RecorderBuilder").field("sinks", &sinks).finish_non_exhaustive()
    }
}
