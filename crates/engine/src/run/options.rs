//! What one run changes: outputs, cache, backend, recorder, callbacks, parent.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{AttributeValue, Attributes, Event, GraphSettings, RunId, Site, TraceParent};
use flowglass_record::Recorder;
use futures_util::{Stream, StreamExt};

use super::map::{self, MapItems, MapStream, OnError};
use super::outcome::{MapRun, Run};
use super::root;
use super::shared::Observer;
use crate::backend::Backend;
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::cancel::CancelToken;
use crate::capture::Capture;
use crate::error::{Error, ErrorKind};
use crate::feed::{EventFeed, EventFilter, Subscription};
use crate::pipeline::{Config, Inputs, MapMode, Pipeline, Setting};
use crate::value::{Type, TypeInfo, Value};

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
    pub(crate) parent: Option<TraceParent>,
    pub(crate) attributes: Attributes,
    pub(crate) map_items: Option<MapItems>,
    pub(crate) capture: Option<Capture>,
    pub(crate) resumes: Option<RunId>,
    pub(crate) feeds: Vec<EventFeed>,
    /// The run's own feed, which ends with it.
    pub(crate) own_feed: Option<EventFeed>,
}

/// How long a thread that should stop is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Grace(pub(crate) Duration);

impl Default for Grace {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

/// A run about to start. Await it for a [`Run`] that went well, or [`settle`](Self::settle) it for the run whatever it came to.
#[must_use = "a run starts when it is awaited, or by `wait`"]
pub struct RunBuilder {
    pub(crate) pipeline: Pipeline,
    pub(crate) inputs: Inputs,
    pub(crate) options: Options,
}

/// A map about to start. Await it for a [`MapRun`], which says of each item how it went, or take its items one by one as a
/// [`stream`](Self::stream).
#[must_use = "a map starts when it is awaited, or by `wait`"]
pub struct MapBuilder {
    pub(crate) pipeline: Pipeline,
    pub(crate) inputs: Inputs,
    pub(crate) over: Vec<String>,
    pub(crate) mode: MapMode,
    pub(crate) only: Option<Vec<u64>>,
    pub(crate) map: MapOptions,
    pub(crate) options: Options,
}

/// A map over a stream about to start, by [`stream`](Self::stream).
#[must_use = "a map starts by `stream`"]
pub struct StreamBuilder {
    pub(crate) pipeline: Pipeline,
    pub(crate) inputs: Inputs,
    pub(crate) over: String,
    pub(crate) item: Type,
    pub(crate) stream: Pin<Box<dyn Stream<Item = Value> + Send>>,
    pub(crate) in_order: bool,
    pub(crate) map: MapOptions,
    pub(crate) options: Options,
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

            /// Tells a view of every event of every level, besides the callbacks: progress, a live page. It must be quick.
            pub fn observe(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
                self.options.observer = Some(Arc::new(observer));
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
            /// [`sites`](Self::sites): as [`Pipeline::settings`] says it, with what the run says counting first.
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

            /// Joins a trace that something else began.
            pub fn parent(mut self, parent: TraceParent) -> Self {
                self.options.parent = Some(parent);
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

impl RunBuilder {
    pub(crate) fn new(pipeline: Pipeline, inputs: Inputs) -> Self {
        Self { pipeline, inputs, options: Options::default() }
    }

    /// Returns the places that the run's events will tell of.
    #[must_use]
    pub fn sites(&self) -> Arc<[Site]> {
        self.pipeline.sites()
    }

    /// A pipeline's paths are those of its run.
    fn placed(_: &Pipeline, settings: GraphSettings) -> GraphSettings {
        settings
    }

    /// Runs, and returns the run whatever it came to: its status and error say how it ended.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] or [`ErrorKind::Output`] if it can't even start.
    pub fn settle(self) -> impl Future<Output = Result<Run, Error>> + Send {
        root::run(self)
    }

    /// Runs on this thread, for programs without an async runtime.
    ///
    /// # Errors
    /// As awaiting the run, and [`ErrorKind::Environment`] inside an async runtime, where it would block it.
    pub fn wait(self) -> Result<Run, Error> {
        blocking(self.into_future())
    }
}

impl IntoFuture for RunBuilder {
    type Output = Result<Run, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.settle().await?.into_result() })
    }
}

impl MapBuilder {
    pub(crate) fn new(pipeline: Pipeline, inputs: Inputs, over: Vec<String>) -> Self {
        Self {
            pipeline,
            inputs,
            over,
            mode: MapMode::default(),
            only: None,
            map: MapOptions::default(),
            options: Options::default(),
        }
    }

