//! What a run came to: outputs by name, status, error, trace.

use std::ops::Deref;
use std::sync::Arc;

use flowglass_model::{EventRecord, RunId, Span, SpanId, Status};
use flowglass_record::Retained;

use super::map::ItemEnd;
use super::slot::Slot;
use super::totals::CacheStats;
use crate::callback::{CallbackFailure, CallbackTime, Tally};
use crate::error::{Error, ErrorKind};
use crate::feed::EventFeed;
use crate::nearest::nearest;
use crate::pipeline::{OutputPort, Pipeline};
use crate::value::{self, List, Type, Value};

/// How a run or a map ended. [`Run`] and [`MapRun`] are read as this, too.
pub struct Settled {
    pub(super) id: RunId,
    pub(super) root: SpanId,
    pub(super) error: Option<Error>,
    pub(super) duration_ns: u64,
    pub(super) cache: CacheStats,
    pub(super) retained: Option<Retained>,
    pub(super) tally: Arc<Tally>,
    pub(super) events: Option<EventFeed>,
    pub(super) detached: Vec<String>,
}

impl Settled {
    /// Returns the run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Returns the run's root span.
    #[must_use]
    pub fn root(&self) -> SpanId {
        self.root
    }

    /// Returns how the run ended; a map has an error if any item failed.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.error.as_ref().map(Error::kind) {
            None => Status::Ok,
            Some(ErrorKind::Cancelled) => Status::Cancelled,
            Some(_) => Status::Error,
        }
    }

    /// Returns why the run failed, if it did; of a map, how many items failed and the first.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Returns how long the run took, in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// Returns what the caches did for the run, its nested pipelines and maps included.
    #[must_use]
    pub fn cache_stats(&self) -> &CacheStats {
        &self.cache
    }

    /// Returns the spans of the run, those of its nested pipelines and maps included, in order of their starts.
    ///
    /// They are read from what the recorder keeps in memory while the run is held; without telemetry there are none.
    #[must_use]
    pub fn trace(&self) -> Vec<Span> {
        self.retained.as_ref().map(Retained::spans).unwrap_or_default()
    }
}

/// What the run left behind, and what callbacks and events tell of it.
impl Settled {
    /// Returns where work was ended whose thread took no notice in time, and may run still: `outer > node[3]`.
    #[must_use]
    pub fn detached(&self) -> &[String] {
        &self.detached
    }

    /// Returns the callbacks that failed. The run did not notice.
    #[must_use]
    pub fn callback_failures(&self) -> Vec<CallbackFailure> {
        self.tally.failures()
    }

    /// Returns how long each callback took, the longest first. The run waited for them.
    #[must_use]
    pub fn callback_times(&self) -> Vec<CallbackTime> {
        self.tally.times()
    }

    /// Returns the run's events in their order, if the run was asked to keep them
    /// ([`keep_events`](crate::RunBuilder::keep_events)); else none.
    #[must_use]
    pub fn events(&self) -> Vec<Arc<EventRecord>> {
        self.events.as_ref().map(EventFeed::kept).unwrap_or_default()
    }

    /// Returns how many of the run's first events were too many to keep.
    #[must_use]
    pub fn events_lost(&self) -> u64 {
        self.events.as_ref().map_or(0, EventFeed::dropped)
    }
}

impl Deref for Run {
    type Target = Settled;
    fn deref(&self) -> &Settled {
        &self.settled
    }
}

impl Deref for MapRun {
    type Target = Settled;
    fn deref(&self) -> &Settled {
        &self.settled
    }
}

/// A run that has ended.
pub struct Run {
    pub(super) settled: Settled,
    pub(super) values: Values,
}

/// What a run made, where it made it.
pub(super) struct Values {
    pub(super) pipeline: Pipeline,
    pub(super) slots: Vec<Option<Slot>>,
    /// The outputs that were asked for, by their places; without them, all.
    pub(super) wanted: Option<Vec<usize>>,
}

