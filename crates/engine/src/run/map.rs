//! A map at work: starts items as long as there is room, keeps their results in order, counts everything.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flowglass_model::CacheStatus;
use flowglass_record::Tick;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;

use super::call::{Begun, Done, Given, Givens};
use super::durations::Durations;
use super::hit::{any_lost, restore_first};
use super::item::{ItemStart, Target};
use super::items::{Items, MapArg};
use super::level::cancelled;
use super::nested;
use super::open_span::{Aggregate, Ended, OpenSpan, Spanned, milliseconds};
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Arg, MapMode};

/// What a map does after an item has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Goes on with the other items.
    #[default]
    Continue,
    /// Starts no further item and cancels those that run.
    Stop,
}

/// A map at work. A future of its items' results.
pub(crate) struct MapWork {
    /// As the level around, with the map's span as the parent.
    level: Arc<Level>,
    item: ItemStart,
    on_error: OnError,
    next: u64,
    running: FuturesUnordered<Tagged>,
    results: Vec<Option<Result<Slots, Error>>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    failed: u64,
    cached: u64,
    unsampled: u64,
    saved_ns: u64,
    durations: Durations,
}

/// What a map gave.
pub(crate) struct MapDone {
    pub(crate) items: Vec<Result<Slots, Error>>,
    counts: Counts,
    cancelled: bool,
}

impl MapDone {
    pub(crate) fn failed(&self) -> u64 {
        self.counts.failed
    }

    pub(crate) fn cached(&self) -> u64 {
        self.counts.cached
    }

    /// Whether every item came whole from the cache.
    pub(crate) fn hit(&self) -> bool {
        self.counts.cached == self.items.len() as u64
    }

    pub(crate) fn saved_ns(&self) -> u64 {
        self.counts.saved_ns
    }

    /// The error of a map with failed items, which names how many and the first.
    pub(crate) fn error(&self) -> Option<Error> {
        if self.cancelled {
            return Some(cancelled());
        }
        let first = self.items.iter().find_map(|item| item.as_ref().err())?;
        let (failed, total) = (self.counts.failed, self.items.len());
        Some(Error::new(ErrorKind::Items, format!("{failed} of {total} items failed; first failure: {first}")))
    }

    /// Ends the map's span with its aggregates.
    pub(crate) fn end_span(&self, mut open: OpenSpan, end: Tick) {
        let error = self.error().map(|error| error.at(&place_of(&open), None, open.level.run.id, 1));
        let cached = open.level.config.cache.is_some();
        let status = if self.hit() { CacheStatus::Hit } else { CacheStatus::Write };
        let counts = &self.counts;
        open.aggregates = vec![
            Aggregate::Int(self.items.len() as u64),
            Aggregate::Int(counts.failed),
            Aggregate::Int(counts.cached),
            if counts.unsampled > 0 { Aggregate::Int(counts.unsampled) } else { Aggregate::None },
            Aggregate::Nested(counts.durations.to_attribute()),
            if cached { Aggregate::Cache(status) } else { Aggregate::None },
            if counts.saved_ns > 0 { Aggregate::Float(milliseconds(counts.saved_ns)) } else { Aggregate::None },
        ];
        let lookup_ns = open.frame.start.elapsed_ns(end);
        let ended = match &error {
            Some(error) => Ended::Failed { error },
            None if cached && self.hit() => Ended::Hit { signature: None, saved_ns: counts.saved_ns, lookup_ns },
            None => Ended::Computed { cache: if cached { status } else { CacheStatus::Off }, signature: None },
        };
        open.end(&ended, end);
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

struct Tagged(u64, Tick, Pin<Box<dyn Future<Output = Done> + Send>>);

impl Future for Tagged {
    type Output = (u64, Tick, Done);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (index, start) = (self.0, self.1);
        self.2.as_mut().poll(cx).map(|done| (index, start, done))
    }
}

impl MapWork {
    /// Runs a node of a level once for each element.
    pub(crate) fn begin_node(
        level: &Arc<Level>,
        node: usize,
        given: Givens,
        mode: MapMode,
        start: Tick,
        cx: &mut Context<'_>,
    ) -> Begun {
        let (plan, sites) = (&level.pipeline.0.nodes[node], &level.sites.nodes[node]);
        let Some(item_site) = sites.item else { return nested::missing(start) };
        let arg = |(arg, given): (&Arg, &Given)| {
            let (name, given, item) = (arg.name.clone(), given.clone(), arg.want.clone());
            MapArg { name, given, item, mapped: arg.mapped }
        };
        let items = Items::new(plan.args.iter().zip(&given).map(arg).collect(), mode);
        if items.is_err() && any_lost(&given) {
            let level = Arc::clone(level);
            let begin = move |given, cx: &mut Context<'_>| Self::begin_node(&level, node, given, mode, Tick::now(), cx);
            return restore_first(given, begin, cx);
        }
        drop(given);
        let total = items.as_ref().map_or(0, Items::total);
        let open = OpenSpan::start(level, sites.site, None, level.recorded, start, Some(total));
        let place = level.place.inside(&plan.name, None);
        let items = match items {
            Ok(items) => items,
            Err(error) => {
                let error = error.at(&place.path(), None, level.run.id, 1);
                let end = Tick::now();
                open.end(&Ended::Failed { error: &error }, end);
                return Begun::Done(Done { result: Err(error), hit: false, saved_ns: 0, end });
            }
        };
        let exposed = plan.exposed.len();
        let work = Self::new(level, &open, Target::Node(node), item_site, items, OnError::Continue, None);
        let complete = move |open: OpenSpan, done: MapDone, end: Tick| {
            let (hit, saved_ns) = (done.hit(), done.saved_ns());
            let error = done.error().map(|error| error.at(&place.path(), None, open.level.run.id, 1));
            done.end_span(open, end);
            let result = error.map_or_else(|| Ok(columns(done.items, exposed)), Err);
            Done { result, hit, saved_ns, end }
        };
        Begun::poll_once(Spanned::new(work, open, complete), cx)
    }

