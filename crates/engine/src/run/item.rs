//! One item of a map: a node or a whole pipeline, on what the item is given.

use std::sync::Arc;
use std::task::Context;

use flowglass_model::{EventKind, SpanId};
use flowglass_record::Tick;

use super::attempts::{LevelAttempts, Teller};
use super::call::{self, Begun, CallSite, Givens};
use super::hit::{any_lost, restore_first};
use super::items::Items;
use super::leaving::{load_all, securing};
use super::level::LevelDone;
use super::nested;
use super::open_span::{OpenSpan, Spanned};
use super::probe::{self, Whole};
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::error::Error;
use crate::pipeline::{NodeKind, Pipeline};

/// What runs for each item.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// A node of the level.
    Node(usize),
    /// The whole pipeline of a top-level map.
    Root,
}

/// What it takes to start any item of a map.
#[derive(Clone)]
pub(crate) struct ItemStart {
    /// The map's level, with the map's span as the parent.
    pub(crate) level: Arc<Level>,
    pub(crate) target: Target,
    pub(crate) site: u32,
    pub(crate) items: Arc<Items>,
    /// Which outputs of a pipeline are wanted, if not all are.
    pub(crate) outputs: Option<Arc<[usize]>>,
}

impl ItemStart {
    /// Starts an item.
    pub(crate) fn begin(&self, index: u64, recorded: bool, start: Tick, cx: &mut Context<'_>) -> Begun {
        let mut given = self.items.item(index);
        if self.level.config.cache.is_some() {
            // Several nodes of an item may read one value.
            given.iter_mut().for_each(|given| given.slot.share_digest());
        }
        self.begin_with(given, index, recorded, start, cx)
    }

    fn begin_with(&self, given: Givens, index: u64, recorded: bool, start: Tick, cx: &mut Context<'_>) -> Begun {
        let level = Arc::clone(&self.level);
        match self.target {
            Target::Node(node) => match &level.pipeline.0.nodes[node].kind {
                NodeKind::Call { .. } => {
                    let items = Some(Arc::clone(&self.items));
                    let site = CallSite { level, node, site: self.site, index: Some(index), recorded, items };
                    call::begin(site, given, start, cx)
                }
                NodeKind::Pipeline(inner) => {
                    let plan = &level.pipeline.0.nodes[node];
                    let inner_level = |span| nested::inner_level(&level, node, inner, Some(index), span, recorded);
                    let slots = nested::inner_slots(inner, plan, &given);
                    if slots.is_err() && any_lost(&given) {
                        let again = self.clone();
                        let begin =
                            move |given, cx: &mut Context<'_>| again.begin_with(given, index, recorded, Tick::now(), cx);
                        return restore_first(given, begin, cx);
                    }
                    let outputs: Arc<[usize]> = plan.exposed.as_slice().into();
                    self.begin_level(index, recorded, start, slots, Some(outputs), inner_level, cx)
                }
            },
            Target::Root => {
                let slots = Ok(given.into_iter().map(|given| Some(given.slot)).collect());
                let root_level = |span| {
                    Some(Arc::new(Level {
                        run: Arc::clone(&level.run),
                        pipeline: level.pipeline.clone(),
                        sites: Arc::clone(&level.sites),
                        config: level.config.clone(),
                        span,
                        recorded,
                        in_thread: level.items_use_threads(),
                        place: level.place.item(index),
                    }))
                };
                self.begin_level(index, recorded, start, slots, self.outputs.clone(), root_level, cx)
            }
        }
    }

    /// Runs a pipeline as one item: whole from the cache where every node of it is there, else from its start.
    #[expect(clippy::too_many_arguments, reason = "an item's place, what it is given, and how it is polled")]
    fn begin_level(
        &self,
        index: u64,
        recorded: bool,
        start: Tick,
        slots: Result<Vec<Option<Slot>>, Error>,
        outputs: Option<Arc<[usize]>>,
        inner: impl FnOnce(SpanId) -> Option<Arc<Level>>,
        cx: &mut Context<'_>,
    ) -> Begun {
        let open = OpenSpan::start_quiet(&self.level, self.site, Some(index), recorded, start).with_items(Some(&self.items));
        let Some(level) = inner(open.span()) else { return nested::missing(start) };
        let place = level.place.clone();
        let wanted: Arc<[usize]> = outputs.clone().unwrap_or_else(|| (0..level.pipeline.0.outputs.len()).collect());
        let slots = match slots {
            Ok(slots) => slots,
            Err(error) => return Begun::Done(nested::end_level(open, Err(error), &place.path(), Tick::now(), (false, 0))),
        };
        let leaves = matches!(self.target, Target::Root) && level.config.cache.is_some();
        let load = |whole: &mut Whole| !leaves || load_all(&level.pipeline, outputs.as_deref(), &mut whole.slots);
        if let Some(mut whole) = probe::whole(&level, &slots, outputs.as_deref())
            && load(&mut whole)
        {
            let end = Tick::now();
            let result = Ok(pick(whole.slots, &level.pipeline, &wanted));
            level.run.totals.hits.fetch_add(whole.hits, std::sync::atomic::Ordering::Relaxed);
            level.run.totals.saved_ns.fetch_add(whole.saved_ns, std::sync::atomic::Ordering::Relaxed);
            return Begun::Done(nested::end_level(open, result, &place.path(), end, (true, whole.saved_ns)));
        }
        let total = u64::try_from(level.pipeline.0.nodes.len()).ok();
        self.level.tell(self.site, open.span(), Some(index), start, EventKind::Started { total });
        let node = match self.target {
            Target::Node(node) => Some(node),
            Target::Root => None,
        };
        let plan = node.map(|node| &self.level.pipeline.0.nodes[node]);
        let attempt = node.map(|node| self.level.sites.nodes[node].attempt);
        let teller = Teller { site: self.site, span: open.span(), index: Some(index) };
        let (pipeline, asked) = (level.pipeline.clone(), outputs.clone());
        let work = LevelAttempts::new(&level, plan, slots, outputs, teller, start);
        let complete = move |mut open: OpenSpan, done: LevelDone, end: Tick| {
            if let Some(attempt) = attempt {
                open.record_attempts(attempt, &done.attempts);
            }
            let result = match done.error {
                None => Ok(pick(done.slots, &level.pipeline, &wanted)),
                Some(error) => Err(error),
            };
            nested::end_level(open, result, &place.path(), end, (done.hit && level.config.cache.is_some(), done.saved_ns))
        };
        if leaves {
            let work = securing(&pipeline, asked.as_deref(), work);
            return Begun::poll_once(Spanned::new(work, open, complete), cx);
        }
        Begun::poll_once(Spanned::new(work, open, complete), cx)
    }
}

fn pick(mut slots: Vec<Option<Slot>>, pipeline: &Pipeline, outputs: &[usize]) -> Slots {
    let first = pipeline.0.inputs.len();
    outputs.iter().filter_map(|&output| slots[first + output].take()).collect()
}
