//! Progress of a run: a live region on a terminal, plain lines elsewhere.
//!
//! The caller feeds a [`Progress`](flowglass_insight::Progress), says what time it is and how big the terminal is, and draws:
//! about every 50 ms while something runs.

mod frame;
mod labels;
mod plain;
mod region;

pub use frame::{View, frame};
pub use plain::PlainProgress;
pub use region::LiveRegion;
