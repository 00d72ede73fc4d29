//! What a map counts of its items, whichever of them have spans.

use flowglass_model::CacheStatus;
use flowglass_record::Tick;

use super::super::ended::{Aggregate, Ended, milliseconds, seconds};
use super::super::open_span::OpenSpan;
use super::super::told::Lot;
use super::durations::Durations;
use super::work;
use crate::error::{Error, ErrorKind};
use crate::pipeline::meters;

/// Counts of a map, exact whatever is sampled.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) ended: u64,
    pub(crate) failed: u64,
    pub(crate) cached: u64,
    pub(crate) saved_ns: u64,
    durations: Durations,
    /// Those of them that have no span.
    unsampled: Unsampled,
    /// Failed items with the lowest indexes, in their order: as many as a map's error keeps.
    failures: Vec<(u64, Error)>,
    pub(super) stopped: Option<Stopped>,
    /// Whether the run may start no further nodes.
    pub(super) is_at_limit: bool,
}

/// Items that sampling left without a span: none of them failed, because what fails always has one.
#[derive(Default)]
struct Unsampled {
    ended: u64,
    cached: u64,
    durations: Durations,
}

/// Why a map started no further items.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Cancelled,
    ByFailure,
}

impl Counts {
    /// Counts an item; `recorded` says whether the map's own span is.
    pub(super) fn add(&mut self, item: &work::Ended, recorded: bool) {
        let done = &item.done;
        let duration_ns = done.began.unwrap_or(item.start).elapsed_ns(done.end);
        self.ended += 1;
        self.durations.add(duration_ns);
        self.cached += u64::from(done.hit);
        self.saved_ns += done.saved_ns;
        match &done.result {
            Err(error) if error.kind() != ErrorKind::Cancelled => self.add_failure(item.index, error),
            _ if recorded && !item.kept => self.unsampled.add(duration_ns, done.hit),
            _ => {}
        }
    }

    fn add_failure(&mut self, index: u64, error: &Error) {
        self.failed += 1;
        self.is_at_limit |= error.kind() == ErrorKind::Limit;
        let place = self.failures.partition_point(|(other, _)| *other < index);
        if place < Error::ITEMS {
            self.failures.insert(place, (index, error.clone()));
            self.failures.truncate(Error::ITEMS);
        }
    }

    /// Whether every item came whole from the cache.
    pub(crate) fn hit(&self) -> bool {
        self.cached == self.ended && self.stopped.is_none()
    }

    /// The error of a map with failed items, which names how many and the first. `total` is how many items there are, where
    /// that is known.
    pub(crate) fn error(&self, total: Option<u64>) -> Option<Error> {
        if self.stopped == Some(Stopped::Cancelled) {
            return Some(super::super::level::cancelled());
        }
        let failures = self.failures.iter().map(|(_, error)| error.clone());
        (self.failed > 0).then(|| Error::of_items(self.failed, total.unwrap_or(self.ended), failures.collect()))
    }

    /// Returns how many items ended in a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    fn rate(&self, duration_ns: u64) -> f64 {
        self.ended as f64 / seconds(duration_ns.max(1))
    }

    /// Ends the map's span with its aggregates.
    pub(crate) fn end_span(&self, mut open: OpenSpan, total: u64, end: Tick, made: Lot<'_>) {
        let error = self.error(Some(total)).map(|error| error.at(&place_of(&open), None, open.level.run.id, 1));
        let cached = open.level.config.cache.is_some();
        let status = if self.hit() { CacheStatus::Hit } else { CacheStatus::Write };
        open.aggregates = vec![
            Aggregate::Int(total),
            Aggregate::Int(self.failed),
            Aggregate::Int(self.cached),
            Aggregate::Nested(self.durations.to_attribute()),
        ];
        open.aggregates.extend(self.unsampled.aggregates());
        open.aggregates.extend([
            if cached { Aggregate::Cache(status) } else { Aggregate::None },
            if self.saved_ns > 0 { Aggregate::Float(milliseconds(self.saved_ns)) } else { Aggregate::None },
        ]);
        let lookup_ns = open.frame.start.elapsed_ns(end);
        if open.level.config.telemetry && self.ended > 0 {
            open.level.scope.count(open.site, meters::THROUGHPUT, self.rate(lookup_ns));
        }
        let ended = match &error {
            Some(error) => Ended::Failed { error },
            None if cached && self.hit() => Ended::Hit { signature: None, saved_ns: self.saved_ns, lookup_ns },
            None => Ended::Computed { cache: if cached { status } else { CacheStatus::Off }, signature: None },
        };
        let made = if error.is_some() { Lot::Unknown } else { made };
        open.end_with(&ended, end, made);
    }
}

impl Unsampled {
    fn add(&mut self, duration_ns: u64, hit: bool) {
        self.ended += 1;
        self.cached += u64::from(hit);
        self.durations.add(duration_ns);
    }

    /// What the map's span tells of them.
    fn aggregates(&self) -> [Aggregate; 3] {
        if self.ended == 0 {
            return [Aggregate::None, Aggregate::None, Aggregate::None];
        }
        [Aggregate::Int(self.ended), Aggregate::Int(self.cached), Aggregate::Nested(self.durations.to_attribute())]
    }
}

fn place_of(open: &OpenSpan) -> String {
    let site = open.level.site(open.site);
    // A top-level map stands where its pipeline does.
    if open.level.run.layout.map.is_some_and(|(map, _)| map == open.site) {
        return open.level.place.path();
    }
    open.level.place.inside(&site.name, None).path()
}
