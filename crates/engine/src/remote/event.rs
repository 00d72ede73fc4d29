//! What happens inside of a job, told to the callbacks and views of the driver as if it happened there.

use flowglass_model::{CacheStatus, Event, EventKind, Failure, SpanId};
use serde::{Deserialize, Serialize};

use crate::value::KeyDigest;

/// An event of a worker's run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RemoteEvent {
    /// Which of the job's items it is in.
    pub(crate) item: u32,
    /// Where in the pipeline: its site, counted from the first inside of the pipeline.
    pub(crate) site: u32,
    pub(crate) span: SpanId,
    pub(crate) index: Option<u64>,
    /// Whether a failure only passes on what failed inside.
    pub(crate) from_inside: bool,
    pub(crate) kind: RemoteKind,
}

/// What happened, owned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum RemoteKind {
    Started { total: Option<u64> },
    Finished { duration_ns: u64, cache: CacheStatus },
    Cached { signature: KeyDigest, lookup_ns: u64, saved_ns: u64 },
    Failed { duration_ns: u64, failure: Failure },
    Retried { attempt: u32, delay_ns: u64, failure: Failure },
    Cancelled { duration_ns: u64 },
    Skipped,
}

impl RemoteEvent {
    /// Takes an event of the `item`-th run of a pipeline whose first site inside is `first`.
    pub(crate) fn of(event: &Event<'_>, item: u32, first: u32) -> Option<Self> {
        let site = event.site.id.0.checked_sub(first)?;
        let kind = RemoteKind::of(&event.kind)?;
        Some(Self { item, site, span: event.span, index: event.index, from_inside: event.from_inside, kind })
    }
}

impl RemoteKind {
    fn of(kind: &EventKind<'_>) -> Option<Self> {
        Some(match *kind {
            EventKind::Started { total } => Self::Started { total },
            EventKind::Finished { duration_ns, cache } => Self::Finished { duration_ns, cache },
            EventKind::Cached { signature, lookup_ns, saved_ns } => Self::Cached { signature: *signature, lookup_ns, saved_ns },
            EventKind::Failed { duration_ns, failure } => Self::Failed { duration_ns, failure: failure.clone() },
            EventKind::Retried { attempt, delay_ns, failure } => Self::Retried { attempt, delay_ns, failure: failure.clone() },
            EventKind::Cancelled { duration_ns } => Self::Cancelled { duration_ns },
            EventKind::Skipped => Self::Skipped,
            _ => return None,
        })
    }

    /// Returns the event's kind as the engine tells it.
    pub(crate) fn as_kind(&self) -> EventKind<'_> {
        match self {
            Self::Started { total } => EventKind::Started { total: *total },
            Self::Finished { duration_ns, cache } => EventKind::Finished { duration_ns: *duration_ns, cache: *cache },
            Self::Cached { signature, lookup_ns, saved_ns } => {
                EventKind::Cached { signature, lookup_ns: *lookup_ns, saved_ns: *saved_ns }
            }
            Self::Failed { duration_ns, failure } => EventKind::Failed { duration_ns: *duration_ns, failure },
            Self::Retried { attempt, delay_ns, failure } => {
                EventKind::Retried { attempt: *attempt, delay_ns: *delay_ns, failure }
            }
            Self::Cancelled { duration_ns } => EventKind::Cancelled { duration_ns: *duration_ns },
            Self::Skipped => EventKind::Skipped,
        }
    }
}
