//! A map whose results are all wanted: in the order of its input, when every item has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flowglass_record::Tick;

use super::super::call::{Begun, Done, Given, Givens};
use super::super::ended::Ended;
use super::super::hit::{any_lost, restore_first};
use super::super::nested;
use super::super::open_span::OpenSpan;
use super::super::shared::Level;
use super::super::slot::{Slot, Slots};
use super::super::spanned::Spanned;
use super::super::told::Lot;
use super::super::turn::{Turn, give_way};
use super::counts::Counts;
use super::item::Target;
use super::items::{Items, MapArg};
use super::supply::Supply;
use super::work::{MapWork, never_started};
use super::{ItemEnd, OnError};
use crate::error::Error;
use crate::pipeline::{Arg, MapMode};

/// So many items are ended between two looks at the clock.
const LOOK_EVERY: u32 = 64;

/// A map at work, as a future of its items' results.
pub(crate) struct Collected {
    work: MapWork,
    items: Vec<ItemEnd>,
}

/// What a map gave.
pub(crate) struct MapDone {
    /// In the order of the input.
    pub(crate) items: Vec<ItemEnd>,
    pub(crate) counts: Counts,
}

impl MapDone {
    /// The error of a map with failed items.
    pub(crate) fn error(&self) -> Option<Error> {
        self.counts.error(Some(self.items.len() as u64))
    }

    /// Ends the map's span with its aggregates.
    pub(crate) fn end_span(&self, open: OpenSpan, end: Tick, made: Lot<'_>) {
        self.counts.end_span(open, self.items.len() as u64, end, made);
    }
}

impl Collected {
    pub(crate) fn new(work: MapWork) -> Self {
        let total = work.supply.total().and_then(|total| usize::try_from(total).ok());
        Self { work, items: Vec::with_capacity(total.unwrap_or(0)) }
    }

    fn done(&mut self) -> MapDone {
        let mut items = std::mem::take(&mut self.items);
        items.sort_unstable_by_key(|item| item.index);
        if self.work.counts.stopped.is_some() {
            items = with_unstarted(items, &self.work.supply);
        }
        MapDone { items, counts: std::mem::take(&mut self.work.counts) }
    }
}

/// Puts an error for each item that has no end where it belongs.
fn with_unstarted(ended: Vec<ItemEnd>, supply: &Supply) -> Vec<ItemEnd> {
    let mut ended = ended.into_iter().peekable();
    let item =
        |index| ended.next_if(|item| item.index == index).unwrap_or_else(|| ItemEnd { index, result: Err(never_started()) });
    supply.indexes().map(item).collect()
}

impl Future for Collected {
    type Output = MapDone;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MapDone> {
        let this = self.get_mut();
        let mut turn = Turn::new(Tick::now(), LOOK_EVERY);
        loop {
            match this.work.poll_ended(cx, true) {
                Poll::Ready(Some(ended)) => this.items.push(ItemEnd { index: ended.index, result: ended.done.result }),
                Poll::Ready(None) => return Poll::Ready(this.done()),
                Poll::Pending => return Poll::Pending,
            }
            if turn.is_over(Tick::now) {
                give_way(cx);
                return Poll::Pending;
            }
        }
    }
}

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
    let items = items.map(|items| items.capturing(plan.capture));
    if items.is_err() && any_lost(&given) {
        let level = Arc::clone(level);
        let begin = move |given, cx: &mut Context<'_>| begin_node(&level, node, given, mode, Tick::now(), cx);
        return restore_first(given, begin, cx);
    }
    let total = items.as_ref().map_or(0, Items::total);
    let open = OpenSpan::start(level, sites.site, None, level.recorded, start, (Some(total), Lot::Given(&given)));
    drop(given);
    let place = level.place.inside(&plan.name, None);
    let items = match items {
        Ok(items) => items,
        Err(error) => {
            let error = error.at(&place.path(), None, level.run.id, 1);
            let end = Tick::now();
            open.end(&Ended::Failed { error: &error }, end);
            return Begun::Done(Done { result: Err(error), hit: false, saved_ns: 0, end, began: None });
        }
    };
    let outputs = level.places(node).map_or(plan.exposed.len(), <[usize]>::len);
    let supply = Supply::of_lists(items, None);
    let work = MapWork::new(level, &open, Target::Node(node), item_site, supply, OnError::Continue);
    let complete = move |open: OpenSpan, done: MapDone, end: Tick| {
        let (hit, saved_ns) = (done.counts.hit(), done.counts.saved_ns);
        let error = done.error().map(|error| error.at(&place.path(), None, open.level.run.id, 1));
        let level = Arc::clone(&open.level);
        let (ports, picked) = (level.pipeline.0.ports_of(node), level.places(node));
        done.end_span(open, end, Lot::Columns { items: &done.items, ports, picked });
        let result = error.map_or_else(|| Ok(columns(done.items, outputs)), Err);
        Done { result, hit, saved_ns, end, began: None }
    };
    Begun::poll_once(Spanned::new(Collected::new(work), open, complete), cx)
}

/// Turns the items' results into one list for each output.
fn columns(items: Vec<ItemEnd>, outputs: usize) -> Slots {
    let mut columns: Vec<Vec<Slot>> = (0..outputs).map(|_| Vec::with_capacity(items.len())).collect();
    for slots in items.into_iter().filter_map(|item| item.result.ok()) {
        for (column, slot) in columns.iter_mut().zip(slots) {
            column.push(slot);
        }
    }
    columns.into_iter().map(Slot::many).collect()
}