impl Values {
    /// The outputs that were asked for and are there.
    fn iter(&self) -> impl Iterator<Item = &OutputPort> + Clone {
        (self.pipeline.0.outputs.iter().enumerate()).filter(|(at, _)| self.slot(*at).is_some()).map(|(_, port)| port)
    }

    fn slot(&self, output: usize) -> Option<&Slot> {
        let is_wanted = self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&output));
        let slot = self.slots.get(self.pipeline.0.outputs.get(output)?.slot)?.as_ref();
        slot.filter(|_| is_wanted)
    }

    fn find(&self, name: &str) -> Option<(&Slot, &Type)> {
        let output = self.pipeline.0.output(name)?;
        Some((self.slot(output)?, &self.pipeline.0.outputs[output].ty))
    }
}

impl Run {
    /// Returns the run if it went well, else its error.
    ///
    /// # Errors
    /// The run's own.
    pub fn into_result(self) -> Result<Self, Error> {
        match self.settled.error {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }

    /// Returns the names of the outputs, and whether a node of the pipeline has read them.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, bool)> {
        self.values.iter().map(|port| (port.name.as_str(), port.consumed))
    }

    /// Returns an output; one that came from the cache is loaded now.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if there is none with this name or it is of another type, [`ErrorKind::Cache`] if it can't be
    /// loaded.
    pub fn get<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Result<T, Error> {
        self.shared::<T>(name).map(Arc::unwrap_or_clone)
    }

    /// Returns an output without copying it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn shared<T: Send + Sync + 'static>(&self, name: &str) -> Result<Arc<T>, Error> {
        let (value, ty) = self.value(name)?;
        typed(name, value, &ty)
    }

    /// Returns an output with its type, as it is between nodes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn value(&self, name: &str) -> Result<(Value, Type), Error> {
        let found = self.values.find(name);
        let (slot, ty) = found.ok_or_else(|| no_output(name, self.values.iter().map(|port| port.name.as_str())))?;
        Ok((load(slot, ty)?, ty.clone()))
    }
}

/// A map that has ended: how it went for each item, in the order of the input.
pub struct MapRun {
    pub(super) settled: Settled,
    pub(super) ports: Arc<Ports>,
    pub(super) items: Vec<ItemEnd>,
    pub(super) failed: u64,
    pub(super) cached: u64,
}

/// The outputs that each item of a map has: names and types.
pub(super) type Ports = [(String, Type)];

/// One item of a map that has ended.
pub struct ItemRun {
    end: ItemEnd,
    ports: Arc<Ports>,
}

impl ItemRun {
    pub(super) fn new(end: ItemEnd, ports: &Arc<Ports>) -> Self {
        Self { end, ports: Arc::clone(ports) }
    }

    /// Returns the item's place, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.end.index
    }

    /// Returns why the item failed, if it did.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.end.result.as_ref().err()
    }

    /// Returns one output of the item; one that came from the cache is loaded now.
    ///
    /// # Errors
    /// The item's own error, or as [`Run::get`].
    pub fn get<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Result<T, Error> {
        let (value, ty) = item_value(&self.end, &self.ports, name)?;
        typed(name, value, &ty).map(Arc::unwrap_or_clone)
    }

    /// Returns one output of the item with its type, as it is between nodes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn value(&self, name: &str) -> Result<(Value, Type), Error> {
        item_value(&self.end, &self.ports, name)
    }
}

fn item_value(end: &ItemEnd, ports: &Ports, name: &str) -> Result<(Value, Type), Error> {
    let slots = end.result.as_ref().map_err(Error::clone)?;
    let known = || ports.iter().map(|(name, _)| name.as_str());
    let at =
        known().position(|port| port == name).ok_or_else(|| no_output(name, ports.iter().map(|(name, _)| name.as_str())))?;
    let ty = &ports[at].1;
    let slot = slots.get(at).ok_or_else(|| no_output(name, std::iter::empty()))?;
    Ok((load(slot, ty)?, ty.clone()))
}

impl MapRun {
    /// Returns the items in the order of the input.
    pub fn items(&self) -> impl ExactSizeIterator<Item = ItemRun> {
        self.items.iter().map(|end| ItemRun::new(end.clone(), &self.ports))
    }

