//! What a store says of many spans at once.

use serde::{Deserialize, Serialize};

/// Counts and durations of the spans with one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameStatistics {
    /// The spans' name.
    pub name: String,
    /// How many have ended.
    pub count: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many of them came from the cache.
    pub cached: u64,
    /// How long they took together, in nanoseconds.
    pub total_ns: u64,
    /// How long the longest took, in nanoseconds.
    pub max_ns: u64,
    /// The duration below which half of them lie, in nanoseconds, within 1 %.
    pub p50_ns: f64,
    /// The duration below which 95 % of them lie, in nanoseconds, within 1 %.
    pub p95_ns: f64,
    /// The duration below which 99 % of them lie, in nanoseconds, within 1 %.
    pub p99_ns: f64,
}

/// Counts and durations of the spans of one pipeline, name and node that started in one period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RollupRow {
    /// The length of the period, in seconds.
    pub(crate) period_s: i64,
    /// When it starts, in seconds since 1970 UTC.
    pub(crate) start_unix_s: i64,
    pub(crate) pipeline: String,
    pub(crate) node: String,
    pub(crate) statistics: NameStatistics,
}
