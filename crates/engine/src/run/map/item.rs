//! How one item of a map is started: as a call of a node, or as a run of a pipeline.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;

use flowglass_model::{EventKind, SpanId};
use flowglass_record::Tick;

use super::super::attempts::{LevelAttempts, Teller};
use super::super::border;
use super::super::call::{self, Begun, CallSite, Givens};
use super::super::hit::{any_lost, restore_first};
use super::super::leaving::{load_all, securing};
use super::super::level::LevelDone;
use super::super::nested;
use super::super::open_span::{OpenSpan, Spanned, seconds};
use super::super::probe::{self, Whole};
use super::super::shared::Level;
use super::super::slot::{Slot, Slots};
use super::supply::{Item, Shown};
use crate::error::Error;
use crate::pipeline::{NodeKind, Pipeline, meters};

/// What runs for each item.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// A node of the level.
    Node(usize),
    /// The whole pipeline of a top-level map.
    Root,
}

/// Starts items. Cheap to clone; a thread that runs items has one of its own.
#[derive(Clone)]
pub(crate) struct Starter {
    /// As the level around, with the map's span as the parent.
    pub(super) level: Arc<Level>,
    pub(super) target: Target,
    pub(super) site: u32,
    /// The outputs that are asked for.
    pub(super) outputs: Arc<[usize]>,
}

/// One item that is starting: which, when, whether its spans are kept, and what they show.
struct Starting {
    index: u64,
    start: Tick,
    /// Whether sampling keeps it.
    kept: bool,
    shown: Shown,
}

impl Starter {
    /// Starts an item: it has ended at once, or is under way.
    pub(super) fn start(&self, item: Item, kept: bool, start: Tick, cx: &mut Context<'_>) -> Begun {
        let Item { index, mut given, shown } = item;
        if self.level.config.cache.is_some() {
            // Several nodes of an item may read one value.
            given.iter_mut().for_each(|given| given.slot.share_digest());
        }
        self.start_with(given, Starting { index, start, kept, shown }, cx)
    }

    fn start_with(&self, given: Givens, starting: Starting, cx: &mut Context<'_>) -> Begun {
        let (index, sampled) = (starting.index, self.level.sampled && starting.kept);
        let recorded = self.level.recorded && starting.kept;
        let Target::Node(node) = self.target else {
            let slots = given.into_iter().map(|given| Some(given.slot)).collect();
            let level = |span| Some(self.item_level(index, span, recorded, sampled));
            return self.begin_level(starting, recorded, Ok(slots), level, cx);
        };
        let plan = &self.level.pipeline.0.nodes[node];
        match &plan.kind {
            NodeKind::Call { .. } => {
                let Starting { start, shown, .. } = starting;
                if let Err(error) = self.level.run.take_node() {
                    let open = OpenSpan::start_quiet(&self.level, self.site, Some(index), recorded, start).showing(Some(shown));
                    let path = self.level.place.inside(&plan.name, Some(index)).path();
                    return Begun::Done(nested::end_level(open, Err(error), &path, start, (false, 0)));
                }
                let level = Arc::clone(&self.level);
                let site = CallSite { level, node, site: self.site, index: Some(index), recorded, shown: Some(shown) };
                call::begin(site, given, start, cx)
            }
            NodeKind::Pipeline(inner) => {
                let slots = nested::inner_slots(inner, plan, &given);
                if slots.is_err() && any_lost(&given) {
                    return self.restored_first(given, starting, cx);
                }
                let level = |span| nested::inner_level(&self.level, node, inner, Some(index), span, sampled);
                self.begin_level(starting, self.level.records(inner, sampled), slots, level, cx)
            }
        }
    }

    /// Computes what an item is given and the cache has lost, and then starts it.
    fn restored_first(&self, given: Givens, starting: Starting, cx: &mut Context<'_>) -> Begun {
        let again = self.clone();
        let begin = move |given, cx: &mut Context<'_>| again.start_with(given, Starting { start: Tick::now(), ..starting }, cx);
        restore_first(given, begin, cx)
    }

    /// The level of one item of a top-level map.
    fn item_level(&self, index: u64, span: SpanId, recorded: bool, sampled: bool) -> Arc<Level> {
        let (place, cancel) = (self.level.place.item(index), self.level.cancel.child());
        Arc::new(Level { span, recorded, sampled, place, cancel, ..Level::clone(&self.level) })
    }

