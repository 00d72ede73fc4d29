//! How a run ended: status, error, trace, and what callbacks and caches did.

use std::sync::Arc;

use flowglass_model::{EventRecord, RunId, Span, SpanId, Status, keep_below};
use flowglass_record::Retained;

use super::totals::CacheStats;
use crate::callback::{CallbackFailure, CallbackTime, Tally};
use crate::error::{Error, ErrorKind};
use crate::feed::EventFeed;

/// How a run or a map ended. [`Run`](crate::Run) and [`MapRun`](crate::MapRun) are read as this, too.
pub struct Settled {
    pub(super) id: RunId,
    pub(super) root: SpanId,
    pub(super) error: Option<Error>,
    pub(super) duration_ns: u64,
    pub(super) cache: CacheStats,
    pub(super) retained: Option<Retained>,
    pub(super) tally: Arc<Tally>,
    pub(super) events: Option<EventFeed>,
    pub(super) detached: Vec<String>,
}

impl Settled {
    /// Returns the run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Returns the run's root span.
    #[must_use]
    pub fn root(&self) -> SpanId {
        self.root
    }

    /// Returns how the run ended; a map has an error if any item failed.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.error.as_ref().map(Error::kind) {
            None => Status::Ok,
            Some(ErrorKind::Cancelled) => Status::Cancelled,
            Some(_) => Status::Error,
        }
    }

    /// Returns why the run failed, if it did; of a map, how many items failed and the first.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Returns how long the run took, in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// Returns what the caches did for the run, its nested pipelines and maps included.
    #[must_use]
    pub fn cache_stats(&self) -> &CacheStats {
        &self.cache
    }

    /// Says whether the run was recorded, as far as the recorder has told by now: with telemetry, and not left out by sampling.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.retained.as_ref().is_some_and(|retained| retained.dropped() > 0 || !retained.spans().is_empty())
    }

    /// Returns the spans of the run, those of its nested pipelines and maps included, in order of their starts.
    ///
    /// They are read from what the recorder keeps in memory while the run is held; without telemetry there are none.
    #[must_use]
    pub fn trace(&self) -> Vec<Span> {
        let mut spans = self.retained.as_ref().map(Retained::spans).unwrap_or_default();
        // A trace that the run joined may be more than the run.
        if let Some(root) = self.id.joined_at.some() {
            keep_below(root, &mut spans);
        }
        spans
    }
}

/// What the run left behind, and what callbacks and events tell of it.
impl Settled {
    /// Returns where work was ended whose thread took no notice in time, and may run still: `outer > node[3]`.
    #[must_use]
    pub fn detached(&self) -> &[String] {
        &self.detached
    }

    /// Returns the callbacks that failed. The run did not notice.
    #[must_use]
    pub fn callback_failures(&self) -> Vec<CallbackFailure> {
        self.tally.failures()
    }

    /// Returns how long each callback took, the longest first. The run waited for them.
    #[must_use]
    pub fn callback_times(&self) -> Vec<CallbackTime> {
        self.tally.times()
    }

    /// Returns the run's events in their order, if the run was asked to keep them
    /// ([`keep_events`](crate::RunBuilder::keep_events)); else none.
    #[must_use]
    pub fn events(&self) -> Vec<Arc<EventRecord>> {
        self.events.as_ref().map(EventFeed::kept).unwrap_or_default()
    }

    /// Returns how many of the run's first events were too many to keep.
    #[must_use]
    pub fn events_lost(&self) -> u64 {
        self.events.as_ref().map_or(0, EventFeed::dropped)
    }
}
