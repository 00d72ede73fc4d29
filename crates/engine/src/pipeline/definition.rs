//! A node as it is put into a pipeline: a node or a pipeline, with what this use of it changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowglass_record::Recorder;

use super::Pipeline;
use super::config::Config;
use super::setting::Setting;
use crate::backend::Backend;
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::capture::Capture;
use crate::node::{Node, NodeSpec};
use crate::policy::Retry;
use crate::value::{Value, ValueError};

/// How several mapped parameters are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapMode {
    /// The i-th elements together; all lists must have one length.
    #[default]
    Zip,
    /// Every combination; the last parameter varies fastest.
    Product,
}

/// Changes a value on its way into a pipeline that runs as a node.
pub type Adapter = Arc<dyn Fn(&Value) -> Result<Value, ValueError> + Send + Sync>;

/// A node on its way into a pipeline, with what this use of it changes. Made by the methods of
/// [`NodeExt`], by [`IntoNode`] and by [`Pipeline::as_node`].
#[derive(Clone)]
pub struct NodeDef {
    pub(crate) kind: NodeKind,
    pub(crate) name: Option<String>,
    pub(crate) cache: Option<bool>,
    pub(crate) retry: Option<Retry>,
    pub(crate) config: Config,
    pub(crate) ttl: Option<Duration>,
    pub(crate) inputs: Vec<(String, String)>,
    pub(crate) outputs: Vec<(String, String)>,
    pub(crate) kept_defaults: Vec<String>,
    pub(crate) adapters: Vec<(String, Adapter)>,
    pub(crate) map_over: Vec<(String, String)>,
    pub(crate) map_mode: MapMode,
}

#[derive(Clone)]
pub(crate) enum NodeKind {
    Call { node: Arc<dyn Node>, spec: Arc<NodeSpec> },
    Pipeline(Pipeline),
}

impl NodeDef {
    fn new(kind: NodeKind) -> Self {
        Self {
            kind,
            name: None,
            cache: None,
            retry: None,
            config: Config::default(),
            ttl: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            kept_defaults: Vec::new(),
            adapters: Vec::new(),
            map_over: Vec::new(),
            map_mode: MapMode::Zip,
        }
    }

    /// Names this use of the node. The default is the function's or the pipeline's name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Switches caching of this node off, or on again where there is a cache. A pipeline's own cache is off then too; one
    /// further inside that has a cache of its own keeps it.
    #[must_use]
    pub fn cache(mut self, cache: bool) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Tries the node again when it fails.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Bounds the time of one attempt; of a pipeline, in place of the limit that it has itself.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = Setting::Set(timeout);
        self
    }

    /// Takes away the limit that the node has itself.
    #[must_use]
    pub fn no_timeout(mut self) -> Self {
        self.config.timeout = Setting::Off;
        self
    }

    /// Keeps the results of a pipeline's nodes in this cache here, whatever the pipeline itself says.
    #[must_use]
    pub fn cache_in(mut self, cache: impl Into<Cache>) -> Self {
        self.config.cache = Setting::Set(cache.into());
        self.cache = Some(true);
        self
    }

    /// Runs a pipeline's nodes where and as this backend says, whatever the pipeline itself says.
    #[must_use]
    pub fn backend(mut self, backend: impl Into<Backend>) -> Self {
        self.config.backend = Setting::Set(backend.into());
        self
    }

    /// Tells these callbacks what happens in a pipeline here, in place of its own and of those around it.
    #[must_use]
    pub fn callbacks(mut self, callbacks: Callbacks) -> Self {
        self.config.callbacks = Setting::Set(callbacks);
        self
    }

    /// Tells no callbacks what happens in a pipeline here.
    #[must_use]
    pub fn no_callbacks(mut self) -> Self {
        self.config.callbacks = Setting::Off;
        self
    }

    /// Records what happens in a pipeline here with this recorder, whatever the pipeline itself says, and also where nothing is
    /// recorded around it.
    #[must_use]
    pub fn telemetry(mut self, recorder: Recorder) -> Self {
        self.config.telemetry = Setting::Set(recorder);
        self
    }

    /// Records no spans of what happens in a pipeline here.
    #[must_use]
    pub fn no_telemetry(mut self) -> Self {
        self.config.telemetry = Setting::Off;
        self
    }

    /// Bounds for how long cached results of the node hold; what reads them then counts their content in its key. Of a
    /// pipeline, the nodes inside say so themselves.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Says what is shown of the values that the node works on, whatever its run says; of a pipeline, of all inside, too.
    #[must_use]
    pub fn capture(mut self, capture: Capture) -> Self {
        self.config.capture = Some(capture);
        self
    }

    /// Feeds the parameter `inner` from the value `outer`. Unmapped parameters keep their names.
    #[must_use]
    pub fn input(mut self, inner: impl Into<String>, outer: impl Into<String>) -> Self {
        self.inputs.push((inner.into(), outer.into()));
        self
    }

    /// Gives the output `inner` the name `outer`. For a pipeline, only the outputs named so are seen outside, if any is.
    #[must_use]
    pub fn output(mut self, inner: impl Into<String>, outer: impl Into<String>) -> Self {
        self.outputs.push((inner.into(), outer.into()));
        self
    }

    /// Leaves an input at its default, even where a value of that name exists outside.
    #[must_use]
    pub fn keep_default(mut self, inner: impl Into<String>) -> Self {
        self.kept_defaults.push(inner.into());
        self
    }

    /// Changes each value that the pipeline is given as its input `inner`. What is changed counts by its value in cache keys.
    #[must_use]
    pub fn adapt_input(mut self, inner: impl Into<String>, adapter: Adapter) -> Self {
        self.adapters.push((inner.into(), adapter));
        self
    }

    /// Runs the node once for each element of the list `outer`, given as the parameter `inner`; its outputs become lists.
    #[must_use]
    pub fn map_over(mut self, inner: impl Into<String>, outer: impl Into<String>) -> Self {
        self.map_over.push((inner.into(), outer.into()));
        self
    }

    /// Sets how several mapped parameters are combined.
    #[must_use]
    pub fn map_mode(mut self, mode: MapMode) -> Self {
        self.map_mode = mode;
        self
    }

    pub(crate) fn time_to_live(&self) -> Option<Duration> {
        let own = match &self.kind {
            NodeKind::Call { spec, .. } => spec.ttl,
            NodeKind::Pipeline(_) => None,
        };
        self.ttl.or(own)
    }

    pub(crate) fn own_name(&self) -> &str {
        self.name.as_deref().unwrap_or(match &self.kind {
            NodeKind::Call { spec, .. } => &spec.name,
            NodeKind::Pipeline(pipeline) => pipeline.name(),
        })
    }
}

