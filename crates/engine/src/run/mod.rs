//! Runs of pipelines: from inputs to outputs, once or once for each element.

mod aftermath;
mod agenda;
mod attempts;
mod border;
mod call;
mod finished;
pub(crate) mod guest;
mod handed;
mod hit;
mod kept;
mod keyed;
mod leaving;
mod level;
mod map;
mod nested;
mod open_span;
mod options;
mod outcome;
mod probe;
mod recall;
mod retries;
mod root;
mod shared;
mod slot;
mod straight;
mod telling;
mod transition;
mod turn;
mod user_code;
mod work;

pub(crate) use kept::Kept;
pub use map::{MapItems, MapStream, MapSummary, OnError};
pub use options::{MapBuilder, RunBuilder, StreamBuilder};
pub use outcome::{ItemRun, MapRun, Run, Settled};
pub use shared::CacheStats;
pub(crate) use user_code::NO_RUNTIME;
