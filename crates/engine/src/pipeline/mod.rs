//! Pipelines: nodes wired by their names into a checked graph that can be run, mapped and put into other pipelines.

mod binding;
mod builder;
mod config;
mod definition;
mod draft;
mod effective;
mod inputs;
mod layout;
pub(crate) mod meters;
mod needs;
mod node_set;
mod order;
mod ports;
mod setting;
mod shape;
mod steps;
mod surroundings;
mod whole;
mod wiring;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flowglass_model::{Fingerprint, Graph, GraphDrawing, Site};
use flowglass_record::Recorder;
use futures_util::Stream;

pub(crate) use binding::Bound;
pub use builder::PipelineBuilder;
pub(crate) use config::{Config, LevelConfig};
pub(crate) use definition::NodeKind;
pub use definition::{Adapter, IntoNode, MapMode, NodeDef, NodeExt};
pub use effective::{Aspect, Effective};
pub use inputs::{Inputs, Own, OwnAsIs, Typed};
pub(crate) use layout::{Layout, LevelSites};
pub(crate) use needs::{Inside, NEVER, Needs};
pub(crate) use node_set::NodeSet;
pub use setting::Setting;
pub(crate) use steps::{AWAY, CACHED, MEASURED, ON_THREADS, Steps};
pub use surroundings::PipelineInfo;
pub(crate) use surroundings::{SiteFacts, Surroundings};
pub(crate) use whole::{Head, Whole, WholeItem};
pub(crate) use wiring::{Arg, PlanNode};

use crate::backend::Backend;
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::run::{MapBuilder, RunBuilder, StreamBuilder};
use crate::value::Type;

/// A checked graph of nodes. Cheap to clone; running it doesn't change it, so one pipeline serves one item and many.
#[derive(Clone)]
pub struct Pipeline(pub(crate) Arc<Plan>);

/// What running needs to know of a pipeline: slots for values, nodes in a right order, what reads what.
pub(crate) struct Plan {
    pub(crate) name: Arc<str>,
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) config: Config,
    /// The external inputs; input `i` lives in slot `i`.
    pub(crate) inputs: Vec<InputPort>,
    /// The nodes, in topological order, ties by name.
    pub(crate) nodes: Vec<PlanNode>,
    /// Every output of every node, in the order of their slots, which follow those of the inputs.
    pub(crate) outputs: Vec<OutputPort>,
    /// The nodes once more, as starting them needs them.
    pub(crate) steps: Arc<Steps>,
    pub(crate) graph: Arc<Graph>,
    /// What is needed where nobody says what is asked for; worked out for the first run.
    everything: OnceLock<Arc<Needs>>,
    pub(crate) run_layout: OnceLock<Arc<Layout>>,
    pub(crate) map_layout: OnceLock<Arc<Layout>>,
    /// Records runs of a pipeline for which nobody gave a recorder, so that every run carries its trace.
    pub(crate) own_recorder: OnceLock<Recorder>,
}

#[derive(Clone)]
pub(crate) struct InputPort {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// What it is where a run doesn't give it: what is bound, or else its default.
    pub(crate) default: Option<Typed>,
    pub(crate) bound: Option<Bound>,
    /// The first node that needs it, for messages.
    pub(crate) reader: String,
}

#[derive(Clone)]
pub(crate) struct OutputPort {
    pub(crate) name: String,
    pub(crate) slot: usize,
    pub(crate) ty: Type,
    pub(crate) node: usize,
    /// Whether a node of the pipeline reads it.
    pub(crate) consumed: bool,
}

impl Pipeline {
    /// Starts a pipeline with this name.
    pub fn builder(name: impl Into<String>) -> PipelineBuilder {
        PipelineBuilder { name: name.into(), ..PipelineBuilder::default() }
    }

