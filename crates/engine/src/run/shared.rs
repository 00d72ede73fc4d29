//! What all parts of one run share, and where a part stands in it.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flowglass_model::{Attributes, CacheStatus, Event, Redaction, RunId, Site, SpanId, conventions as names};
use flowglass_record::{Scope, Tick, Value as AttributeInput};
use parking_lot::{Mutex, ReentrantMutex, ReentrantMutexGuard};

use super::border::Trail;
use super::map::MapItems;
use super::open_span::{OpenSpan, seconds};
use crate::backend::{Execution, LOCAL};
use crate::callback::Tally;
use crate::cancel::CancelToken;
use crate::capture::{Capture, Showing};
use crate::error::{Error, ErrorKind};
use crate::feed::Feeds;
use crate::pipeline::{Layout, LevelConfig, LevelSites, Pipeline, meters};
use crate::remote::Counts;

/// Told of every event of a run, whatever callbacks its levels have: progress, a live view.
pub(crate) type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Shared by everything that runs for one call of `run` or `map`.
pub(crate) struct RunShared {
    pub(crate) id: RunId,
    pub(crate) layout: Arc<Layout>,
    pub(crate) observer: Option<Observer>,
    /// Stops the whole run: by its caller's token, or because its time is over.
    pub(crate) cancel: CancelToken,
    /// How long a thread that should stop is waited for.
    pub(crate) grace: Duration,
    pub(crate) detached: Detached,
    /// How many nodes may start, and how many have, where that is bounded.
    pub(crate) most_nodes: Option<(u64, AtomicU64)>,
    pub(crate) clock: Clock,
    pub(crate) totals: Totals,
    pub(crate) map_items: MapItems,
    /// What is hidden in what is told.
    pub(crate) redaction: Redaction,
    /// Attributes of every span.
    pub(crate) attributes: Attributes,
    /// The number of the next event. Held while one is told, so that all hear events in one order, whichever threads they are of.
    pub(crate) next_event: Mutex<u64>,
    /// What callbacks came to.
    pub(crate) tally: Arc<Tally>,
    pub(crate) feeds: Feeds,
}

impl RunShared {
    /// Counts a node that is about to start.
    #[inline]
    pub(crate) fn take_node(&self) -> Result<(), Error> {
        let Some((most, started)) = &self.most_nodes else { return Ok(()) };
        if started.fetch_add(1, Relaxed) < *most {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Limit, format!("the run may start {most} nodes (`max_nodes`), and needs more")))
    }
}

/// Closed when nobody waits for a thread any more: what ends on it after that isn't told.
#[derive(Default)]
pub(crate) struct Gate {
    is_closed: ReentrantMutex<Cell<bool>>,
    /// The scopes of other recorders in which the thread has spans open, each with the span that was opened there first.
    scopes: Mutex<Vec<(SpanId, Scope)>>,
}

/// Holds a gate open while something ends.
pub(crate) type Passing<'a> = ReentrantMutexGuard<'a, Cell<bool>>;

impl Gate {
    /// Passes, for as long as the guard lives, unless the gate was closed.
    pub(crate) fn pass(&self) -> Option<Passing<'_>> {
        Some(self.is_closed.lock()).filter(|closed| !closed.get())
    }

    pub(crate) fn close(&self) {
        self.is_closed.lock().set(true);
    }

    /// Takes note that spans are opened in the scope of another recorder, of which this is the first.
    pub(crate) fn opened(&self, first: SpanId, scope: Scope) {
        self.scopes.lock().push((first, scope));
    }

    /// Takes note that the first span in the scope of another recorder has ended.
    pub(crate) fn ended(&self, first: SpanId) {
        self.scopes.lock().retain(|(other, _)| *other != first);
    }

    /// Takes the scopes of other recorders in which spans are open.
    pub(crate) fn take_scopes(&self) -> Vec<(SpanId, Scope)> {
        std::mem::take(&mut self.scopes.lock())
    }
}

/// Work whose thread was still running when it was ended.
#[derive(Default)]
pub(crate) struct Detached {
    any: AtomicBool,
    /// Each span, and where its work stands, unless work around it is named.
    work: Mutex<Vec<(SpanId, Option<String>)>>,
}

impl Detached {
    pub(crate) fn add(&self, span: SpanId, path: Option<String>) {
        self.any.store(true, Relaxed);
        self.work.lock().push((span, path));
    }

    pub(crate) fn has(&self, span: SpanId) -> bool {
        self.any.load(Relaxed) && self.work.lock().iter().any(|(detached, _)| *detached == span)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.work.lock().iter().filter_map(|(_, path)| path.clone()).collect()
    }
}

/// Turns ticks into Unix time for events; spans are resolved by the recorder.
pub(crate) struct Clock {
    pub(crate) start: Tick,
    pub(crate) start_unix_ns: i64,
}

impl Clock {
    pub(crate) fn unix_ns(&self, tick: Tick) -> i64 {
        self.start_unix_ns.saturating_add_unsigned(self.start.elapsed_ns(tick))
    }
}

