//! A map over a stream about to start.

use std::pin::Pin;
use std::sync::Arc;

use flowglass_model::{GraphSettings, Site};
use futures_util::{Stream, StreamExt};

use super::map::{self, MapStream, OnError};
use super::options::{MapOptions, Options};
use crate::error::Error;
use crate::pipeline::{Inputs, Pipeline};
use crate::value::{Type, TypeInfo, Value};

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

    pub(super) fn placed(pipeline: &Pipeline, settings: GraphSettings) -> GraphSettings {
        settings.in_map_of(pipeline.name())
    }

    /// Starts the map; its items are taken one by one.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) or [`ErrorKind::Output`](crate::ErrorKind::Output) if it can't even start.
    pub fn stream(self) -> Result<MapStream, Error> {
        map::stream(self)
    }
}
