//! From nodes to a checked pipeline.

use std::sync::Arc;
use std::time::Duration;

use flowglass_record::Recorder;

use super::config::Config;
use super::definition::{IntoNode, NodeDef};
use super::inputs::{Inputs, Typed};
use super::setting::Setting;
use super::{Pipeline, wiring};
use crate::backend::Backend;
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::capture::Capture;
use crate::error::Error;
use crate::run::MapItems;
use crate::value::Type;

/// Collects a pipeline's nodes and settings.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PipelineBuilder {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) version: String,
    pub(super) nodes: Vec<NodeDef>,
    pub(super) declared: Vec<(String, Type)>,
    pub(super) defaults: Inputs,
    pub(super) config: Config,
}

impl PipelineBuilder {
    /// Adds a node: `.node(clean {})`, `.node(clean {}.cache(false))`, or a pipeline.
    pub fn node(mut self, node: impl IntoNode) -> Self {
        self.nodes.push(node.into_node());
        self
    }

    /// Adds several nodes: `.nodes(nodes![clean, count])`.
    pub fn nodes(mut self, nodes: impl IntoIterator<Item = NodeDef>) -> Self {
        self.nodes.extend(nodes);
        self
    }

    /// Declares an input with its type. Inputs need no declaration; a declared one stands before the others and keeps the
    /// type as it is written here.
    pub fn input(mut self, name: impl Into<String>, ty: Type) -> Self {
        self.declared.push((name.into(), ty));
        self
    }

    /// Gives an input a default: a run may leave it out.
    pub fn default_input(mut self, name: impl Into<String>, value: Typed) -> Self {
        self.defaults = self.defaults.with(name, value);
        self
    }

    /// Gives inputs defaults: a run may leave them out. They count before the defaults of nodes that read them.
    pub fn defaults(mut self, values: Inputs) -> Self {
        self.defaults.0.extend(values.0);
        self
    }

    /// Sets the stable id used in telemetry; by default the name.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the version shown with each run.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Caches the results of the nodes here.
    pub fn cache(mut self, cache: impl Into<Cache>) -> Self {
        self.config.cache = Setting::Set(cache.into());
        self
    }

    /// Caches nothing, even where the pipeline around this one does.
    pub fn no_cache(mut self) -> Self {
        self.config.cache = Setting::Off;
        self
    }

    /// Records the runs with this recorder.
    pub fn telemetry(mut self, recorder: Recorder) -> Self {
        self.config.telemetry = Setting::Set(recorder);
        self
    }

    /// Records no spans of this pipeline.
    pub fn no_telemetry(mut self) -> Self {
        self.config.telemetry = Setting::Off;
        self
    }

    /// Says what is shown of the values that items and failed nodes work on, where a run doesn't say it.
    pub fn capture(mut self, capture: Capture) -> Self {
        self.config.capture = Some(capture);
        self
    }

    /// Says which items of maps get spans, where a run doesn't say it.
    pub fn map_items(mut self, map_items: MapItems) -> Self {
        self.config.map_items = Some(map_items);
        self
    }

    /// Tells these callbacks what happens; they replace those of the pipeline around this one.
    pub fn callbacks(mut self, callbacks: Callbacks) -> Self {
        self.config.callbacks = Setting::Set(callbacks);
        self
    }

    /// Tells no callbacks, even where the pipeline around this one has some.
    pub fn no_callbacks(mut self) -> Self {
        self.config.callbacks = Setting::Off;
        self
    }

    /// Says in which surroundings results hold: versions of libraries, models, data. Another text makes every cached
    /// result of the pipeline, and of those inside of it that say nothing themselves, a miss.
    pub fn environment(mut self, environment: impl Into<Arc<str>>) -> Self {
        self.config.environment = Setting::Set(environment.into());
        self
    }

    /// Runs nodes and items where and as this backend says.
    pub fn backend(mut self, backend: impl Into<Backend>) -> Self {
        self.config.backend = Setting::Set(backend.into());
        self
    }

    /// Bounds the time of a whole run of this pipeline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = Setting::Set(timeout);
        self
    }

    /// Sets no limit of its own, where a limit would be inherited. What runs out of the time of a pipeline around it still
    /// ends with that.
    pub fn no_timeout(mut self) -> Self {
        self.config.timeout = Setting::Off;
        self
    }

    /// Wires the nodes by their names and checks the graph.
    ///
    /// # Errors
    /// [`ErrorKind::Build`](crate::ErrorKind::Build) if two nodes make one output or have one name, if the nodes need each
    /// other in a circle, if a name in a mapping doesn't exist, or if a value doesn't fit where it is read; the message names
    /// the nodes, the value and the types.
    pub fn build(self) -> Result<Pipeline, Error> {
        wiring::build(self)
    }
}