    /// Returns the indexes of the items that have no result: to run them again, give them to
    /// [`MapBuilder::only`](crate::MapBuilder::only).
    #[must_use]
    pub fn failed_items(&self) -> Vec<u64> {
        self.items.iter().filter(|item| item.result.is_err()).map(|item| item.index).collect()
    }

    /// Puts the items of another run of the same map in the place of this one's. The run's id, status and trace are the
    /// other's; items that only this one has stay.
    #[must_use]
    pub fn updated(mut self, by: Self) -> Self {
        for item in by.items {
            match self.items.binary_search_by_key(&item.index, |item| item.index) {
                Ok(at) => self.items[at] = item,
                Err(at) => self.items.insert(at, item),
            }
        }
        self.failed = self.items.iter().filter(|item| item.result.is_err()).count() as u64;
        self.cached += by.cached;
        Self { settled: by.settled, ..self }
    }

    /// Returns how many items failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Returns how many items came whole from the cache.
    #[must_use]
    pub fn cached(&self) -> u64 {
        self.cached
    }

    /// Returns the names of the outputs that each item has.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.ports.iter().map(|(name, _)| name.as_str())
    }

    /// Returns one output of all items, in the order of the input.
    ///
    /// # Errors
    /// [`ErrorKind::Items`] if items failed, naming them; else as [`Run::get`].
    pub fn column<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Result<Vec<T>, Error> {
        let failed: Vec<String> =
            self.items.iter().filter(|item| item.result.is_err()).map(|item| item.index.to_string()).take(10).collect();
        if !failed.is_empty() {
            let more = if self.failed > 10 { ", …" } else { "" };
            let message = format!("`{name}` has no value for {} items: {}{more}", self.failed, failed.join(", "));
            return Err(Error::new(ErrorKind::Items, message));
        }
        self.items.iter().map(|item| self.item(item.index, name)).collect()
    }

    /// Returns one output of one item.
    ///
    /// # Errors
    /// The item's own error, or as [`Run::get`].
    pub fn item<T: Clone + Send + Sync + 'static>(&self, index: u64, name: &str) -> Result<T, Error> {
        let (value, ty) = self.item_value(index, name)?;
        typed(name, value, &ty).map(Arc::unwrap_or_clone)
    }

    /// Returns one output of one item with its type, as it is between nodes.
    ///
    /// # Errors
    /// As [`item`](Self::item).
    pub fn item_value(&self, index: u64, name: &str) -> Result<(Value, Type), Error> {
        let no_item = |_| Error::new(ErrorKind::Output, format!("there is no item {index} among {}", self.items.len()));
        let at = self.items.binary_search_by_key(&index, |item| item.index).map_err(no_item)?;
        item_value(&self.items[at], &self.ports, name)
    }
}

fn no_output<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let hint = nearest(name, known.clone()).map(|name| format!("; did you mean `{name}`?"));
    let hint = hint.unwrap_or_else(|| format!("; there are {}", known.collect::<Vec<_>>().join(", ")));
    Error::new(ErrorKind::Output, format!("the run has no output `{name}`{hint}"))
}

fn load(slot: &Slot, ty: &Type) -> Result<Value, Error> {
    slot.value(ty).map_err(|error| Error::new(ErrorKind::Cache, error.to_string()))
}

/// Takes a value as `T`; a map's list becomes a `Vec`, or a `Vec` of `Vec`s as deep as there are lists.
fn typed<T: Send + Sync + 'static>(name: &str, value: Value, ty: &Type) -> Result<Arc<T>, Error> {
    let value = match (value.downcast_ref::<List>(), ty) {
        (Some(list), Type::List(item)) => list.to_vecs(item).and_then(Result::ok).unwrap_or(value),
        _ => value,
    };
    let wanted = std::any::type_name::<T>();
    value::share(value).map_err(|_| Error::new(ErrorKind::Output, format!("output `{name}` is a `{ty}`, not a `{wanted}`")))
}