    /// Runs a pipeline as one item: whole from the cache where every node of it is there, else from its start.
    fn begin_level(
        &self,
        Starting { index, start, shown, .. }: Starting,
        recorded: bool,
        slots: Result<Vec<Option<Slot>>, Error>,
        level: impl FnOnce(SpanId) -> Option<Arc<Level>>,
        cx: &mut Context<'_>,
    ) -> Begun {
        let open = OpenSpan::start_quiet(&self.level, self.site, Some(index), recorded, start).showing(Some(shown));
        let Some(level) = level(open.span()) else { return nested::missing(start) };
        let slots = match slots {
            Ok(slots) => slots,
            Err(error) => {
                return Begun::Done(nested::end_level(open, Err(error), &level.place.path(), Tick::now(), (false, 0)));
            }
        };
        if let Some(mut whole) = probe::whole(&level, &slots, Some(&self.outputs))
            && (!self.leaves(&level) || load_all(&level.pipeline, Some(&self.outputs), &mut whole.slots))
        {
            return self.found(open, &level, whole);
        }
        let total = u64::try_from(level.pipeline.0.nodes.len()).ok();
        self.level.tell(self.site, open.span(), Some(index), start, EventKind::Started { total });
        self.begin_work(open, level, slots, cx)
    }

    /// Says whether an item's outputs leave the run, some of them from a cache.
    fn leaves(&self, level: &Level) -> bool {
        matches!(self.target, Target::Root) && level.config.cache.is_some()
    }

    /// Ends an item that came whole from the cache.
    fn found(&self, open: OpenSpan, level: &Level, whole: Whole) -> Begun {
        let end = Tick::now();
        let result = Ok(pick(whole.slots, &level.pipeline, &self.outputs));
        level.run.totals.hits.fetch_add(whole.hits, Relaxed);
        level.run.totals.saved_ns.fetch_add(whole.saved_ns, Relaxed);
        if level.config.telemetry {
            level.scope.count(self.site, meters::HITS, whole.hits.cast_signed());
            level.scope.count(self.site, meters::SAVED, seconds(whole.saved_ns));
        }
        Begun::Done(nested::end_level(open, result, &level.place.path(), end, (true, whole.saved_ns)))
    }

    fn begin_work(&self, open: OpenSpan, level: Arc<Level>, slots: Vec<Option<Slot>>, cx: &mut Context<'_>) -> Begun {
        let node = if let Target::Node(node) = self.target { Some(node) } else { None };
        let plan = node.map(|node| &self.level.pipeline.0.nodes[node]);
        let attempt = node.map(|node| self.level.sites.nodes[node].attempt);
        let (level, copy) = border::cross(&self.level, level, &open);
        let around = self.level.span;
        let teller = Teller { site: self.site, span: open.span(), index: open.index(), around };
        let start = open.frame.start;
        let work = LevelAttempts::new(&level, plan, slots, Some(Arc::clone(&self.outputs)), teller, start);
        let work = border::under(copy, &level, attempt, work);
        let (leaves, pipeline) = (self.leaves(&level), level.pipeline.clone());
        let outputs = Arc::clone(&self.outputs);
        let complete = move |mut open: OpenSpan, done: LevelDone, mut end: Tick| {
            // An item that waited for its worker began when the worker did.
            if let Some((start, ended)) = done.away.filter(|_| done.attempts.len() <= 1) {
                (open.frame.start, end) = (start, ended);
            }
            if let Some(attempt) = attempt {
                open.record_attempts(attempt, &done.attempts);
            }
            let result = match done.error {
                None => Ok(pick(done.slots, &level.pipeline, &outputs)),
                Some(error) => Err(error),
            };
            let path = if result.is_err() { level.place.path() } else { String::new() };
            nested::end_level(open, result, &path, end, (done.hit && level.config.cache.is_some(), done.saved_ns))
        };
        if leaves {
            let work = securing(&pipeline, Some(&self.outputs), work);
            return Begun::poll_once(Spanned::new(work, open, complete), cx);
        }
        Begun::poll_once(Spanned::new(work, open, complete), cx)
    }
}

fn pick(mut slots: Vec<Option<Slot>>, pipeline: &Pipeline, outputs: &[usize]) -> Slots {
    let first = pipeline.0.inputs.len();
    outputs.iter().filter_map(|&output| slots[first + output].take()).collect()
}
