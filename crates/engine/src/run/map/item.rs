//! How one item of a map is started: as a call of a node, or as a run of a pipeline.

use std::sync::Arc;
use std::task::Context;

use flowglass_model::SpanId;
use flowglass_record::Tick;

use super::super::attempts::{LevelAttempts, Teller};
use super::super::call::{Begun, CallSite, Done, Givens};
use super::super::finished::Finished;
use super::super::leaving::{load_all, securing};
use super::super::level::LevelDone;
use super::super::nested::{self, Served};
use super::super::open_span::OpenSpan;
use super::super::probe::{self, AskWhole, Whole};
use super::super::recall;
use super::super::shared::Level;
use super::super::slot::{Slot, Slots};
use super::super::spanned::Spanned;
use super::super::told::Lot;
use super::supply::{Item, Shown};
use crate::error::Error;
use crate::pipeline::{NodeKind, WholeItem};
use crate::value::KeyDigest;

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
    /// What the cache can know as a whole of each item of a top-level map.
    pub(super) whole: Option<Arc<WholeItem>>,
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
        let Item { index, given, shown } = item;
        let starting = Starting { index, start, kept, shown };
        match self.target {
            Target::Root => self.start_root(given, starting, cx),
            Target::Node(node) => self.start_node(node, given, starting, cx),
        }
    }

    fn start_node(&self, node: usize, given: Givens, starting: Starting, cx: &mut Context<'_>) -> Begun {
        let Starting { index, start, kept, shown } = starting;
        let (kind, sampled) = (&self.level.pipeline.0.nodes[node].kind, self.level.sampled && kept);
        let recorded = self.level.records(kind, sampled);
        let (level, shown) = (Arc::clone(&self.level), Some(shown));
        let site = CallSite { level, node, site: self.site, index: Some(index), recorded, sampled, shown };
        match kind {
            NodeKind::Pipeline(_) => nested::begin(site, given, true, start, cx),
            NodeKind::Call { .. } => match self.level.run.take_node() {
                Ok(()) => recall::begin(site, given, start, cx),
                Err(error) => Begun::Done(refused(&site, error, start)),
            },
        }
    }

    /// Runs the pipeline of a top-level map for one item: whole from the cache where that has it so or has every node of it, else
    /// from its start.
    fn start_root(&self, given: Givens, starting: Starting, cx: &mut Context<'_>) -> Begun {
        let Starting { index, start, kept, shown } = starting;
        let mut slots: Vec<_> = given.into_iter().map(|given| Some(given.slot)).collect();
        if self.level.config.cache.is_some() {
            // Several nodes of an item may read one value.
            slots.iter_mut().flatten().for_each(Slot::share_digest);
        }
        let recorded = self.level.recorded && kept;
        let open = OpenSpan::start_quiet(&self.level, self.site, Some(index), recorded, start).showing(Some(shown));
        let finished = self.whole.as_deref().and_then(|whole| Finished::of_item(&self.level, whole, &slots));
        if let Some(whole) = self.find_whole(&self.level, finished.as_ref(), &slots) {
            return Begun::Done(self.found(open, whole, finished.map(|finished| finished.signature)));
        }
        let level = self.item_level(index, open.span(), kept);
        let total = Some(level.needs.count());
        let given = Lot::Filled { slots: &slots, ports: &self.level.pipeline.0.inputs, args: None };
        self.level.tell_start(&open, start, total, given);
        self.begin_work(open, level, slots, finished, cx)
    }

    /// Asks the cache for all that an item makes: by its own entry, or by those of its nodes.
    fn find_whole(&self, level: &Arc<Level>, finished: Option<&Finished>, slots: &[Option<Slot>]) -> Option<Whole> {
        level.config.cache.as_ref()?;
        let is_here = |whole: &mut Whole| load_all(&level.pipeline, Some(&level.needs.outputs), &mut whole.slots);
        let kept = finished.and_then(|finished| {
            let kept = finished.lookup_item(level)?;
            let mut whole = Whole::of_kept(&level.pipeline, &level.needs.outputs, kept, finished.calls);
            is_here(&mut whole).then_some(whole)
        });
        kept.or_else(|| probe::whole(level, slots).and_then(|mut whole| is_here(&mut whole).then_some(whole)))
    }

    /// Asks once more, before a worker elsewhere gets the item, whether the cache has all that it makes.
    fn ask_again(&self, level: &Arc<Level>, finished: Option<&Finished>, slots: &[Option<Slot>]) -> Option<AskWhole> {
        level.config.remote.as_ref().and(level.config.cache.as_ref())?;
        let (starter, level, finished, slots) = (self.clone(), Arc::clone(level), finished.cloned(), slots.to_vec());
        Some(Arc::new(move || starter.find_whole(&level, finished.as_ref(), &slots)))
    }

    /// The level of one item of a top-level map.
    fn item_level(&self, index: u64, span: SpanId, kept: bool) -> Arc<Level> {
        let (place, cancel) = (self.level.place.item(index), self.level.cancel.child());
        let (recorded, sampled) = (self.level.recorded && kept, self.level.sampled && kept);
        Arc::new(Level { span, recorded, sampled, place, cancel, ..Level::clone(&self.level) })
    }

    /// Ends an item that came whole from the cache.
    fn found(&self, open: OpenSpan, whole: Whole, signature: Option<KeyDigest>) -> Done {
        let (level, end) = (&self.level, Tick::now());
        let slots = nested::pick(whole.slots, &level.pipeline, &level.needs.outputs);
        level.count_hits(self.site, whole.hits, whole.saved_ns);
        end_item(open, level, slots, end, Served { hit: true, saved_ns: whole.saved_ns, signature })
    }

    fn begin_work(
        &self,
        open: OpenSpan,
        level: Arc<Level>,
        slots: Vec<Option<Slot>>,
        finished: Option<Finished>,
        cx: &mut Context<'_>,
    ) -> Begun {
        let teller = Teller { site: self.site, span: open.span(), index: open.index(), around: self.level.span };
        let ask = self.ask_again(&level, finished.as_ref(), &slots);
        let work = LevelAttempts::new(&level, None, slots, teller, ask, open.frame.start);
        let pipeline = level.pipeline.clone();
        let (outputs, leaves) = (Arc::clone(&level.needs.outputs), level.config.cache.is_some());
        let (whole, site) = (self.whole.clone(), self.site);
        let complete = move |mut open: OpenSpan, done: LevelDone, mut end: Tick| {
            // An item that waited for its worker began when the worker did.
            if let Some((start, ended)) = done.away {
                (open.frame.start, end) = (start, ended);
            }
            if let Some(error) = done.error {
                return nested::end_failed(open, error, &level.place.path(), end);
            }
            let slots = nested::pick(done.slots, &level.pipeline, &level.needs.outputs);
            if let (Some(finished), Some(whole), false) = (&finished, &whole, done.is_found) {
                let cost_ns = open.frame.start.elapsed_ns(end).saturating_add(done.saved_ns);
                finished.store_item((&level, site), whole, &slots, cost_ns);
            }
            let (hit, signature) = (done.hit && leaves, finished.as_ref().map(|finished| finished.signature));
            end_item(open, &level, slots, end, Served { hit, saved_ns: done.saved_ns, signature })
        };
        if leaves {
            let work = securing(&pipeline, Some(&outputs), work);
            return Begun::poll_once(Spanned::new(work, open, complete), cx);
        }
        Begun::poll_once(Spanned::new(work, open, complete), cx)
    }
}

/// Ends an item that may not start.
fn refused(site: &CallSite, error: Error, start: Tick) -> Done {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    nested::end_failed(open, error, &site.path(), start)
}

/// Ends an item of a top-level map that went well.
fn end_item(open: OpenSpan, level: &Level, slots: Slots, end: Tick, served: Served) -> Done {
    let Served { hit, saved_ns, .. } = served;
    let (ports, picked) = (level.pipeline.0.outputs.as_slice(), Some(&*level.needs.outputs));
    let made = Lot::Made { slots: &slots, ports, picked, is_item: false };
    let began = Some(open.frame.start);
    nested::end_span(open, None, end, served, made);
    Done { hit, saved_ns, end, result: Ok(slots), began }
}
