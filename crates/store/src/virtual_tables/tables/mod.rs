//! The tables, one file each.

mod attributes;
mod events;
mod logs;
mod metrics;
mod records;
mod rollups;
mod runs;
mod spans;

pub(super) use attributes::Attributes;
pub(super) use events::Events;
pub(super) use logs::Logs;
pub(super) use metrics::Metrics;
pub(super) use rollups::Rollups;
pub(super) use runs::Runs;
pub(super) use spans::Spans;