    /// Combines several lists in this way.
    pub fn mode(mut self, mode: MapMode) -> Self {
        self.mode = mode;
        self
    }

    /// Says what happens after an item has failed. The default is to go on.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.map.on_error = on_error;
        self
    }

    /// Runs only the items with these indexes: those that [failed](MapRun::failed_items) before, say. They keep their indexes.
    pub fn only(mut self, indexes: impl IntoIterator<Item = u64>) -> Self {
        self.only = Some(indexes.into_iter().collect());
        self
    }

    /// Starts the map; its items are taken one by one, in the order of the input.
    ///
    /// # Errors
    /// As awaiting the map.
    pub fn stream(self) -> Result<MapStream, Error> {
        map::stream_lists(self, true)
    }

    /// Starts the map; its items are taken one by one, each as soon as it has ended.
    ///
    /// # Errors
    /// As awaiting the map.
    pub fn stream_as_finished(self) -> Result<MapStream, Error> {
        map::stream_lists(self, false)
    }

    /// Returns the places that the map's events will tell of.
    #[must_use]
    pub fn sites(&self) -> Arc<[Site]> {
        self.pipeline.map_sites()
    }

    fn placed(pipeline: &Pipeline, settings: GraphSettings) -> GraphSettings {
        settings.in_map_of(pipeline.name())
    }

    /// Runs on this thread, for programs without an async runtime.
    ///
    /// # Errors
    /// As awaiting the map, and [`ErrorKind::Environment`] inside an async runtime, where it would block it.
    pub fn wait(self) -> Result<MapRun, Error> {
        blocking(self.into_future())
    }
}

impl IntoFuture for MapBuilder {
    type Output = Result<MapRun, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(map::map(self))
    }
}

impl StreamBuilder {
    pub(crate) fn new<T: Send + Sync + 'static>(
        pipeline: Pipeline,
        inputs: Inputs,
        over: String,
        items: impl Stream<Item = T> + Send + 'static,
    ) -> Self {
        let stream = Box::pin(items.map(|item| Arc::new(item) as Value));
        let item = Type::Leaf(TypeInfo::bare::<T>());
        Self { pipeline, inputs, over, item, stream, in_order: true, map: MapOptions::default(), options: Options::default() }
    }

    /// Says what happens after an item has failed. The default is to go on.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.map.on_error = on_error;
        self
    }

    /// Gives each item as soon as it has ended, and not in the order of the input.
    pub fn as_finished(mut self) -> Self {
        self.in_order = false;
        self
    }

    /// Returns the places that the map's events will tell of.
    #[must_use]
    pub fn sites(&self) -> Arc<[Site]> {
        self.pipeline.map_sites()
    }

    fn placed(pipeline: &Pipeline, settings: GraphSettings) -> GraphSettings {
        settings.in_map_of(pipeline.name())
    }

    /// Starts the map; its items are taken one by one.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] or [`ErrorKind::Output`] if it can't even start.
    pub fn stream(self) -> Result<MapStream, Error> {
        map::stream(self)
    }
}

fn blocking<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if tokio::runtime::Handle::try_current().is_ok() {
        return Err(Error::new(ErrorKind::Environment, "`wait` would block an async runtime; await the run instead"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::new(ErrorKind::Environment, format!("no async runtime: {error}")))?;
    runtime.block_on(future)
}
