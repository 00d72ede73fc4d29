//! Answers about many runs: how long nodes take, how often and why they fail, what changed between two sets of runs.
//!
//! Counts and durations of nodes come from [`Rollup`](flowglass_model::Rollup)s, which outlive spans; all else comes from
//! spans: the roots of runs, or whole runs.

mod beside;
mod bottlenecks;
mod comparison;
mod completeness;
mod correlation;
mod costs;
mod error_types;
mod health;
mod nodes;
mod places;
mod series;

pub use beside::{Beside, Measured, beside};
pub use bottlenecks::{Bottleneck, CriticalPlace, bottlenecks, critical_places};
pub use comparison::{Change, Comparison, Fact, PlaceChange};
pub use completeness::{Incomplete, incomplete};
pub use correlation::{Correlation, Suspect};
pub use costs::{Budget, Costs, ModelCosts};
pub use error_types::{ErrorType, error_types};
pub use health::{Estimate, Health};
pub use nodes::{NodeStatistics, by_node, called, count_spans};
pub use series::{Bucket, series};
