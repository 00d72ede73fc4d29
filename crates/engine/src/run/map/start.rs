//! The start of a top-level map: its inputs are checked, its spans opened, and its items run.

use std::sync::Arc;

use flowglass_record::Tick;

use super::super::around::Around;
use super::super::bind;
use super::super::call::Given;
use super::super::map_builder::MapBuilder;
use super::super::map_outcome::{MapRun, Ports};
use super::super::open_span::OpenSpan;
use super::super::options::{MapOptions, Options};
use super::super::root::{self, Activated, Started};
use super::super::shared::Level;
use super::super::slot::Slot;
use super::super::spanned::Spanned;
use super::super::stream_builder::StreamBuilder;
use super::super::told::Lot;
use super::collected::{Collected, MapDone};
use super::item::Target;
use super::items::{Items, MapArg};
use super::stream::{Limits, MapStream, Streaming};
use super::supply::{Streamed, Supply};
use super::work::MapWork;
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Inputs, Needs, Pipeline, Typed};
use crate::remote::travel;
use crate::value::{List, Type};

/// A top-level map whose inputs were checked.
struct Prepared {
    pipeline: Pipeline,
    supply: Supply,
    needs: Arc<Needs>,
    map: MapOptions,
    options: Options,
}

/// A top-level map whose spans are open.
struct Opened {
    started: Started,
    map: OpenSpan,
    work: MapWork,
    ports: Arc<Ports>,
    outputs: Arc<[usize]>,
}

/// Runs a pipeline once for each element of lists, and keeps the results.
pub(crate) async fn map(builder: MapBuilder, around: Around) -> Result<MapRun, Error> {
    let prepared = of_lists(builder)?;
    let timeout = prepared.timeout();
    let own_feed = prepared.options.own_feed.clone();
    let Opened { started: Started { level, open, retained }, map, work, ports, outputs } = prepared.open(around)?;
    let root_span = open.span();
    let picked = Arc::clone(&outputs);
    let items = Spanned::new(Collected::new(work), map, move |open: OpenSpan, done: MapDone, end| {
        let level = Arc::clone(&open.level);
        done.end_span(open, end, results(&level, &done, &picked));
        done
    });
    let complete = move |open: OpenSpan, done: Result<MapDone, Error>, end: Tick| {
        let error = done.as_ref().map_or_else(|error| Some(error.clone()), MapDone::error);
        let error = error.map(|error| error.at(&open.level.place.path(), None, open.level.run.id, 1));
        let (duration_ns, level) = (open.frame.start.elapsed_ns(end), Arc::clone(&open.level));
        let made = done.as_ref().map_or(Lot::Unknown, |done| results(&level, done, &outputs));
        root::end_root(open, error.as_ref(), done.as_ref().is_ok_and(|done| done.counts.hit()), end, made);
        (done, error, duration_ns)
    };
    let work = Box::pin(root::bounded(items, level.run.cancel.clone(), timeout));
    let spanned = Spanned::new(work, open, complete);
    let (done, error, duration_ns) = Activated { scope: level.scope.clone(), inner: spanned }.await;
    let (failed, cached) = done.as_ref().map_or((0, 0), |done| (done.counts.failed, done.counts.cached));
    let items = done.map_or_else(|_| Vec::new(), |done| done.items);
    let settled = root::settled(&level, root_span, error, duration_ns, retained, own_feed);
    Ok(MapRun { settled, ports, items, failed, cached })
}

/// What a map has made, as events tell of it.
fn results<'a>(level: &'a Level, done: &'a MapDone, picked: &'a [usize]) -> Lot<'a> {
    Lot::Results { items: &done.items, ports: &level.pipeline.0.outputs, picked }
}

/// Starts a map over lists whose results are taken one by one.
pub(crate) fn stream_lists(builder: MapBuilder, in_order: bool) -> Result<MapStream, Error> {
    of_lists(builder)?.stream(in_order)
}

