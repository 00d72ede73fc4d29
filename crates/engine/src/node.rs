//! What a node is: a description and a call that is ready at once or later.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Propagation, RunId, SpanId, TraceParent, TraceState};
use flowglass_record::Context;
use smallvec::SmallVec;

use crate::cancel::CancelToken;
use crate::error::BoxError;
use crate::invocation::Invocation;
use crate::pipeline::Typed;
use crate::policy::Retry;
use crate::value::{KeyHasher, Type, Value};

/// The values that a node made, one for each of its declared outputs.
pub type Outputs = SmallVec<[Value; 1]>;

/// Values that a node is given, one for each of its declared parameters.
pub type Inputs = SmallVec<[Value; 4]>;

/// What a call gives: a result now, or a future of one. A node that isn't async boxes nothing.
pub enum Call {
    /// The node has run.
    Ready(Result<Outputs, BoxError>),
    /// The node is running.
    Pending(Pin<Box<dyn Future<Output = Result<Outputs, BoxError>> + Send>>),
}

/// A unit of work: what `#[node]` makes of a function.
pub trait Node: Send + Sync + 'static {
    /// Describes the node. Called once, when a pipeline is built.
    fn spec(&self) -> NodeSpec;

    /// Runs the node once, with the inputs and the surroundings that the call brings.
    fn call(&self, call: &mut Invocation<'_>) -> Call;

    /// Feeds into the cache key what the description and the inputs alone don't say, and says whether what was fed stands
    /// for the inputs too. Called only where there is a cache.
    ///
    /// # Errors
    /// If the key can't be made; the run then fails at this node.
    fn cache_key(&self, inputs: &[Value], key: &mut KeyHasher) -> Result<(), BoxError> {
        let _ = (inputs, key);
        Ok(())
    }
}

/// How the inputs of a node count in its cache key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyedBy {
    /// By the signatures of the nodes that made them: a hit loads nothing.
    #[default]
    Signatures,
    /// By what [`Node::cache_key`] feeds, which sees their values.
    Values,
}

/// The description of a node.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// What it is: `function`, `closure`, `command`, `shell`.
    pub node_type: &'static str,
    /// What it reads.
    pub params: Vec<Param>,
    /// What it makes.
    pub outputs: Vec<Output>,
    /// The version that its author gave, or empty.
    pub version: String,
    /// A digest of its code; without one it is never cached.
    pub code: Option<[u8; 32]>,
    /// How its inputs count in its cache key.
    pub keyed_by: KeyedBy,
    /// Whether its results are cached where there is a cache.
    pub cache: bool,
    /// Whether its calls are pending: it is an async function.
    pub asynchronous: bool,
    /// Whether it must not run on an async worker thread.
    pub blocking: bool,
    /// How it is tried again.
    pub retry: Option<Retry>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// For how long cached results hold; without it, until something in the signature changes.
    pub ttl: Option<Duration>,
}

impl NodeSpec {
    /// Describes a node with one output, which is its name too.
    #[must_use]
    pub fn new(name: impl Into<String>, node_type: &'static str, output: Type) -> Self {
        let name = name.into();
        Self {
            outputs: vec![Output { name: name.clone(), ty: output }],
            name,
            node_type,
            params: Vec::new(),
            version: String::new(),
            code: None,
            keyed_by: KeyedBy::default(),
            cache: true,
            asynchronous: false,
            blocking: false,
            retry: None,
            timeout: None,
            ttl: None,
        }
    }
}

/// A parameter of a node: an edge from the node or the input with this name.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// The type that it wants.
    pub ty: Type,
    /// What it is where nobody gives it: neither a run nor a node.
    pub default: Option<Typed>,
}

impl Param {
    /// Describes a parameter that must be given.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty, default: None }
    }

    /// Gives it a default.
    #[must_use]
    pub fn with_default(mut self, default: Typed) -> Self {
        self.default = Some(default);
        self
    }
}

/// An output of a node.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The type that it has.
    pub ty: Type,
}

/// What a running node may know of its surroundings. A parameter `&NodeContext` of a node's function is no input.
#[derive(Debug, Clone)]
pub struct NodeContext {
    pub(crate) run: RunId,
    pub(crate) span: SpanId,
    pub(crate) sampled: bool,
    pub(crate) path: Arc<str>,
    pub(crate) index: Option<u64>,
    pub(crate) attempt: u32,
    pub(crate) cancel: CancelToken,
}

impl NodeContext {
    /// Returns the run's id.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Returns where the node stands: `outer > inner > node`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the index of the map item that this is part of.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        self.index
    }

    /// Returns which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns what a process started by the node should find in `TRACEPARENT`.
    #[must_use]
    pub fn trace_parent(&self) -> TraceParent {
        TraceParent { trace_id: self.run.trace, parent_id: self.span, sampled: self.sampled }
    }

    /// Returns what a process or a service that is called by the node is given: the node's span as its parent, and the trace state and
    /// the baggage that travel with the run. Asked for on the thread that calls the node, or polls its future.
    #[must_use]
    pub fn propagation(&self) -> Propagation {
        let here = Context::current().propagation();
        match self.trace_parent() {
            // Without telemetry the node has no span: who is called hangs on what is around.
            parent if parent.parent_id.is_none() => here,
            parent if here.parent.is_none_or(|here| here.trace_id == parent.trace_id) => {
                Propagation { parent: Some(parent), ..here }
            }
            parent => Propagation { parent: Some(parent), state: TraceState::default(), ..here },
        }
    }

    /// Returns the token by which long work learns that it should stop.
    #[must_use]
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}
