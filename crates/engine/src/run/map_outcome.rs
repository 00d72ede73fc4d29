//! What a map made: its items, and each output as a column.

use std::ops::Deref;
use std::sync::Arc;

use super::map::ItemEnd;
use super::outcome::{load, no_output, typed};
use super::settled::Settled;
use crate::error::{Error, ErrorKind};
use crate::value::{Type, Value};

/// A map that has ended: how it went for each item, in the order of the input.
pub struct MapRun {
    pub(super) settled: Settled,
    pub(super) ports: Arc<Ports>,
    pub(super) items: Vec<ItemEnd>,
    pub(super) failed: u64,
    pub(super) cached: u64,
}

impl Deref for MapRun {
    type Target = Settled;
    fn deref(&self) -> &Settled {
        &self.settled
    }
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
    /// The item's own error, or as [`Run::get`](crate::Run::get).
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
    /// [`ErrorKind::Items`] if items failed, naming them; else as [`Run::get`](crate::Run::get).
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
    /// The item's own error, or as [`Run::get`](crate::Run::get).
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
