//! What one run changes: outputs, cache, backend, recorder, callbacks, parent.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{AttributeValue, Attributes, Event, GraphSettings, RunId, TraceParent};
use flowglass_record::Recorder;

use super::map::{MapItems, OnError};
use super::map_builder::MapBuilder;
use super::run_builder::RunBuilder;
use super::shared::Observer;
use super::stream_builder::StreamBuilder;
use crate::backend::Backend;
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::cancel::CancelToken;
use crate::capture::Capture;
use crate::feed::{EventFeed, EventFilter, Subscription};
use crate::pipeline::{Config, Setting};

/// How many events a run keeps that is to keep them.
const KEPT_EVENTS: usize = 100_000;

/// What one run changes of what its pipeline says.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) outputs: Option<Vec<String>>,
    pub(crate) cache: Setting<Cache>,
    pub(crate) backend: Setting<Backend>,
    pub(crate) telemetry: Setting<Recorder>,
    pub(crate) callbacks: Setting<Callbacks>,
    pub(crate) timeout: Setting<Duration>,
    pub(crate) observer: Option<Observer>,
    pub(crate) cancel: CancelToken,
    pub(crate) grace: Grace,
    pub(crate) max_nodes: Option<u64>,
    pub(crate) joins: Joins,
    pub(crate) attributes: Attributes,
    pub(crate) map_items: Option<MapItems>,
    pub(crate) capture: Option<Capture>,
    pub(crate) resumes: Option<RunId>,
    pub(crate) feeds: Vec<EventFeed>,
    /// The run's own feed, which ends with it.
    pub(crate) own_feed: Option<EventFeed>,
}

/// What a run hangs on.
#[derive(Clone, Copy, Default)]
pub(crate) enum Joins {
    /// On what is current where it starts.
    #[default]
    Current,
    /// On a span of another process.
    Remote(TraceParent),
    /// On nothing: it begins a trace.
    Nothing,
}

/// How long a thread that should stop is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Grace(pub(crate) Duration);

impl Default for Grace {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

/// What one map changes besides what every run can.
#[derive(Default)]
pub(crate) struct MapOptions {
    pub(crate) on_error: OnError,
}

macro_rules! options {
    ($builder:ident) => {
        impl $builder {
            /// Runs only what these outputs need, and returns only them. Pipelines inside run only what is needed of them, at every
            /// depth; an input that only the rest would read needn't be given.
            pub fn outputs<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
                self.options.outputs = Some(names.into_iter().map(Into::into).collect());
                self
            }

            /// Uses this cache.
            pub fn cache(mut self, cache: impl Into<Cache>) -> Self {
                self.options.cache = Setting::Set(cache.into());
                self
            }

            /// Uses no cache.
            pub fn no_cache(mut self) -> Self {
                self.options.cache = Setting::Off;
                self
            }

            /// Runs nodes and items where and as this backend says.
            pub fn backend(mut self, backend: impl Into<Backend>) -> Self {
                self.options.backend = Setting::Set(backend.into());
                self
            }

            /// Records with this recorder.
            pub fn telemetry(mut self, recorder: Recorder) -> Self {
                self.options.telemetry = Setting::Set(recorder);
                self
            }

            /// Records nothing.
            pub fn no_telemetry(mut self) -> Self {
                self.options.telemetry = Setting::Off;
                self
            }

            /// Tells these callbacks, in place of the pipeline's.
            pub fn callbacks(mut self, callbacks: Callbacks) -> Self {
                self.options.callbacks = Setting::Set(callbacks);
                self
            }

            /// Bounds the time of the whole run.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.options.timeout = Setting::Set(timeout);
                self
            }

            /// Tells a view of every event of every level, besides the callbacks: progress, a live page. It must be quick. Several
            /// are told in the order in which they were given.
            pub fn observe(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
                self.options.observer = Some(match self.options.observer.take() {
                    None => Arc::new(observer),
                    Some(before) => Arc::new(move |event: &Event<'_>| {
                        before(event);
                        observer(event);
                    }),
                });
                self
            }

