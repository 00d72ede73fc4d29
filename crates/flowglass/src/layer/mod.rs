//! A layer of `tracing`: what libraries say by `tracing` or `log` lands in the span of the node that called them.

mod fields;

use flowglass_model::{Severity, Status, TraceParent};
use flowglass_record::{Context, DetachedSpan, Entered, Recorder, current};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context as Within, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use self::fields::{Fields, OnSpan};

std::thread_local! {
    /// The spans that the thread is inside of, and what keeps each the current one.
    static ENTERED: std::cell::RefCell<Vec<(u64, Entered)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Makes a layer that records spans and events of `tracing` inside of whatever span of Flowglass is current: a node's, or one that
/// user code opened. What is said elsewhere, or in a trace that isn't sampled, is left out.
///
/// With six fields, a span takes about 0.4 µs of the thread that is inside of it, of which 0.13 µs are `tracing`'s own, and an event
/// 0.2 µs (`cargo xtask bench recording`); nothing is allocated but one box a span. What the level leaves out costs what `tracing`
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
        // What `tracing` holds for the current span is, if it is recorded, current here as well.
        let context = parent.unwrap_or_else(Context::current);
        // Where nothing is recorded, a library's spans shall cost nothing, though an error may come: they can't fail themselves.
        if context.is_recorded() { context.open(name) } else { self.open_elsewhere(name) }
    }

    /// Opens a span that begins a trace, unless it would be inside of one that isn't recorded.
    fn open_elsewhere(&self, name: &'static str) -> Option<DetachedSpan> {
        let recorder = self.elsewhere.as_ref().filter(|_| current().is_none() && !is_own_thread());
        recorder.and_then(|recorder| recorder.open_root(name))
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
        fields::about(metadata).into_iter().for_each(|(key, value)| _ = open.attr(key, value));
        attributes.record(&mut OnSpan(&open));
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, within: Within<'_, S>) {
        with_open(&within, id, |open| values.record(&mut OnSpan(open)));
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
        let _there = parent.as_ref().map(Context::enter);
        if current().is_some() || self.elsewhere.is_some() {
            Fields::with(|fields| event.record(fields), |fields| self.tell(metadata, fields));
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
        let open = within.span(&id).and_then(|span| span.extensions_mut().remove::<DetachedSpan>());
        if let Some(open) = open {
            open.end(Status::Ok);
        }
    }
}

fn with_open<S: Subscriber + for<'s> LookupSpan<'s>>(within: &Within<'_, S>, id: &Id, what: impl FnOnce(&DetachedSpan)) {
    if let Some(span) = within.span(id)
        && let Some(open) = span.extensions().get::<DetachedSpan>()
    {
        what(open);
    }
}

fn context_of<'s, S: LookupSpan<'s>>(span: &SpanRef<'s, S>) -> Option<Context> {
    Some(span.extensions().get::<DetachedSpan>()?.context())
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