    /// Runs the root's pipeline once for each element.
    pub(crate) fn of_root(
        level: &Arc<Level>,
        open: &OpenSpan,
        item_site: u32,
        items: Items,
        on_error: OnError,
        outputs: Option<Arc<[usize]>>,
    ) -> Self {
        Self::new(level, open, Target::Root, item_site, items, on_error, outputs)
    }

    fn new(
        around: &Arc<Level>,
        open: &OpenSpan,
        target: Target,
        item_site: u32,
        items: Items,
        on_error: OnError,
        outputs: Option<Arc<[usize]>>,
    ) -> Self {
        let level = Arc::new(Level {
            run: Arc::clone(&around.run),
            pipeline: around.pipeline.clone(),
            sites: Arc::clone(&around.sites),
            config: around.config.clone(),
            span: open.span(),
            recorded: around.recorded,
            in_thread: around.in_thread,
            place: around.place.clone(),
        });
        let mut results = Vec::new();
        results.resize_with(usize::try_from(items.total()).unwrap_or(usize::MAX), || None);
        Self {
            item: ItemStart { level: Arc::clone(&level), target, site: item_site, items: Arc::new(items), outputs },
            level,
            on_error,
            next: 0,
            running: FuturesUnordered::new(),
            results,
            counts: Counts::default(),
        }
    }

    fn may_start(&self) -> bool {
        self.level.config.backend.has_room_for_item(self.running.len())
    }

    fn start_item(&mut self, index: u64, start: Tick, cx: &mut Context<'_>) -> Begun {
        let kept = self.level.run.map_items.keeps(index, self.item.items.total());
        self.counts.unsampled += u64::from(self.level.recorded && !kept);
        self.item.begin(index, self.level.recorded && kept, start, cx)
    }

    fn finish(&mut self, index: u64, start: Tick, done: Done) {
        self.counts.durations.add(start.elapsed_ns(done.end));
        self.counts.cached += u64::from(done.hit);
        self.counts.saved_ns += done.saved_ns;
        self.counts.failed += u64::from(done.result.is_err());
        if let Some(place) = usize::try_from(index).ok().and_then(|index| self.results.get_mut(index)) {
            *place = Some(done.result);
        }
    }

    fn is_stopped(&self) -> bool {
        self.level.run.cancel.is_cancelled() || (self.on_error == OnError::Stop && self.counts.failed > 0)
    }

    fn take_done(&mut self) -> MapDone {
        let was_cancelled = self.level.run.cancel.is_cancelled() && self.results.iter().any(Option::is_none);
        let never = || Error::new(ErrorKind::Cancelled, "never started, because the map was stopped");
        let items = std::mem::take(&mut self.results);
        MapDone {
            items: items.into_iter().map(|item| item.unwrap_or_else(|| Err(never()))).collect(),
            counts: std::mem::take(&mut self.counts),
            cancelled: was_cancelled,
        }
    }
}

impl Future for MapWork {
    type Output = MapDone;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MapDone> {
        let this = self.get_mut();
        loop {
            while this.next < this.item.items.total() && this.may_start() && !this.is_stopped() {
                let (index, start) = (this.next, Tick::now());
                this.next += 1;
                match this.start_item(index, start, cx) {
                    Begun::Done(done) => this.finish(index, start, done),
                    Begun::Running(future) => this.running.push(Tagged(index, start, future)),
                }
            }
            if this.is_stopped() {
                this.running.clear();
                return Poll::Ready(this.take_done());
            }
            match Pin::new(&mut this.running).poll_next(cx) {
                Poll::Ready(Some((index, start, done))) => this.finish(index, start, done),
                Poll::Ready(None) => return Poll::Ready(this.take_done()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Turns the items' results into one list for each output.
fn columns(items: Vec<Result<Slots, Error>>, outputs: usize) -> Slots {
    let mut columns: Vec<Vec<Slot>> = (0..outputs).map(|_| Vec::with_capacity(items.len())).collect();
    for slots in items.into_iter().flatten() {
        for (column, slot) in columns.iter_mut().zip(slots) {
            column.push(slot);
        }
    }
    columns.into_iter().map(Slot::many).collect()
}
