//! One pipeline at work: starts each node when what it reads is there, and ends with all values or the first error.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use flowglass_record::Tick;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;

use super::aftermath::{self, Fate, Lent};
use super::agenda::Agenda;
use super::attempts::Attempts;
use super::call::{Begun, Done};
use super::kept::Kept;
use super::nested;
use super::shared::Level;
use super::slot::Slot;
use super::turn::{Turn, give_way};
use crate::capture::Capture;
use crate::error::{Error, ErrorKind};
use crate::pipeline::{AWAY, CACHED, MEASURED, ON_THREADS};

/// So many nodes are started between two looks at the clock, where nobody else wants to know the time.
const LOOK_EVERY: u32 = 16;

/// A pipeline at work. A future of its slots; dropped before its end, what runs is cancelled and what waits is skipped.
pub(crate) struct LevelWork {
    pub(super) level: Arc<Level>,
    pub(super) agenda: Agenda,
    pub(super) kept: Kept,
    /// Nodes that had to wait; made when the first one does.
    running: Option<FuturesUnordered<Tagged>>,
    /// The end of what ran last, which is the start of what runs next.
    pub(super) now: Tick,
    /// What keeps nodes from being called directly here.
    pub(super) obstacles: u8,
    /// Whether anybody may want to hear of nodes.
    pub(super) is_heard: bool,
    /// Whether it matters when nodes start and end.
    pub(super) is_timed: bool,
    /// Nodes that were called directly; counted in the run's totals at the end.
    pub(super) called: u64,
    /// Nodes that were recalled from the cache, and what that saved; likewise.
    pub(super) recalled: (u64, u64),
    error: Option<Error>,
    /// Nodes that did not end well: they failed, or were stopped when another had failed.
    unwell: Vec<(usize, Fate)>,
    /// What nodes were given that have to wait, or have failed.
    lent: Vec<Lent>,
    all_hit: bool,
    pub(super) saved_ns: u64,
    is_over: bool,
}

/// What a level gave.
pub(crate) struct LevelDone {
    /// The values that were made, also where the level failed.
    pub(crate) slots: Vec<Option<Slot>>,
    pub(crate) error: Option<Error>,
    /// Whether every node's result came from the cache.
    pub(crate) hit: bool,
    /// Whether it wasn't run, because the cache turned out to have it whole.
    pub(crate) is_found: bool,
    pub(crate) saved_ns: u64,
    /// The attempts that were made, where there may be several.
    pub(crate) attempts: Attempts,
    /// When a worker elsewhere had it, if one had.
    pub(crate) away: Option<(Tick, Tick)>,
}

/// A node's work and which node it is.
struct Tagged(usize, Pin<Box<dyn Future<Output = Done> + Send>>);

impl Future for Tagged {
    type Output = (usize, Done);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let node = self.0;
        self.1.as_mut().poll(cx).map(|done| (node, done))
    }
}

impl LevelWork {
    /// Prepares a level: `inputs` fill the first slots; only what is needed is run.
    pub(crate) fn new(level: Arc<Level>, inputs: Vec<Option<Slot>>) -> Self {
        let is_heard = !level.is_unheard();
        Self {
            agenda: Agenda::new(&level.needs),
            kept: Kept::new(&level.needs, inputs),
            running: None,
            now: Tick::ZERO,
            obstacles: obstacles(&level),
            is_heard,
            is_timed: is_heard || !level.scope.is_off(),
            called: 0,
            recalled: (0, 0),
            error: None,
            unwell: Vec::new(),
            lent: Vec::new(),
            all_hit: true,
            saved_ns: 0,
            is_over: false,
            level,
        }
    }

    fn may_start(&self) -> bool {
        let under_way = self.running.as_ref().map_or(0, FuturesUnordered::len);
        self.level.config.backend.has_room_for_node(under_way)
    }

    /// Starts nodes as long as some are ready and there is room. Says whether that is as far as it goes for now, and not only
    /// for this turn.
    fn start_nodes(&mut self, level: &Arc<Level>, turn: &mut Turn, cx: &mut Context<'_>) -> bool {
        while self.error.is_none() && self.may_start() {
            let Some(node) = self.agenda.start_next() else { return true };
            if level.cancel.is_cancelled() {
                self.agenda.unstart(node);
                self.fail(cancelled());
            } else if let Err(error) = level.run.take_node() {
                self.agenda.unstart(node);
                self.fail(error);
            } else if !self.call_directly(level, node, cx) {
                self.recall_or_begin(level, node, cx);
            }
            let (now, is_timed) = (self.now, self.is_timed);
            if turn.is_over(|| if is_timed { now } else { Tick::now() }) {
                return false;
            }
        }
        true
    }

    pub(super) fn begun(&mut self, node: usize, begun: Begun) {
        match begun {
            Begun::Done(done) => self.finish(node, done),
            Begun::Running(future) => {
                self.running.get_or_insert_default().push(Tagged(node, future));
                self.now = Tick::now();
            }
        }
    }

