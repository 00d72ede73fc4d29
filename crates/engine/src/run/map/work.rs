//! A map at work: starts items as long as there is room, and counts what they come to.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flowglass_record::{Frame, Tick};
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::super::call::{Begun, Done};
use super::super::finished;
use super::super::open_span::OpenSpan;
use super::super::shared::Level;
use super::super::transition::{Transition, Whereabouts};
use super::OnError;
use super::chunk::{self, Chunk, Pace};
use super::counts::{Counts, Stopped};
use super::item::{Starter, Target};
use super::sampling::Sampling;
use super::supply::{Item, Supply};
use crate::error::{Error, ErrorKind};
use crate::pipeline::WholeItem;

/// A map at work.
pub(crate) struct MapWork {
    starter: Starter,
    pub(super) supply: Supply,
    sampling: Sampling,
    on_error: OnError,
    running: FuturesUnordered<Running>,
    threads: Option<Threads>,
    /// Items that have ended and were not told of yet.
    ended: VecDeque<Ended>,
    is_exhausted: bool,
    /// Wakes a map whose threads all take their time when somebody asks it to stop.
    asked: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// How long threads that should stop are waited for.
    grace: Option<Pin<Box<Sleep>>>,
    pub(super) counts: Counts,
    /// The map's own.
    site: u32,
    /// The transition that its items make, until the map is over.
    transition: Option<Transition>,
}

/// What running items on threads needs.
struct Threads {
    runtime: Handle,
    /// The map's span, under which each thread's scope begins.
    frame: Frame,
    idle: Vec<Starter>,
    pace: Pace,
}

/// An item that has ended.
pub(crate) struct Ended {
    pub(crate) index: u64,
    pub(super) start: Tick,
    /// Whether sampling keeps its spans, whatever becomes of it.
    pub(super) kept: bool,
    pub(crate) done: Done,
}

/// An item, or a chunk of them, under way.
enum Running {
    Item {
        index: u64,
        start: Tick,
        kept: bool,
        work: Pin<Box<dyn Future<Output = Done> + Send>>,
    },
    /// With the level in which its items run.
    Chunk(JoinHandle<Chunk>, Arc<Level>),
}

/// What came to its end.
enum Came {
    Item(Ended),
    Chunk(Chunk),
    /// A thread that was lost with its items: the runtime is going away.
    Lost,
}

impl Future for Running {
    type Output = Came;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Came> {
        match self.get_mut() {
            Self::Item { index, start, kept, work } => {
                let (index, start, kept) = (*index, *start, *kept);
                work.as_mut().poll(cx).map(|done| Came::Item(Ended { index, start, kept, done }))
            }
            Self::Chunk(thread, _) => Pin::new(thread).poll(cx).map(|chunk| chunk.map_or(Came::Lost, Came::Chunk)),
        }
    }
}

impl MapWork {
    /// Prepares a map under its open span.
    pub(crate) fn new(
        around: &Arc<Level>,
        open: &OpenSpan,
        target: Target,
        site: u32,
        supply: Supply,
        on_error: OnError,
    ) -> Self {
        let level = Arc::new(Level { span: open.span(), cancel: around.cancel.child(), ..Level::clone(around) });
        let runtime = if level.items_use_threads() { Handle::try_current().ok() } else { None };
        let transition = match &target {
            Target::Root => Transition::of_items(&level),
            Target::Node(node) => Transition::of_node_items(&level, *node),
        };
        transition.iter().for_each(|transition| transition.enter(&of_map(&level, open.site)));
        let threads = runtime.map(|runtime| Threads { runtime, frame: open.frame, idle: Vec::new(), pace: Pace::default() });
        let asked = threads.as_ref().map(|_| Box::pin(level.cancel.cancelled()) as _);
        let whole = if matches!(target, Target::Root) { whole_item(&level) } else { None };
        Self {
            sampling: Sampling::new(level.run.map_items, supply.total()),
            starter: Starter { level, target, site, whole },
            supply,
            on_error,
            running: FuturesUnordered::new(),
            threads,
            ended: VecDeque::new(),
            is_exhausted: false,
            asked,
            grace: None,
            counts: Counts::default(),
            site: open.site,
            transition,
        }
    }