impl fmt::Debug for NodeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeDef").field("name", &self.own_name()).finish_non_exhaustive()
    }
}

/// What can be put into a pipeline: a node, a pipeline, or one of them with changes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a node",
    label = "this is not a node",
    note = "for a function `f` marked with `#[node]`, write `.node(f {{}})` or `.nodes(nodes![f, …])`: `f` alone is the plain function"
)]
pub trait IntoNode {
    /// Makes a node of it.
    fn into_node(self) -> NodeDef;
}

impl<N: Node> IntoNode for N {
    fn into_node(self) -> NodeDef {
        let spec = Arc::new(self.spec());
        NodeDef::new(NodeKind::Call { node: Arc::new(self), spec })
    }
}

impl IntoNode for Pipeline {
    fn into_node(self) -> NodeDef {
        NodeDef::new(NodeKind::Pipeline(self))
    }
}

impl IntoNode for &Pipeline {
    fn into_node(self) -> NodeDef {
        self.clone().into_node()
    }
}

impl IntoNode for NodeDef {
    fn into_node(self) -> NodeDef {
        self
    }
}

/// Changes something of a node where it is put into a pipeline: `.node(count {}.cache(false))`.
pub trait NodeExt: IntoNode + Sized {
    /// As [`NodeDef::named`].
    fn named(self, name: impl Into<String>) -> NodeDef {
        self.into_node().named(name)
    }

    /// As [`NodeDef::cache`].
    fn cache(self, cache: bool) -> NodeDef {
        self.into_node().cache(cache)
    }

    /// As [`NodeDef::retry`].
    fn retry(self, retry: Retry) -> NodeDef {
        self.into_node().retry(retry)
    }

    /// As [`NodeDef::timeout`].
    fn timeout(self, timeout: Duration) -> NodeDef {
        self.into_node().timeout(timeout)
    }

    /// As [`NodeDef::ttl`].
    fn ttl(self, ttl: Duration) -> NodeDef {
        self.into_node().ttl(ttl)
    }

    /// As [`NodeDef::capture`].
    fn capture(self, capture: Capture) -> NodeDef {
        self.into_node().capture(capture)
    }

    /// As [`NodeDef::input`].
    fn input(self, inner: impl Into<String>, outer: impl Into<String>) -> NodeDef {
        self.into_node().input(inner, outer)
    }

    /// As [`NodeDef::output`].
    fn output(self, inner: impl Into<String>, outer: impl Into<String>) -> NodeDef {
        self.into_node().output(inner, outer)
    }

    /// As [`NodeDef::keep_default`].
    fn keep_default(self, inner: impl Into<String>) -> NodeDef {
        self.into_node().keep_default(inner)
    }

    /// As [`NodeDef::map_over`].
    fn map_over(self, inner: impl Into<String>, outer: impl Into<String>) -> NodeDef {
        self.into_node().map_over(inner, outer)
    }

    /// As [`NodeDef::map_mode`].
    fn map_mode(self, mode: MapMode) -> NodeDef {
        self.into_node().map_mode(mode)
    }
}

impl<N: Node> NodeExt for N {}