/// What a run did, counted whether or not spans are recorded.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) nodes: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) saved_ns: AtomicU64,
    /// How many nodes asked the cache in vain.
    misses: AtomicU64,
    writes: AtomicU64,
    damaged: AtomicU64,
    /// The first thing that went wrong with the cache.
    problem: OnceLock<String>,
}

/// What the caches did for a run, its nested pipelines and maps included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// How many nodes came from the cache.
    pub hits: u64,
    /// How many nodes were computed though they may be cached.
    pub misses: u64,
    /// How many of those were stored.
    pub writes: u64,
    /// How long the computations took that needn't be done again, in nanoseconds.
    pub saved_ns: u64,
    /// How many results the cache knew of but couldn't give; they were computed.
    pub damaged: u64,
    /// The first thing that went wrong with the cache, if something did. The run went on without it.
    pub problem: Option<String>,
}

impl Totals {
    pub(crate) fn count(&self, ended: &super::open_span::Ended<'_>) {
        use super::open_span::Ended;
        match ended {
            Ended::Hit { saved_ns, .. } => {
                self.hits.fetch_add(1, Relaxed);
                self.saved_ns.fetch_add(*saved_ns, Relaxed);
            }
            Ended::Failed { .. } => {
                self.nodes.fetch_add(1, Relaxed);
                self.failed.fetch_add(1, Relaxed);
            }
            Ended::Computed { cache, .. } => {
                self.nodes.fetch_add(1, Relaxed);
                self.misses.fetch_add(u64::from(matches!(cache, CacheStatus::Miss | CacheStatus::Write)), Relaxed);
                self.writes.fetch_add(u64::from(*cache == CacheStatus::Write), Relaxed);
            }
            Ended::Cancelled => {}
        }
    }

    /// Notes that the cache knows of a result but can't give it.
    pub(crate) fn count_damage(&self, problem: impl fmt::Display) {
        self.damaged.fetch_add(1, Relaxed);
        self.note_problem(problem);
    }

    /// Notes that something went wrong with the cache.
    pub(crate) fn note_problem(&self, problem: impl fmt::Display) {
        self.problem.get_or_init(|| problem.to_string());
    }

    /// Counts what happened in another process as this run's own.
    pub(crate) fn add(&self, counts: &Counts) {
        let Counts { nodes, hits, failed, saved_ns, misses, writes, damaged } = *counts;
        self.nodes.fetch_add(nodes, Relaxed);
        self.hits.fetch_add(hits, Relaxed);
        self.failed.fetch_add(failed, Relaxed);
        self.saved_ns.fetch_add(saved_ns, Relaxed);
        self.misses.fetch_add(misses, Relaxed);
        self.writes.fetch_add(writes, Relaxed);
        self.damaged.fetch_add(damaged, Relaxed);
    }

    /// Returns what another process is to count as its own.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            nodes: self.nodes.load(Relaxed),
            hits: self.hits.load(Relaxed),
            failed: self.failed.load(Relaxed),
            saved_ns: self.saved_ns.load(Relaxed),
            misses: self.misses.load(Relaxed),
            writes: self.writes.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
        }
    }

    pub(crate) fn cache(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            writes: self.writes.load(Relaxed),
            saved_ns: self.saved_ns.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            problem: self.problem.get().cloned(),
        }
    }
}

/// One pipeline at work: the root's, a nested one's, or that of a map's item.
#[derive(Clone)]
pub(crate) struct Level {
    pub(crate) run: Arc<RunShared>,
    /// Where its spans are opened: the run's scope, or that of the thread on which items run.
    pub(crate) scope: Scope,
    /// Whether it runs on a thread of its own, which it may block.
    pub(crate) is_on_thread: bool,
    /// Stops what runs in this level, and nothing around it.
    pub(crate) cancel: CancelToken,
    /// Whether what ends here still counts; where it runs on a thread that may be given up.
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) pipeline: Pipeline,
    pub(crate) sites: Arc<LevelSites>,
    pub(crate) config: LevelConfig,
    /// The span under which this level's spans hang.
    pub(crate) span: SpanId,
    /// Whether this level's spans are recorded (where sampling leaves them out, failures still are).
    pub(crate) recorded: bool,
    /// Whether sampling keeps what is in this level, if it is recorded at all.
    pub(crate) sampled: bool,
    /// The spans around that other recorders have, or that this one had before it was switched off.
    pub(crate) trail: Option<Arc<Trail>>,
    pub(crate) place: Place,
}

/// Where something stands, with the indexes of the items around it: `digest > docs[3] > count`.
#[derive(Clone)]
pub(crate) struct Place(Arc<PlaceNode>);

struct PlaceNode {
    around: Option<Place>,
    name: Arc<str>,
    index: Option<u64>,
}

impl Place {
    pub(crate) fn root(name: &Arc<str>) -> Self {
        Self(Arc::new(PlaceNode { around: None, name: Arc::clone(name), index: None }))
    }

