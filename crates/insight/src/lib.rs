//! Spans in, answers out: trees, waterfalls, statistics, critical paths, progress.
//!
//! Everything here is plain mathematics over data that somebody else read: no files, no clocks, no threads, no randomness.
//! Spans may come in any order, twice, with missing parents or in circles: nothing here panics on them.
//!
//! ```
//! use flowglass_insight::{Summary, Waterfall};
//!
//! let waterfall = Waterfall::of(&[]);
//! assert!(waterfall.rows().is_empty());
//! assert!(Summary::of(&[]).advice.is_empty());
//! ```

pub mod advice;
pub mod answers;
pub mod axis;
pub mod critical_path;
mod distribution;
pub mod facts;
pub mod failures;
mod guide;
mod histogram;
mod lanes;
pub mod progress;
pub mod quantity;
pub mod summary;
pub mod text;
mod tree;
pub mod waterfall;

#[cfg(test)]
mod fixture;

pub use critical_path::CriticalPath;
pub use distribution::Distribution;
pub use guide::{Guide, guides};
pub use histogram::Histogram;
pub use progress::Progress;
pub use summary::Summary;
pub use tree::{Tree, TreeNode};
pub use waterfall::Waterfall;
