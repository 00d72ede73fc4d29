//! One file a verb.

pub(crate) mod cache;
pub(crate) mod compare;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod foreign;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod moment;
pub(crate) mod prune;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod size;
pub(crate) mod sql;
pub(crate) mod stats;
pub(crate) mod store;

use std::time::Duration;

use flowglass::model::RecordCounts;
use flowglass::term::quantity;

/// Reads a length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    flowglass::model::parse_duration(text).ok_or_else(|| "write it like `30d`, `12h` or `45s`".to_owned())
}

/// Tells how many records there are of each kind that there are some of.
pub(crate) fn counted(counts: RecordCounts) -> String {
    let kinds = [(counts.spans, "span"), (counts.events, "event"), (counts.logs, "log"), (counts.points, "point")];
    let some = kinds.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> =
        some.map(|(count, kind)| format!("{} {kind}{}", quantity::count(count), if count == 1 { "" } else { "s" })).collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}
