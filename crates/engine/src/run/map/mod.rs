//! Maps: one pipeline or one node, run once for each item of lists or of a stream.

mod chunk;
mod collected;
mod counts;
mod durations;
mod item;
mod items;
mod sampling;
mod start;
mod stream;
mod supply;
mod work;

pub(crate) use collected::begin_node;
pub(super) use items::{Items, PREVIEW_BYTES};
pub use sampling::MapItems;
pub(crate) use start::{map, stream, stream_lists};
pub use stream::{MapStream, MapSummary};
pub(crate) use supply::Shown;

use super::slot::Slots;
use crate::error::Error;

/// What a map does after an item has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Goes on with the other items.
    #[default]
    Continue,
    /// Starts no further item and cancels those that run.
    Stop,
}

/// How one item ended.
#[derive(Clone)]
pub(crate) struct ItemEnd {
    pub(crate) index: u64,
    pub(crate) result: Result<Slots, Error>,
}
