//! One file a verb.

pub(crate) mod cache;
pub(crate) mod compare;
pub(crate) mod foreign;
pub(crate) mod graph;
pub(crate) mod list;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod stats;

use std::time::Duration;

/// Reads a length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    flowglass::model::parse_duration(text).ok_or_else(|| "write it like `30d`, `12h` or `45s`".to_owned())
}
