//! The two words of an event's name: what it is about, and what happened.

use serde::{Deserialize, Serialize};

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A run of a pipeline, top-level or nested.
    Pipeline,
    /// An execution of a node.
    Node,
    /// A map over a list.
    Map,
    /// An item of a map.
    Item,
    /// Something that this build doesn't know: only in records of a newer one.
    #[serde(other)]
    Other,
}

impl Subject {
    /// Returns the word used in event names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Node => "node",
            Self::Map => "map",
            Self::Item => "item",
            Self::Other => "other",
        }
    }
}

/// The verb of an event's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the variant of `EventKind` with the same name")]
pub enum EventVerb {
    Started,
    Finished,
    Cached,
    Failed,
    Retried,
    Cancelled,
    Skipped,
    Moved,
    /// Something that this build doesn't know: only in records of a newer one.
    #[serde(other)]
    Other,
}

impl EventVerb {
    /// Returns the word used in event names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Cached => "cached",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Moved => "moved",
            Self::Other => "other",
        }
    }
}