    /// Returns the pipeline's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the stable id used in telemetry.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns the version that its author gave, or the empty text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Returns the fingerprint of the graph: structure, names, versions and code of every node inside.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.graph.fingerprint
    }

    /// Returns the graph as plain data, which prints and serialises.
    #[must_use]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.0.graph
    }

    /// Returns the names of the outputs, and whether a node of the pipeline reads them.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.outputs.iter().map(|port| (port.name.as_str(), port.consumed))
    }

    /// Returns the places that events of a run tell of.
    #[must_use]
    pub fn sites(&self) -> Arc<[Site]> {
        Arc::clone(&self.run_layout().sites)
    }

    /// Returns the places that events of a map over this pipeline tell of.
    #[must_use]
    pub fn map_sites(&self) -> Arc<[Site]> {
        Arc::clone(&self.map_layout().sites)
    }

    /// Runs the pipeline once. Await the result, or call [`wait`](RunBuilder::wait) where there is no async runtime.
    pub fn run(&self, inputs: Inputs) -> RunBuilder {
        RunBuilder::new(self.clone(), inputs)
    }

    /// Runs the pipeline once for each element of the inputs named in `over`; the other inputs are the same for all.
    pub fn map<N: Into<String>>(&self, inputs: Inputs, over: impl IntoIterator<Item = N>) -> MapBuilder {
        MapBuilder::new(self.clone(), inputs, over.into_iter().map(Into::into).collect())
    }

    /// Runs the pipeline once for each item of a stream, given as the input `over`; the other inputs are the same for all.
    ///
    /// The stream may be longer than memory would hold, or have no end: items are taken from it as there is room, and each
    /// result is given away when it is there. An iterator is a stream by `futures::stream::iter`.
    pub fn map_stream<T: Send + Sync + 'static>(
        &self,
        inputs: Inputs,
        over: impl Into<String>,
        items: impl Stream<Item = T> + Send + 'static,
    ) -> StreamBuilder {
        StreamBuilder::new(self.clone(), inputs, over.into(), items)
    }

    /// Makes a node of the pipeline, to rename its inputs and outputs or to map it.
    #[must_use]
    pub fn as_node(&self) -> NodeDef {
        self.into_node()
    }

    /// Returns this pipeline with another name. An id of its own stays.
    #[must_use]
    pub fn with_name(&self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.redrawn(|plan| {
            if *plan.id == *plan.name {
                plan.id.clone_from(&name);
            }
            plan.name = name.into();
        })
    }

    /// Returns this pipeline with another stable id for telemetry.
    #[must_use]
    pub fn with_id(&self, id: impl Into<String>) -> Self {
        self.changed(|plan| plan.id = id.into())
    }

    /// Returns this pipeline with another version.
    #[must_use]
    pub fn with_version(&self, version: impl Into<String>) -> Self {
        self.redrawn(|plan| plan.version = version.into())
    }

    /// Returns this pipeline with another cache, or with caching off or inherited.
    #[must_use]
    pub fn with_cache(&self, cache: Setting<Cache>) -> Self {
        self.changed(|plan| plan.config.cache = cache)
    }

    /// Returns this pipeline with another recorder, or with telemetry off or inherited.
    #[must_use]
    pub fn with_telemetry(&self, telemetry: Setting<Recorder>) -> Self {
        self.changed(|plan| plan.config.telemetry = telemetry)
    }

    /// Returns this pipeline with other callbacks.
    #[must_use]
    pub fn with_callbacks(&self, callbacks: Setting<Callbacks>) -> Self {
        self.changed(|plan| plan.config.callbacks = callbacks)
    }

    /// Returns this pipeline with another backend.
    #[must_use]
    pub fn with_backend(&self, backend: Setting<Backend>) -> Self {
        self.changed(|plan| plan.config.backend = backend)
    }

    /// Returns this pipeline with another time limit for a run, or with none of its own.
    #[must_use]
    pub fn with_timeout(&self, timeout: Setting<Duration>) -> Self {
        self.changed(|plan| plan.config.timeout = timeout)
    }

    /// Returns this pipeline with other surroundings in its cache keys; see [`PipelineBuilder::environment`].
    #[must_use]
    pub fn with_environment(&self, environment: Setting<Arc<str>>) -> Self {
        self.changed(|plan| plan.config.environment = environment)
    }

    /// Returns this pipeline as a use of it configures it.
    pub(crate) fn configured(&self, used: &Config) -> Self {
        self.changed(|plan| plan.config = used.over(&plan.config))
    }

    pub(crate) fn run_layout(&self) -> &Arc<Layout> {
        self.0.run_layout.get_or_init(|| Arc::new(layout::of_run(self)))
    }

    pub(crate) fn map_layout(&self) -> &Arc<Layout> {
        self.0.map_layout.get_or_init(|| Arc::new(layout::of_map(self)))
    }

    /// Changes something that the graph shows.
    fn redrawn(&self, change: impl FnOnce(&mut Plan)) -> Self {
        self.changed(|plan| {
            change(plan);
            plan.graph = Arc::new(shape::graph(plan));
        })
    }

    fn changed(&self, change: impl FnOnce(&mut Plan)) -> Self {
        let old = &*self.0;
        let mut plan = Plan {
            name: Arc::clone(&old.name),
            id: old.id.clone(),
            version: old.version.clone(),
            config: old.config.clone(),
            inputs: old.inputs.clone(),
            nodes: old.nodes.clone(),
            outputs: old.outputs.clone(),
            steps: Arc::clone(&old.steps),
            graph: Arc::clone(&old.graph),
            everything: OnceLock::new(),
            run_layout: OnceLock::new(),
            map_layout: OnceLock::new(),
            own_recorder: OnceLock::new(),
        };
        change(&mut plan);
        Self(Arc::new(plan))
    }
}

impl fmt::Display for Pipeline {
    /// Draws the graph as text, with what is set for each part of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        GraphDrawing { graph: self.graph(), settings: &self.settings(), unicode: true }.fmt(f)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline({}, {} nodes)", self.0.name, self.0.nodes.len())
    }
}
