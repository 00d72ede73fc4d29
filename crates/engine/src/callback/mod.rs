//! The user's callbacks: told of every event of their level, in one order.

mod context;
mod failure;
mod hooks;
mod logging;
mod member;
mod metrics;
mod metrics_table;
mod prometheus;
mod queue;
mod replay;
mod set;
mod tally;

pub use context::CallbackContext;
pub use failure::CallbackFailure;
pub use hooks::{Callback, CallbackResult, IntoCallbackResult};
pub use logging::Logging;
pub use metrics::{Metrics, MetricsSnapshot, NodeMetrics};
pub use replay::{Replayed, replay};
pub use set::Callbacks;
pub(crate) use set::{Telling, View};
pub use tally::CallbackTime;
pub(crate) use tally::Tally;