            /// Sends every event of every level to this feed, besides the callbacks.
            pub fn feed(mut self, feed: &EventFeed) -> Self {
                self.options.feeds.push(feed.clone());
                self
            }

            /// Keeps the run's events, which [`events`](crate::Settled::events) then returns: the newest 100,000, at some 300
            /// bytes each.
            pub fn keep_events(mut self) -> Self {
                self.options.own_feed.get_or_insert_default().keep(KEPT_EVENTS);
                self
            }

            /// Subscribes to the events of the run that is about to start; they end when it does.
            pub fn subscribe(&mut self, filter: impl Into<EventFilter>) -> Subscription {
                self.options.own_feed.get_or_insert_default().subscribe(filter, 0)
            }

            /// Returns how each part of the pipeline is configured in this run, by its path in the run's
            /// [`sites`](Self::sites): as [`Pipeline::settings`](crate::Pipeline::settings) says it, with what the run says counting first.
            #[must_use]
            pub fn settings(&self) -> GraphSettings {
                let config = self.options.over(&self.pipeline.0.config);
                Self::placed(&self.pipeline, self.pipeline.settings_with(&config))
            }

            /// Stops when this token says so.
            pub fn cancel_with(mut self, token: CancelToken) -> Self {
                self.options.cancel = token;
                self
            }

            /// Sets how long a thread or a worker that should stop is waited for; 2 seconds by default. Then its work ends as
            /// cancelled; a thread is marked as detached and goes on alone, a worker process is ended. A worker that stops is
            /// through with all it has to tell before the run ends.
            pub fn grace(mut self, grace: Duration) -> Self {
                self.options.grace = Grace(grace);
                self
            }

            /// Bounds how many nodes the whole run may start, those inside of items and nested pipelines included: a guard
            /// against a map that is larger than anybody meant. What was done until then stays.
            pub fn max_nodes(mut self, most: u64) -> Self {
                self.options.max_nodes = Some(most);
                self
            }

            /// Hangs on this span of another process, in its trace. Without it, the run hangs on the span that is current where it
            /// starts, in that one's trace: one that was opened by hand, or the node that started the run. Where nothing is current, it
            /// begins a trace.
            pub fn parent(mut self, parent: TraceParent) -> Self {
                self.options.joins = Joins::Remote(parent);
                self
            }

            /// Begins a trace of its own, whatever is current where the run starts: for work that only happens to be started there.
            pub fn new_trace(mut self) -> Self {
                self.options.joins = Joins::Nothing;
                self
            }

            /// Puts an attribute on every span of the run.
            pub fn attribute(mut self, key: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
                self.options.attributes.push((key.into(), value.into()));
                self
            }

            /// Says which items of maps get spans of their own.
            pub fn map_items(mut self, map_items: MapItems) -> Self {
                self.options.map_items = Some(map_items);
                self
            }

            /// Says what of the values is put on spans.
            pub fn capture(mut self, capture: Capture) -> Self {
                self.options.capture = Some(capture);
                self
            }

            /// Links this run to one that it takes up again; what that one finished comes from the cache.
            pub fn resumes(mut self, run: RunId) -> Self {
                self.options.resumes = Some(run);
                self
            }
        }
    };
}

impl Options {
    /// What the run makes of its pipeline's configuration.
    fn over(&self, own: &Config) -> Config {
        let said = Config {
            cache: self.cache.clone(),
            callbacks: self.callbacks.clone(),
            telemetry: self.telemetry.clone(),
            backend: self.backend.clone(),
            timeout: self.timeout.clone(),
            environment: Setting::Inherit,
            capture: self.capture,
            map_items: self.map_items,
        };
        said.over(own)
    }
}

options!(RunBuilder);
options!(MapBuilder);
options!(StreamBuilder);
