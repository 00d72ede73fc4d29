//! A layer of `tracing`: what libraries say by `tracing` or `log` lands in the span of the node that called them.

mod fields;
mod on_span;

use flowglass_model::{Severity, Status, TraceParent};
use flowglass_record::{Context, DetachedSpan, Entered, Recorder, current, note_error, open_span};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context as Within, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use self::fields::Fields;

std::thread_local! {
    /// The spans that the thread is inside of, and what keeps each the current one.
    static ENTERED: std::cell::RefCell<Vec<(u64, Entered)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A span of `tracing` that is open here as well. Where its trace is recorded from an error on only, little more is known of it before.
struct Open {
    span: DetachedSpan,
    /// Whether its level and its target are on it: it was recorded from its start on.
    is_described: bool,
}

/// Makes a layer that records spans and events of `tracing` inside of whatever span of Flowglass is current: a node's, or one that
/// user code opened. What is said elsewhere, or in a trace that isn't sampled, is left out.
///
/// # Errors that are told of
/// An event of level `ERROR` fails the span of `tracing` that it is in, as with `tracing-opentelemetry`; so do fields of the span: an
/// `error` that is a text or `true`, an error value under any name, and `otel.status_code = "ERROR"` with its
/// `otel.status_description`. A node is not to blame for what a library says in it, and neither is a span of the user's.
///
/// In a trace that isn't sampled, each of these is an error as any other: it brings the trace back
/// ([`Sampling`](crate::Sampling)), with all spans of `tracing` that are open then, each in its place. Of their fields, what was said
/// before is gone.
///
/// # What it costs
/// With six fields, a span takes about 0.4 µs of the thread that is inside of it, of which 0.13 µs are `tracing`'s own, and an event
/// 0.2 µs (`cargo xtask bench recording`); nothing is allocated but one box a span. In a trace that isn't recorded but for errors, a
/// span takes less than 0.2 µs besides what is `tracing`'s own; where nothing ever is, next to nothing. What the level leaves out costs what `tracing`
/// takes to ask: give the layer a filter where that matters.
///
/// ```
/// use flowglass::{prelude::*, testing::TestRecorder};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// #[node(output = "rows")]
/// fn load(path: String) -> usize {
///     // Some library does this:
///     let _query = tracing::info_span!("query", table = "orders").entered();
///     tracing::warn!(attempt = 2, "the connection was lost");
///     path.len()
/// }
///
/// let subscriber = tracing_subscriber::registry().with(flowglass::tracing_layer());
/// let telemetry = TestRecorder::new();
/// tracing::subscriber::with_default(subscriber, || {
///     let pipeline = Pipeline::builder("load").nodes(nodes![load]).build()?;
///     pipeline.run(inputs! { path: "a.csv" }).telemetry(telemetry.recorder().clone()).wait()
/// })
/// .unwrap();
/// telemetry.span("query").is_inside("node load").has("table", "orders").has_event("the connection was lost");
/// ```
#[must_use]
pub const fn tracing_layer() -> TracingLayer {
    TracingLayer { level: Level::INFO, elsewhere: None, as_logs: false }
}

/// Records what is said by `tracing`; see [`tracing_layer`].
#[derive(Debug, Clone)]
pub struct TracingLayer {
    level: Level,
    elsewhere: Option<Recorder>,
    as_logs: bool,
}

impl TracingLayer {
    /// Sets the least important level that is recorded. Default: `INFO`. To choose by module, give the layer a filter of
    /// `tracing-subscriber`.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Records also what is said where no span of Flowglass is current: spans begin traces there.
    #[must_use]
    pub fn elsewhere(mut self, recorder: Recorder) -> Self {
        self.elsewhere = Some(recorder);
        self
    }

    /// Records events as log records, which sampling doesn't leave out, instead of as events of their span.
    #[must_use]
    pub const fn events_as_logs(mut self) -> Self {
        self.as_logs = true;
        self
    }

    fn open<S: Subscriber + for<'s> LookupSpan<'s>>(
        &self,
        attributes: &Attributes<'_>,
        within: &Within<'_, S>,
    ) -> Option<DetachedSpan> {
        let name = attributes.metadata().name();
        if attributes.is_root() {
            return self.open_elsewhere(name);
        }
        let parent = attributes.parent().and_then(|parent| context_of(&within.span(parent)?));
        // What `tracing` holds for the current span is, if anything of it is ever recorded, current here as well.
        let open = parent.map_or_else(|| open_span(name), |parent| parent.open(name));
        open.or_else(|| self.open_elsewhere(name))
    }

    /// Opens a span that begins a trace, unless it would be inside of one that isn't recorded.
    fn open_elsewhere(&self, name: &'static str) -> Option<DetachedSpan> {
        let recorder = self.elsewhere.as_ref().filter(|_| current().is_none() && !is_own_thread());
        recorder.and_then(|recorder| recorder.open_root(name))
    }

    /// Says whether anybody listens to what is said here.
    fn is_heard(&self) -> bool {
        current().map_or(self.elsewhere.is_some(), |here| self.as_logs || here.is_sampled())
    }

    fn tell(&self, metadata: &Metadata<'_>, fields: &Fields) {
        let message = fields.message().unwrap_or_else(|| metadata.name());
        let attributes = fields.attributes(metadata);
        match (self.as_logs, &self.elsewhere) {
            (true, _) if current().is_some() => flowglass_record::log(severity(*metadata.level()), message, &attributes),
            (true, Some(recorder)) if !is_own_thread() => recorder.log(severity(*metadata.level()), message, &attributes),
            (false, _) if current().is_some() => flowglass_record::add_named_event(message, &attributes),
            (false, Some(recorder)) if !is_own_thread() => recorder.event(message, &attributes),
            _ => {}
        }
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for TracingLayer {
    fn enabled(&self, _metadata: &Metadata<'_>, _within: Within<'_, S>) -> bool {
        // Asked for all layers together: what this one leaves out another may want.
        true
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, within: Within<'_, S>) {
        let metadata = attributes.metadata();
        if *metadata.level() > self.level {
            return;
        }
        let (Some(open), Some(span)) = (self.open(attributes, &within), within.span(id)) else { return };
        let is_described = open.is_recorded();
        if is_described {
            describe(&open, metadata);
        }
        on_span::put(&open, |fields| attributes.record(fields));
        span.extensions_mut().insert(Open { span: open, is_described });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, within: Within<'_, S>) {
        with_open(&within, id, |open| on_span::put(open, |fields| values.record(fields)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, within: Within<'_, S>) {
        let to = within.span(follows).and_then(|followed| context_of(&followed)?.propagation().parent);
        with_open(&within, id, |open| to.into_iter().for_each(|to: TraceParent| _ = open.link(to, &[])));
    }

    fn on_event(&self, event: &Event<'_>, within: Within<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > self.level {
            return;
        }
        let parent = event.parent().filter(|_| !event.is_contextual());
        let parent = parent.and_then(|parent| context_of(&within.span(parent)?));
        let is_error = *metadata.level() == Level::ERROR;
        if !is_error && !self.as_logs && parent.as_ref().is_some_and(|parent| !parent.is_recorded()) {
            return;
        }
        let _there = parent.as_ref().map(Context::enter);
        if is_error {
            note_error();
        }
        if self.is_heard() {
            let say = |fields: &Fields| {
                self.tell(metadata, fields);
                if is_error {
                    fail(event, &within, fields.reason());
                }
            };
            Fields::with(|fields| event.record(fields), say);
        }
    }

    fn on_enter(&self, id: &Id, within: Within<'_, S>) {
        with_open(&within, id, |open| {
            let entered = (id.into_u64(), open.enter());
            // A thread that is ending is inside of nothing.
            let _ = ENTERED.try_with(|all| all.borrow_mut().push(entered));
        });
    }

    fn on_exit(&self, id: &Id, _within: Within<'_, S>) {
        let left = ENTERED.try_with(|all| {
            let mut all = all.borrow_mut();
            let place = all.iter().rposition(|(entered, _)| *entered == id.into_u64());
            place.map(|place| all.remove(place))
        });
        drop(left);
    }

    fn on_close(&self, id: Id, within: Within<'_, S>) {
        let Some(span) = within.span(&id) else { return };
        let open = span.extensions_mut().remove::<Open>();
        if let Some(Open { span: open, is_described }) = open {
            if !is_described && open.is_recorded() {
                describe(&open, span.metadata());
            }
            open.end(Status::Ok);
        }
    }
}

fn describe(open: &DetachedSpan, metadata: &Metadata<'_>) {
    fields::about(metadata).into_iter().for_each(|(key, value)| _ = open.attr(key, value));
}

/// Lets the span fail that an error was told of in, unless another one is current inside of it.
fn fail<S: Subscriber + for<'s> LookupSpan<'s>>(event: &Event<'_>, within: &Within<'_, S>, reason: &str) {
    let Some(span) = within.event_span(event) else { return };
    let current = current().map(|here| here.span_id());
    with_open(within, &span.id(), |open| {
        if current == Some(open.id()) {
            open.error(reason);
        }
    });
}

fn with_open<S: Subscriber + for<'s> LookupSpan<'s>>(within: &Within<'_, S>, id: &Id, what: impl FnOnce(&DetachedSpan)) {
    if let Some(span) = within.span(id)
        && let Some(open) = span.extensions().get::<Open>()
    {
        what(&open.span);
    }
}

fn context_of<'s, S: LookupSpan<'s>>(span: &SpanRef<'s, S>) -> Option<Context> {
    Some(span.extensions().get::<Open>()?.span.context())
}

/// Says whether the thread is one of a recorder or an exporter: what these say of their own work would make more of it.
fn is_own_thread() -> bool {
    std::thread::current().name().is_some_and(|name| name.starts_with("flowglass"))
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::ERROR,
        Level::WARN => Severity::WARN,
        Level::INFO => Severity::INFO,
        Level::DEBUG => Severity::DEBUG,
        Level::TRACE => Severity::TRACE,
    }
}
