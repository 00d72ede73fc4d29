//! What happens: the kinds of events, each with its facts.

use serde::{Deserialize, Serialize};

use super::EventVerb;
use crate::CacheStatus;

/// What happened. A node: started, then exactly one of finished, cached, failed, cancelled; or skipped alone.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// It began.
    Started {
        /// How many children it will have: nodes of a pipeline, items of a map where that is known.
        total: Option<u64>,
    },
    /// It ended well.
    Finished {
        /// How long it took.
        duration_ns: u64,
        /// What the cache said.
        cache: CacheStatus,
    },
    /// Its result came from the cache.
    Cached {
        /// The computation's signature.
        signature: &'a [u8; 32],
        /// How long the cache took to answer.
        lookup_ns: u64,
        /// How long the computation took that made the entry.
        saved_ns: u64,
    },
    /// It ended with an error.
    Failed {
        /// How long it took.
        duration_ns: u64,
        /// Why.
        failure: &'a Failure,
    },
    /// An attempt failed and another follows.
    Retried {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// How long it waits before the next.
        delay_ns: u64,
        /// Why it failed.
        failure: &'a Failure,
    },
    /// Its work goes from one backend to another, or comes back. Told between its start and its end.
    Moved {
        /// The name of the backend that it comes from.
        from: &'a str,
        /// The name of the backend that it goes to.
        to: &'a str,
        /// Who had it, where it comes back from a worker.
        worker: Option<&'a str>,
    },
    /// It was stopped.
    Cancelled {
        /// How long it took.
        duration_ns: u64,
    },
    /// It never began, because an input failed or the run was stopped.
    Skipped,
}

impl EventKind<'_> {
    /// Says whether nothing more will happen to what the event is about.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        !matches!(self, Self::Started { .. } | Self::Retried { .. } | Self::Moved { .. })
    }

    /// Returns the verb of the event's name.
    #[must_use]
    pub const fn verb(&self) -> EventVerb {
        match self {
            Self::Started { .. } => EventVerb::Started,
            Self::Finished { .. } => EventVerb::Finished,
            Self::Cached { .. } => EventVerb::Cached,
            Self::Failed { .. } => EventVerb::Failed,
            Self::Retried { .. } => EventVerb::Retried,
            Self::Moved { .. } => EventVerb::Moved,
            Self::Cancelled { .. } => EventVerb::Cancelled,
            Self::Skipped => EventVerb::Skipped,
        }
    }
}

/// Why something failed, as told to readers of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The type of the error: the attribute `error.type`.
    pub error_type: String,
    /// The message.
    pub message: String,
    /// The messages of its causes, outermost first.
    pub causes: Vec<String>,
}