    pub(crate) fn inside(&self, name: &Arc<str>, index: Option<u64>) -> Self {
        Self(Arc::new(PlaceNode { around: Some(self.clone()), name: Arc::clone(name), index }))
    }

    /// The same place as an item of a top-level map.
    pub(crate) fn item(&self, index: u64) -> Self {
        let around = self.0.around.clone();
        Self(Arc::new(PlaceNode { around, name: Arc::clone(&self.0.name), index: Some(index) }))
    }

    /// The index of the nearest item around.
    pub(crate) fn index(&self) -> Option<u64> {
        self.0.index.or_else(|| self.0.around.as_ref()?.index())
    }

    /// Names and indexes from the root to here.
    pub(crate) fn steps(&self) -> Vec<(String, Option<u64>)> {
        let mut steps = self.0.around.as_ref().map(Self::steps).unwrap_or_default();
        steps.push((self.0.name.to_string(), self.0.index));
        steps
    }

    /// The name of the pipeline that is run.
    pub(crate) fn root_name(&self) -> &str {
        self.0.around.as_ref().map_or(&*self.0.name, Self::root_name)
    }

    /// Names from the root to here, without indexes.
    pub(crate) fn names(&self) -> String {
        let around = self.0.around.as_ref().map(|around| around.names() + " > ").unwrap_or_default();
        around + &self.0.name
    }

    /// The place at the end of these steps.
    pub(crate) fn at(steps: &[(String, Option<u64>)]) -> Self {
        let step = |around, (name, index): &(String, Option<u64>)| {
            Some(Self(Arc::new(PlaceNode { around, name: name.as_str().into(), index: *index })))
        };
        steps.iter().fold(None, step).unwrap_or_else(|| Self::root(&"".into()))
    }

    pub(crate) fn path(&self) -> String {
        let mut path = self.0.around.as_ref().map(|around| around.path() + " > ").unwrap_or_default();
        path.push_str(&self.0.name);
        if let Some(index) = self.0.index {
            let _ = write!(path, "[{index}]");
        }
        path
    }
}

impl Level {
    /// Returns what is shown of the values that a node of the level works on.
    pub(crate) fn capture_of(&self, node: usize) -> Capture {
        self.pipeline.0.nodes[node].capture.unwrap_or(self.config.capture)
    }

    /// Returns how values are shown, so much of them.
    pub(crate) fn showing(&self, capture: Capture) -> Showing<'_> {
        Showing { capture, redaction: &self.run.redaction }
    }

    /// Passes the gate of the level's thread, if it has one; none if nobody waits for the thread any more.
    #[inline]
    pub(crate) fn pass(&self) -> Option<Option<Passing<'_>>> {
        match &self.gate {
            None => Some(None),
            Some(gate) => gate.pass().map(Some),
        }
    }

    /// Says on a pipeline's span where its nodes run and how they are scheduled. A worker's spans all have the backend's name.
    pub(crate) fn tell_backend(&self, open: &OpenSpan) {
        if !open.recorded {
            return;
        }
        let (name, scheduling) = match &self.config.remote {
            Some(remote) => (remote.name(), &remote.inside),
            None => (LOCAL, &self.config.backend),
        };
        let (scope, mode) = (&open.level.scope, scheduling.node_execution.as_str());
        if !self.config.is_guest {
            scope.attribute(open.span(), names::BACKEND_NAME, AttributeInput::Str(name));
        }
        scope.attribute(open.span(), names::BACKEND_MODE, AttributeInput::Str(mode));
    }

    /// Counts what came whole from the cache at a site of this level: so many results, which took so long to compute.
    pub(crate) fn count_hits(&self, site: u32, hits: u64, saved_ns: u64) {
        self.run.totals.hits.fetch_add(hits, Relaxed);
        self.run.totals.saved_ns.fetch_add(saved_ns, Relaxed);
        if self.config.telemetry {
            self.scope.count(site, meters::HITS, hits.cast_signed());
            self.scope.count(site, meters::SAVED, seconds(saved_ns));
        }
    }

    pub(crate) fn site(&self, site: u32) -> &Site {
        &self.run.layout.sites[site as usize]
    }

    /// Says whether nodes of this level that aren't async run on threads.
    pub(crate) fn uses_threads(&self) -> bool {
        self.config.backend.node_execution == Execution::Threads
    }

    /// Says whether items of this level's maps run on threads.
    pub(crate) fn items_use_threads(&self) -> bool {
        !self.is_on_thread && self.config.backend.map_execution == Execution::Threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_name_items_where_they_stand() {
        let place = Place::root(&"a".into()).inside(&"b".into(), Some(3)).inside(&"c".into(), None);
        assert_eq!((place.path().as_str(), place.index()), ("a > b[3] > c", Some(3)));
        assert_eq!(Place::root(&"a".into()).item(2).path(), "a[2]");
    }
}
