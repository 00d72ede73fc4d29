//! The engine: graphs of plain functions, run once or mapped, nested, cached, cancelled and told of.
//!
//! It knows nothing of stores, wire formats, terminals or the web: what happens goes to the recorder as spans, and to
//! callbacks and views as plain-data events.

mod backend;
pub mod cache;
mod callback;
mod cancel;
mod capture;
mod closure;
mod error;
mod feed;
mod invocation;
mod node;
pub mod pipeline;
mod policy;
mod remote;
mod run;
mod secret;
pub mod value;

pub use backend::{Backend, Execution, LocalBackend};
pub use cache::{Cache, CacheError, DiskCache, MemoryCache};
pub use callback::{
    Callback, CallbackContext, CallbackFailure, CallbackResult, CallbackTime, Callbacks, IntoCallbackResult, Logging, Metrics,
    MetricsSnapshot, NodeMetrics, Replayed, replay,
};
pub use cancel::CancelToken;
pub use capture::Capture;
pub use error::{BoxError, Error, ErrorKind, NodeError};
pub use feed::{EventFeed, EventFilter, Received, Subscription};
pub use invocation::Invocation;
pub use node::{Call, Inputs as NodeInputs, KeyedBy, Node, NodeContext, NodeSpec, Output, Outputs, Param};
pub use pipeline::{
    Adapter, Aspect, Effective, Inputs, IntoNode, MapMode, NodeDef, NodeExt, Pipeline, PipelineBuilder, PipelineInfo, Setting,
    Typed,
};
pub use policy::{Backoff, Retry};
pub use remote::{
    Chunk, Fate, Home, Invitation, JobId, Limits, Message, OnWorkerLost, OutgoingJob, Output as WorkerOutput, ProcessWorkers,
    RemoteBackend, Stream as OutputStream, TelemetryCodec, TelemetryEncoder, Transport, Upstream, Worker, WorkerLost, serve,
};
pub use run::{
    CacheStats, ItemRun, MapBuilder, MapItems, MapRun, MapStream, MapSummary, OnError, Run, RunBuilder, Settled, StreamBuilder,
};

// Names that are wrong are told with the nearest right one, everywhere in the same way.
use flowglass_model::nearest;

pub use value::{State, Stateful};

/// Code that counts in cache keys: what `#[node]` and `#[code]` make of a function.
pub trait Coded {
    /// The function's tokens, without comments and docs.
    const CODE: &'static str;
}

/// What the expansion of `#[node]` uses.
#[doc(hidden)]
pub mod private {
    use crate::value::{KeyDigest, KeyHasher};

    pub use crate::closure::{FnNode, closure};
    pub use smallvec::smallvec;

    /// Digests a function's code, the code it uses, and the types it was made for.
    #[must_use]
    pub fn code(parts: &[&str]) -> KeyDigest {
        let mut hasher = KeyHasher::default();
        hasher.label("rust");
        parts.iter().for_each(|part| hasher.text(part));
        hasher.finish()
    }
}

/// Names nodes by their functions: `nodes![clean, count]`.
#[macro_export]
macro_rules! nodes {
    ($($node:path),* $(,)?) => {
        [$($crate::IntoNode::into_node(<$node>::node())),*]
    };
}
