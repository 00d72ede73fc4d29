//! What the engine tells while it runs: one linear order of plain-data events.
//!
//! Progress, callbacks and recorded replays all read these. An [`Event`] borrows; an [`EventRecord`] is its owned form.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{CacheStatus, RunId, SpanId};

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
        }
    }
}

/// A place in a plan, by its number: the same node of the same pipeline in the same surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteId(pub u32);

/// A place in a plan, interned when the plan is made. The root pipeline is site 0; parents stand before children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its number, which is its index in the plan's list of sites.
    pub id: SiteId,
    /// The site above it.
    pub parent: Option<SiteId>,
    /// What stands here.
    pub subject: Subject,
    /// Its own name (an item: its map's name).
    pub name: Arc<str>,
    /// Names from the root to here: `outer > inner > node` (an item has its map's).
    pub path: Arc<str>,
    /// How many pipelines stand above: the root pipeline has 0, its nodes 1.
    pub depth: u16,
    /// How many children must end for it to be done: nodes of a pipeline; unknown for a map until it starts.
    pub children: u32,
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

/// One thing that happened in a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The event's place in the run's order, from 0.
    pub seq: u64,
    /// When, in nanoseconds since 1970 UTC.
    pub at_unix_ns: i64,
    /// The run.
    pub run: RunId,
    /// Where in the plan.
    pub site: &'a Site,
    /// The span of the thing that this is about.
    pub span: SpanId,
    /// The nearest item of a map that this is in, by its index.
    pub index: Option<u64>,
    /// What happened.
    pub kind: EventKind<'a>,
}

impl<'a> Event<'a> {
    /// Makes an event.
    #[must_use]
    pub const fn new(
        (seq, at_unix_ns): (u64, i64),
        run: RunId,
        site: &'a Site,
        span: SpanId,
        index: Option<u64>,
        kind: EventKind<'a>,
    ) -> Self {
        Self { seq, at_unix_ns, run, site, span, index, kind }
    }

    /// Returns the event's name: `node.started`, `item.cached`, …
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.site.subject.as_str(), self.kind.verb().as_str())
    }

    /// Returns the owned form.
    #[must_use]
    pub fn to_record(&self) -> EventRecord {
        let mut record = EventRecord {
            version: EventRecord::VERSION,
            seq: self.seq,
            at_unix_ns: self.at_unix_ns,
            run: self.run,
            subject: self.site.subject,
            verb: self.kind.verb(),
            path: Arc::clone(&self.site.path),
            span: self.span,
            index: self.index,
            total: None,
            duration_ns: None,
            saved_ns: None,
            attempt: None,
            failure: None,
        };
        match self.kind {
            EventKind::Started { total } => record.total = total,
            EventKind::Finished { duration_ns, .. } | EventKind::Cancelled { duration_ns } => {
                record.duration_ns = Some(duration_ns)
            }
            EventKind::Cached { lookup_ns, saved_ns, .. } => {
                record.duration_ns = Some(lookup_ns);
                record.saved_ns = Some(saved_ns);
            }
            EventKind::Failed { duration_ns, failure } => {
                record.duration_ns = Some(duration_ns);
                record.failure = Some(failure.clone());
            }
            EventKind::Retried { attempt, failure, .. } => {
                record.attempt = Some(attempt);
                record.failure = Some(failure.clone());
            }
            EventKind::Skipped => {}
        }
        record
    }
}

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
    /// It was stopped.
    Cancelled {
        /// How long it took.
        duration_ns: u64,
    },
    /// It never began, because an input failed or the run was stopped.
    Skipped,
}

impl EventKind<'_> {
    /// Returns the verb of the event's name.
    #[must_use]
    pub const fn verb(&self) -> EventVerb {
        match self {
            Self::Started { .. } => EventVerb::Started,
            Self::Finished { .. } => EventVerb::Finished,
            Self::Cached { .. } => EventVerb::Cached,
            Self::Failed { .. } => EventVerb::Failed,
            Self::Retried { .. } => EventVerb::Retried,
            Self::Cancelled { .. } => EventVerb::Cancelled,
            Self::Skipped => EventVerb::Skipped,
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
        }
    }
}

/// Which events a reader wants; an event that nobody wants is never built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest(u32);

impl Interest {
    /// No event.
    pub const NONE: Self = Self(0);
    /// Every event.
    pub const ALL: Self = Self(u32::MAX);

    /// Adds the events of one kind.
    #[must_use]
    pub const fn with(self, subject: Subject, verb: EventVerb) -> Self {
        Self(self.0 | Self::bit(subject, verb))
    }

    /// Adds what another reader wants.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Says whether events of this kind are wanted.
    #[must_use]
    pub const fn wants(self, subject: Subject, verb: EventVerb) -> bool {
        self.0 & Self::bit(subject, verb) != 0
    }

    const fn bit(subject: Subject, verb: EventVerb) -> u32 {
        1 << (subject as u32 * 7 + verb as u32)
    }
}

/// The owned form of an [`Event`], for replay and for the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the field of `Event` or of its kind with the same name")]
pub struct EventRecord {
    /// The version of this form; see [`EventRecord::VERSION`].
    pub version: u32,
    pub seq: u64,
    pub at_unix_ns: i64,
    pub run: RunId,
    pub subject: Subject,
    pub verb: EventVerb,
    pub path: Arc<str>,
    pub span: SpanId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl EventRecord {
    /// The version written by this build.
    pub const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_names_exactly_what_was_asked_for() {
        let interest = Interest::NONE.with(Subject::Item, EventVerb::Skipped).with(Subject::Pipeline, EventVerb::Started);
        assert!(interest.wants(Subject::Item, EventVerb::Skipped));
        assert!(interest.wants(Subject::Pipeline, EventVerb::Started));
        assert!(!interest.wants(Subject::Map, EventVerb::Started));
        assert!(Interest::ALL.wants(Subject::Node, EventVerb::Failed));
    }
}
