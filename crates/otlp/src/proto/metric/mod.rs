//! Metrics, both directions.

mod point;
mod read;
mod write;

pub(super) use read::MetricReader;
pub use write::encode_metrics;

/// The bit of a point's flags that says that nothing was recorded.
const NO_RECORDED_VALUE: u64 = 1;
