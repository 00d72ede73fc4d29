//! A map over lists about to start.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use flowglass_model::{GraphSettings, Site};

use super::around::Around;
use super::map::{self, MapStream, OnError};
use super::map_outcome::MapRun;
use super::options::{MapOptions, Options};
use super::run_builder::blocking;
use crate::error::Error;
use crate::pipeline::{Inputs, MapMode, Pipeline};

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

    pub(super) fn placed(pipeline: &Pipeline, settings: GraphSettings) -> GraphSettings {
        settings.in_map_of(pipeline.name())
    }

    /// Runs on this thread, for programs without an async runtime.
    ///
    /// # Errors
    /// As awaiting the map, and [`ErrorKind::Environment`](crate::ErrorKind::Environment) inside an async runtime, where it would block it.
    pub fn wait(self) -> Result<MapRun, Error> {
        blocking(self.into_future())
    }
}

impl IntoFuture for MapBuilder {
    type Output = Result<MapRun, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(map::map(self, Around::here()))
    }
}
