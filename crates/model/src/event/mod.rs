//! What the engine tells while it runs: one linear order of plain-data events.
//!
//! Progress, callbacks and recorded replays all read these. An [`Event`] borrows; an [`EventRecord`] is its owned form.

mod interest;
mod kind;
mod name;
mod record;
mod site;
mod values;

use std::time::Duration;

pub use interest::Interest;
pub use kind::{EventKind, Failure};
pub use name::{EventVerb, Subject};
pub use record::EventRecord;
pub use site::{Site, SiteId};
pub use values::{EventValue, EventValues, LazyValue, Unavailable};

use crate::{RunId, SpanId};

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
    /// The span that it is inside of, where that is known here: not of what happens inside of a pipeline that a worker has.
    pub parent: SpanId,
    /// The nearest item of a map that this is in, by its index.
    pub index: Option<u64>,
    /// What happened.
    pub kind: EventKind<'a>,
    /// Of a failure: whether something inside failed, which has been told already, and this only passes the error on.
    pub from_inside: bool,
    values: Option<&'a (dyn EventValues + 'a)>,
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
        Self { seq, at_unix_ns, run, site, span, parent: SpanId::NONE, index, kind, from_inside: false, values: None }
    }

    /// Says where the values lie that it is about.
    #[must_use]
    pub const fn with_values(self, values: &'a (dyn EventValues + 'a)) -> Self {
        Self { values: Some(values), ..self }
    }

    /// Returns where the values lie that it is about, if whoever tells of it knows.
    #[must_use]
    pub const fn values(&self) -> Option<&'a (dyn EventValues + 'a)> {
        self.values
    }

    /// Finds what it was given under this name: where a pipeline, a node, a map or an item starts. Costs nothing unless it is
    /// asked for; see [`EventValue`], which also says why a value can't be had. None for events that were recorded.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<EventValue<'a>> {
        self.values?.input(name).map(EventValue::new)
    }

    /// Finds what it made under this name: where a pipeline, a node, a map or an item has ended well, or came from the cache, where
    /// its value stays until somebody [loads](EventValue::load) it. Otherwise as [`input`](Self::input).
    #[must_use]
    pub fn output(&self, name: &str) -> Option<EventValue<'a>> {
        self.values?.output(name).map(EventValue::new)
    }

    /// Returns the event's name: `node.started`, `item.cached`, …
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.site.subject.as_str(), self.kind.verb().as_str())
    }

    /// Returns the name of the pipeline, the node or the map that this is about (of an item, its map's).
    #[must_use]
    pub fn of(&self) -> &'a str {
        &self.site.name
    }

    /// Returns how long it took, in nanoseconds (of a cache hit, how long the cache took to answer); none unless it has ended.
    #[must_use]
    pub const fn duration_ns(&self) -> Option<u64> {
        match self.kind {
            EventKind::Finished { duration_ns, .. }
            | EventKind::Failed { duration_ns, .. }
            | EventKind::Cancelled { duration_ns } => Some(duration_ns),
            EventKind::Cached { lookup_ns, .. } => Some(lookup_ns),
            EventKind::Started { .. } | EventKind::Retried { .. } | EventKind::Moved { .. } | EventKind::Skipped => None,
        }
    }

    /// Returns how long it took; zero unless it has ended.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_ns().unwrap_or_default())
    }

    /// Returns why it failed, or why the attempt did after which it is tried again.
    #[must_use]
    pub const fn failure(&self) -> Option<&'a Failure> {
        match self.kind {
            EventKind::Failed { failure, .. } | EventKind::Retried { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Returns the owned form.
    #[must_use]
    pub fn to_record(&self) -> EventRecord {
        self.into()
    }
}