/// Starts a map over a stream.
pub(crate) fn stream(builder: StreamBuilder) -> Result<MapStream, Error> {
    let StreamBuilder { pipeline, inputs, over, item, stream, in_order, map, options } = builder;
    let needs = needs(&pipeline, &options)?;
    let place = pipeline.input_named(&over)?;
    let port = &pipeline.0.inputs[place];
    if !item.fits(&port.ty) {
        let (name, reader, wants) = (&port.name, &port.reader, &port.ty);
        let message = format!("the items of `{name}` are `{item}`, but node `{reader}` reads a `{wants}`");
        return Err(Error::new(ErrorKind::Input, message));
    }
    if inputs.0.iter().any(|(name, _)| *name == over) {
        return Err(Error::new(ErrorKind::Input, format!("`{over}` comes from the stream: leave it out of the inputs")));
    }
    // Until an item comes, an empty list stands for the streamed input.
    let empty = Typed { value: Arc::new(List::default()), ty: port.ty.clone().list() };
    let mut constants = givens(&pipeline, inputs.with(over.as_str(), empty), &[over], &needs)?;
    // Each item's key counts them, but they are looked at once.
    constants.iter_mut().for_each(|given| given.slot.share_digest());
    let (name, have) = (port.name.as_str().into(), port.ty.clone());
    let supply = Supply::Stream(Box::new(Streamed { stream, constants, place, name, have, next: 0 }));
    Prepared { pipeline, supply, needs, map, options }.stream(in_order)
}

fn of_lists(builder: MapBuilder) -> Result<Prepared, Error> {
    let MapBuilder { pipeline, inputs, over, mode, only, map, options } = builder;
    let needs = needs(&pipeline, &options)?;
    for name in &over {
        pipeline.input_named(name)?;
    }
    let given = givens(&pipeline, inputs, &over, &needs)?;
    let args = pipeline.0.inputs.iter().zip(given).map(|(port, given)| {
        let mapped = over.contains(&port.name);
        MapArg { name: port.name.clone(), given, item: port.ty.clone(), mapped }
    });
    let items = Items::new(args.collect(), mode)?;
    let only = only.map(|only| some_of(only, items.total())).transpose()?;
    Ok(Prepared { pipeline, supply: Supply::of_lists(items, only), needs, map, options })
}

/// What is needed for each item.
fn needs(pipeline: &Pipeline, options: &Options) -> Result<Arc<Needs>, Error> {
    Ok(bind::needs(pipeline, bind::wanted(pipeline, options.outputs.as_deref())?.as_deref()))
}

/// What each input is given; nothing stands for an input that nobody reads, or that is filled for each item.
fn givens(pipeline: &Pipeline, inputs: Inputs, over: &[String], needs: &Needs) -> Result<Vec<Given>, Error> {
    let given = bind::bind(pipeline, inputs, over, needs)?;
    let nothing = |ty: &Type| Given { slot: Slot::Unread, have: ty.clone() };
    Ok(pipeline.0.inputs.iter().zip(given).map(|(port, given)| given.unwrap_or_else(|| nothing(&port.ty))).collect())
}

/// The indexes of some items, each once and in order.
fn some_of(mut only: Vec<u64>, total: u64) -> Result<Arc<[u64]>, Error> {
    only.sort_unstable();
    only.dedup();
    match only.last() {
        Some(&last) if last >= total => {
            Err(Error::new(ErrorKind::Input, format!("there is no item {last}: the map has {total} items, counted from 0")))
        }
        _ => Ok(only.into()),
    }
}

impl Prepared {
    fn timeout(&self) -> Option<std::time::Duration> {
        self.options.timeout.resolve(self.pipeline.0.config.timeout.resolve(None))
    }

    fn open(self, around: Around) -> Result<Opened, Error> {
        let Self { pipeline, supply, needs, map, options } = self;
        let layout = Arc::clone(pipeline.map_layout());
        let Some((map_site, item_site)) = layout.map else {
            return Err(Error::new(ErrorKind::Build, "the plan and its layout do not agree"));
        };
        let outputs = Arc::clone(&needs.outputs);
        let backend = options.backend.resolve(pipeline.0.config.backend.resolve(None));
        travel::check_map(&pipeline, backend.as_ref(), &outputs)?;
        let ports = outputs.iter().map(|&output| &pipeline.0.outputs[output]);
        let ports = ports.map(|port| (port.name.clone(), port.ty.clone())).collect();
        let given = supply.lot();
        let started = Started::new(&pipeline, needs, &options, layout, around, (Some(1), given));
        let inner = root::under(&started.level, started.open.span());
        let open = OpenSpan::start(&inner, map_site, None, true, Tick::now(), (supply.total(), given));
        let work = MapWork::new(&inner, &open, Target::Root, item_site, supply, map.on_error);
        Ok(Opened { started, map: open, work, ports, outputs })
    }

    fn stream(self, in_order: bool) -> Result<MapStream, Error> {
        let timeout = self.timeout();
        let own_feed = self.options.own_feed.clone();
        let Opened { started: Started { level, open, retained }, map, work, ports, outputs } = self.open(Around::here())?;
        let limits = Limits::new(&level.run.cancel, timeout)?;
        Ok(MapStream::new(Streaming { work, ports, outputs, in_order, level, spans: (open, map), retained, limits, own_feed }))
    }
}
