//! What all parts of one run share, and where a part stands in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use flowglass_model::{Attributes, Event, Redaction, RunId, Site, SpanId, TraceParent, conventions as names};
use flowglass_record::{Scope, Tick, Value as AttributeInput};
use parking_lot::Mutex;

use super::border::Trail;
use super::ended::seconds;
use super::gate::{Detached, Gate, Passing};
use super::map::MapItems;
use super::open_span::OpenSpan;
use super::place::Place;
use super::totals::Totals;
use crate::backend::{Execution, LOCAL};
use crate::callback::{Callbacks, Tally};
use crate::cancel::CancelToken;
use crate::capture::{Capture, Showing};
use crate::error::{Error, ErrorKind};
use crate::feed::Feeds;
use crate::pipeline::{Inside, Layout, LevelConfig, LevelSites, Needs, Pipeline, meters};

/// Told of every event of a run, whatever callbacks its levels have: progress, a live view.
pub(crate) type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Shared by everything that runs for one call of `run` or `map`.
pub(crate) struct RunShared {
    pub(crate) id: RunId,
    /// What it was told to hang on in another process.
    pub(crate) outside: Option<TraceParent>,
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
    /// What of the pipeline is needed here.
    pub(crate) needs: Arc<Needs>,
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

impl Level {
    /// What is needed of a node that is a pipeline; of one that nobody needs, what would be.
    pub(crate) fn inside(&self, node: usize) -> Option<&Inside> {
        let inside = self.needs.inside(node).or_else(|| self.pipeline.0.nodes[node].inside());
        inside.map(|inside| &**inside)
    }

    /// Which of its outputs a node makes here, if these are not all.
    #[inline]
    pub(crate) fn places(&self, node: usize) -> Option<&[usize]> {
        self.needs.inside(node)?.places.as_deref()
    }

    /// Returns what is shown of the values that a node of the level works on.
    pub(crate) fn capture_of(&self, node: usize) -> Capture {
        self.pipeline.0.nodes[node].capture.unwrap_or(self.config.capture)
    }

    /// Says whether spans tell what this process uses while nodes are called: not where that is done elsewhere.
    pub(crate) fn measures_usage(&self) -> bool {
        self.config.callbacks.as_ref().is_some_and(Callbacks::measures_usage) && self.config.remote.is_none()
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