    /// Gives the next item that has ended, in whatever order they do; none when the map is over. Starts items as long as
    /// `may_start` and there is room.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>, may_start: bool) -> Poll<Option<Ended>> {
        loop {
            if let Some(ended) = self.ended.pop_front() {
                self.counts.add(&ended, self.starter.level.recorded);
                return Poll::Ready(Some(ended));
            }
            if let Some(why) = self.stopped() {
                self.stop(why);
            }
            if may_start && self.start(cx) {
                continue;
            }
            match Pin::new(&mut self.running).poll_next(cx) {
                Poll::Ready(Some(Came::Item(ended))) => self.ended.push_back(ended),
                Poll::Ready(Some(Came::Chunk(chunk))) => self.take(chunk),
                Poll::Ready(Some(Came::Lost)) => self.stop(Stopped::Cancelled),
                Poll::Ready(None) if self.is_exhausted => {
                    self.over();
                    return Poll::Ready(None);
                }
                Poll::Ready(None) | Poll::Pending if is_over(&mut self.asked, cx) => {}
                Poll::Ready(None) | Poll::Pending if is_over(&mut self.grace, cx) => self.detach(),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// All items have ended.
    fn over(&mut self) {
        if let Some(transition) = self.transition.take() {
            transition.leave(&of_map(&self.starter.level, self.site), None);
        }
    }

    /// Says why to stop, if there is a reason and something to stop.
    fn stopped(&self) -> Option<Stopped> {
        if self.is_exhausted && self.running.is_empty() || self.counts.stopped.is_some() {
            return None;
        }
        if self.starter.level.cancel.is_cancelled() {
            return Some(Stopped::Cancelled);
        }
        let by_failure = self.on_error == OnError::Stop && self.counts.failed > 0;
        (by_failure || self.counts.is_at_limit).then_some(Stopped::ByFailure)
    }

    /// Ends the map early: items that run are cancelled.
    pub(super) fn cancel(&mut self) {
        self.stop(Stopped::Cancelled);
    }

    /// Starts nothing more, and asks what runs to stop. Threads that take no notice in time are left behind.
    fn stop(&mut self, why: Stopped) {
        self.starter.level.cancel.cancel();
        self.is_exhausted = true;
        self.counts.stopped.get_or_insert(why);
        if self.threads.is_some() {
            self.grace = Some(Box::pin(tokio::time::sleep(self.starter.level.run.grace)));
        }
    }

    /// Leaves the threads behind that are still at work: their items end now.
    fn detach(&mut self) {
        for running in std::mem::take(&mut self.running) {
            if let Running::Chunk(_, level) = running {
                self.ended.extend(chunk::give_up(&self.starter, &level));
            }
        }
    }

    /// Starts items until there is no room or one has ended at once. Says whether one has.
    fn start(&mut self, cx: &mut Context<'_>) -> bool {
        while !self.is_exhausted && self.starter.level.config.backend.has_room_for_item(self.running.len()) {
            let started = if self.threads.is_some() { self.start_chunk(cx) } else { self.start_item(cx) };
            if !started {
                return false;
            }
            if !self.ended.is_empty() {
                return true;
            }
        }
        false
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Option<(Item, bool)> {
        match self.supply.poll_next(cx) {
            Poll::Ready(Some(item)) => {
                let kept = self.sampling.keeps(item.index);
                Some((item, kept))
            }
            Poll::Ready(None) => {
                self.is_exhausted = true;
                None
            }
            Poll::Pending => None,
        }
    }

    fn start_item(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((item, kept)) = self.next(cx) else { return false };
        let (index, start) = (item.index, Tick::now());
        match self.starter.start(item, kept, start, cx) {
            Begun::Done(done) => self.ended.push_back(Ended { index, start, kept, done }),
            Begun::Running(work) => self.running.push(Running::Item { index, start, kept, work }),
        }
        true
    }

    fn start_chunk(&mut self, cx: &mut Context<'_>) -> bool {
        let most = self.threads.as_ref().map_or(1, |threads| threads.pace.next());
        let items: Vec<_> = std::iter::from_fn(|| self.next(cx)).take(most).collect();
        let Some(threads) = self.threads.as_mut().filter(|_| !items.is_empty()) else { return false };
        let starter = threads.idle.pop().unwrap_or_else(|| chunk::fork(&self.starter, &threads.frame));
        let level = Arc::clone(&starter.level);
        let chunk = chunk::spawn(&threads.runtime, starter, items);
        self.running.push(Running::Chunk(chunk, level));
        true
    }

    fn take(&mut self, chunk: Chunk) {
        if let Some(threads) = &mut self.threads {
            threads.pace.saw(chunk.ended.len(), chunk.taken_ns);
            threads.idle.push(chunk.starter);
        }
        self.ended.extend(chunk.ended);
    }
}

impl Drop for MapWork {
    fn drop(&mut self) {
        self.starter.level.cancel.cancel();
        self.detach();
    }
}

/// What the level's cache can know as a whole of each item.
fn whole_item(level: &Level) -> Option<Arc<WholeItem>> {
    if finished::keeps_wholes(level) { WholeItem::of(&level.pipeline, &level.needs).map(Arc::new) } else { None }
}

/// Says, once, that there was something to wait for and that it has come.
fn is_over<F: Future<Output = ()> + ?Sized>(waiting: &mut Option<Pin<Box<F>>>, cx: &mut Context<'_>) -> bool {
    let is_over = waiting.as_mut().is_some_and(|waiting| waiting.as_mut().poll(cx).is_ready());
    if is_over {
        *waiting = None;
    }
    is_over
}

/// The map itself, under whose span its level stands.
fn of_map(level: &Level, site: u32) -> Whereabouts<'_> {
    Whereabouts { scope: &level.scope, span: level.span, place: &level.place, level, site, recorded: level.recorded }
}

/// The error of an item that never started.
pub(super) fn never_started() -> Error {
    Error::new(ErrorKind::Cancelled, "never started, because the map was stopped")
}
