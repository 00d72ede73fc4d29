//! Runs of pipelines: from inputs to outputs, once or once for each element.

mod attempts;
mod call;
mod durations;
mod items;
mod keyed;
mod level;
mod map;
mod open_span;
mod options;
mod outcome;
mod probe;
mod root;
mod shared;
mod slot;
mod telling;

pub use map::OnError;
pub use options::{MapBuilder, RunBuilder};
pub use outcome::{ItemRun, MapRun, Run, Settled};
pub use shared::{Capture, MapItems};