    pub(super) fn finish(&mut self, node: usize, done: Done) {
        self.all_hit &= done.hit;
        self.saved_ns += done.saved_ns;
        self.now = done.end;
        let given = self.give_back(node);
        match done.result {
            Ok(slots) => {
                let steps = &self.level.pipeline.0.steps;
                let first = steps.steps[node].outputs.0 as usize;
                match self.level.places(node) {
                    None => (first..).zip(slots).for_each(|(at, slot)| self.kept.put(at, slot)),
                    Some(places) => places.iter().zip(slots).for_each(|(place, slot)| self.kept.put(first + place, slot)),
                }
                self.agenda.done(steps, node);
            }
            Err(error) => {
                let is_stopped = self.error.is_some() && error.kind() == ErrorKind::Cancelled;
                self.unwell.push((node, if is_stopped { Fate::Cancelled } else { Fate::Other }));
                self.fail(aftermath::with_inputs(error, &self.level, node, given.as_ref()));
            }
        }
    }

    /// Holds on to what a node is given until it ends, for the case that it fails.
    pub(super) fn lend(&mut self, node: usize, given: Vec<Option<Slot>>) {
        self.lent.push(Lent { node, given });
    }

    fn give_back(&mut self, node: usize) -> Option<Lent> {
        let at = self.lent.iter().position(|lent| lent.node == node)?;
        Some(self.lent.swap_remove(at))
    }

    /// Says what has become of a node when another has failed.
    fn fate(&self, node: usize) -> Fate {
        let is_running = |running: &FuturesUnordered<Tagged>| running.iter().any(|running| running.0 == node);
        let unwell = self.unwell.iter().find(|(other, _)| *other == node).map(|(_, fate)| *fate);
        match self.agenda.is_started(node) {
            None => Fate::Other,
            Some(false) => Fate::Skipped,
            Some(true) if self.running.as_ref().is_some_and(is_running) => Fate::Cancelled,
            Some(true) => unwell.unwrap_or(Fate::Finished),
        }
    }

    /// Starts nothing more, and asks what runs to stop.
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
        self.level.cancel.cancel();
    }

    /// Takes the end of one node that had to wait.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Done)>> {
        match &mut self.running {
            Some(running) => Pin::new(running).poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    /// Cancels what runs, and tells of what will never start.
    fn stop(&mut self) {
        self.running = None;
        self.is_over = true;
        self.count();
        let (now, level) = (Tick::now(), Arc::clone(&self.level));
        for node in self.agenda.give_up() {
            nested::skip(&level, node, now);
        }
    }

    /// Adds what was counted here to the run's totals.
    fn count(&mut self) {
        self.all_hit &= self.called == 0;
        let (totals, (hits, saved_ns)) = (&self.level.run.totals, std::mem::take(&mut self.recalled));
        totals.nodes.fetch_add(std::mem::take(&mut self.called), Relaxed);
        totals.hits.fetch_add(hits, Relaxed);
        totals.saved_ns.fetch_add(saved_ns, Relaxed);
    }

    fn done(&mut self) -> LevelDone {
        let error = self.error.take().map(|error| aftermath::with_fates(error, &self.level, |node| self.fate(node)));
        if error.is_some() {
            self.stop();
        } else {
            self.is_over = true;
            self.count();
        }
        let hit = error.is_none() && self.all_hit;
        let slots = self.kept.take_slots();
        LevelDone { slots, error, hit, is_found: false, saved_ns: self.saved_ns, attempts: Attempts::new(), away: None }
    }
}

impl Future for LevelWork {
    type Output = LevelDone;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LevelDone> {
        let this = self.get_mut();
        let level = Arc::clone(&this.level);
        this.now = Tick::now();
        let mut turn = Turn::new(this.now, if this.is_timed { 1 } else { LOOK_EVERY });
        loop {
            if !this.start_nodes(&level, &mut turn, cx) {
                give_way(cx);
                return Poll::Pending;
            }
            match this.poll_running(cx) {
                Poll::Ready(Some((node, done))) => this.finish(node, done),
                Poll::Ready(None) => return Poll::Ready(this.done()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for LevelWork {
    fn drop(&mut self) {
        if !self.is_over {
            self.stop();
        }
    }
}

/// What keeps the nodes of a level from being called directly.
fn obstacles(level: &Level) -> u8 {
    let cached = if level.config.cache.is_some() { CACHED } else { 0 };
    let threads = if level.uses_threads() { ON_THREADS } else { 0 };
    let away = if level.config.remote.is_some() { AWAY } else { 0 };
    let measured = if level.measures_usage() || level.config.capture == Capture::Full { MEASURED } else { 0 };
    cached | threads | away | measured
}

pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled")
}
