//! A callback that writes what a run does into the user's own OpenTelemetry provider, as spans of that.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use flowglass_engine::{Callback, CallbackContext, CallbackResult};
use flowglass_model::{CacheStatus, Event, EventKind, RunId, SpanId, Subject, conventions as names};
use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt as _, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};

/// Makes a callback that writes pipelines, maps, items and nodes as spans into this provider, which keeps its own exporters,
/// samplers and ids. A run's span hangs on what is OpenTelemetry's current span where the run is polled.
///
/// ```
/// use flowglass::Callbacks;
/// # use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let provider = SdkTracerProvider::builder().build();
/// let callbacks = Callbacks::new().with(flowglass::opentelemetry::mirror(&provider));
/// ```
#[must_use]
pub fn mirror<P: TracerProvider>(provider: &P) -> Mirror<P::Tracer> {
    Mirror { tracer: provider.tracer("flowglass"), open: HashMap::new() }
}

/// Writes a run's spans into a provider of OpenTelemetry; see [`mirror`].
pub struct Mirror<T> {
    tracer: T,
    open: HashMap<Key, Context>,
}

/// What names something that is open: its span, or its place where nothing has ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Span(RunId, SpanId),
    Place(RunId, u32, Option<u64>),
}

impl Key {
    fn of(event: &Event<'_>) -> Self {
        match event.span.some() {
            Some(span) => Self::Span(event.run, span),
            None => Self::Place(event.run, event.site.id.0, event.index),
        }
    }

    const fn run(&self) -> RunId {
        match self {
            Self::Span(run, _) | Self::Place(run, ..) => *run,
        }
    }
}

impl<T> Callback for Mirror<T>
where
    T: Tracer + Send + 'static,
    T::Span: Send + Sync + 'static,
{
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("opentelemetry")
    }

    fn on_event(&mut self, event: &Event<'_>, _context: &mut CallbackContext) -> CallbackResult {
        match event.kind {
            EventKind::Started { .. } => self.start(event, time(event.at_unix_ns)),
            EventKind::Retried { attempt, failure, .. } => self.tell_retry(event, attempt, &failure.message),
            EventKind::Skipped => {}
            kind if kind.is_end() => self.end(event),
            _ => {}
        }
        Ok(())
    }
}

impl<T> Mirror<T>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    fn start(&mut self, event: &Event<'_>, at: SystemTime) {
        let builder = SpanBuilder::from_name(name(event)).with_start_time(at).with_attributes(attributes(event));
        let around = self.around(event);
        let span = self.tracer.build_with_context(builder, &around);
        self.open.insert(Key::of(event), around.with_span(span));
    }

    fn end(&mut self, event: &Event<'_>) {
        // An item that lies in the cache whole has never started.
        if !self.open.contains_key(&Key::of(event)) {
            self.start(event, time(event.at_unix_ns) - event.duration());
        }
        let Some(context) = self.open.remove(&Key::of(event)) else { return };
        let span = context.span();
        span.set_attributes(outcome(event));
        if let Some(failure) = event.failure() {
            span.set_status(Status::error(failure.message.clone()));
        }
        span.end_with_timestamp(time(event.at_unix_ns));
        if event.site.parent.is_none() {
            self.open.retain(|key, _| key.run() != event.run);
        }
    }

    fn tell_retry(&self, event: &Event<'_>, attempt: u32, message: &str) {
        if let Some(context) = self.open.get(&Key::of(event)) {
            let attributes = vec![
                KeyValue::new(names::RETRY_ATTEMPT, i64::from(attempt)),
                KeyValue::new(names::EXCEPTION_MESSAGE, message.to_owned()),
            ];
            context.span().add_event_with_timestamp("retried", time(event.at_unix_ns), attributes);
        }
    }

    /// Returns the context around what starts: that of the span above it, as far as it is here.
    fn around(&self, event: &Event<'_>) -> Context {
        let by_span = self.open.get(&Key::Span(event.run, event.parent));
        let place = |index| self.open.get(&Key::Place(event.run, event.site.parent?.0, index));
        let found = by_span.or_else(|| place(event.index)).or_else(|| place(None));
        found.cloned().unwrap_or_else(Context::current)
    }
}

impl<T> std::fmt::Debug for Mirror<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// The span's name: as Flowglass itself calls it.
fn name(event: &Event<'_>) -> String {
    match (event.site.subject, event.index) {
        (Subject::Item, Some(index)) => format!("item {index}"),
        (subject, _) => format!("{} {}", subject.as_str(), event.site.name),
    }
}

fn attributes(event: &Event<'_>) -> Vec<KeyValue> {
    let own = match event.site.subject {
        Subject::Pipeline => names::PIPELINE_NAME,
        _ => names::NODE_ID,
    };
    let mut attributes = vec![
        KeyValue::new(names::SPAN_TYPE, event.site.subject.as_str()),
        KeyValue::new(own, event.site.name.to_string()),
        KeyValue::new(names::PIPELINE_PATH, event.site.path.to_string()),
    ];
    attributes
        .extend(event.index.and_then(|index| i64::try_from(index).ok()).map(|index| KeyValue::new(names::MAP_INDEX, index)));
    attributes
}

/// What the end of something says besides its time.
fn outcome(event: &Event<'_>) -> Vec<KeyValue> {
    match event.kind {
        EventKind::Finished { cache: CacheStatus::Off, .. } => Vec::new(),
        EventKind::Finished { cache, .. } => vec![KeyValue::new(names::CACHE_STATUS, cache.as_str())],
        EventKind::Cached { .. } => vec![KeyValue::new(names::CACHE_STATUS, CacheStatus::Hit.as_str())],
        EventKind::Failed { failure, .. } => vec![KeyValue::new(names::ERROR_TYPE, failure.error_type.clone())],
        EventKind::Cancelled { .. } => vec![KeyValue::new(names::SPAN_STATUS, "cancelled")],
        _ => Vec::new(),
    }
}

fn time(unix_ns: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(unix_ns).unwrap_or(0))
}
