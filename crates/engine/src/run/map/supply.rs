//! Where a map's items come from: lists, or a stream of one input.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;

use super::super::call::{Given, Givens};
use super::super::slot::Slot;
use super::super::told::Lot;
use super::items::{Items, preview};
use crate::capture::{Capture, Showing};
use crate::value::{Type, Value};

/// Gives items one by one.
pub(crate) enum Supply {
    /// Items of lists: all, or some by their index.
    Lists { items: Arc<Items>, next: usize, only: Option<Arc<[u64]>> },
    /// Items of a stream, one input of each.
    Stream(Box<Streamed>),
}

/// A stream of one input; the other inputs are the same for each item.
pub(crate) struct Streamed {
    pub(crate) stream: Pin<Box<dyn Stream<Item = Value> + Send>>,
    /// What every item is given, in the order of the pipeline's inputs; the streamed one's place is filled for each.
    pub(crate) constants: Vec<Given>,
    pub(crate) place: usize,
    pub(crate) name: Arc<str>,
    pub(crate) have: Type,
    pub(crate) next: u64,
}

/// One item that can start.
pub(crate) struct Item {
    pub(crate) index: u64,
    pub(crate) given: Givens,
    pub(crate) shown: Shown,
}

/// What an item's span shows of the value that it works on. Looked at when the span is recorded, if it is.
#[derive(Clone)]
pub(crate) enum Shown {
    Listed(Arc<Items>),
    Streamed { name: Arc<str>, have: Type, value: Value, preview: Option<fn(&Value, usize) -> String> },
}

impl Shown {
    /// Returns what is to be shown, where the map says so itself.
    pub(crate) fn capture(&self) -> Option<Capture> {
        if let Self::Listed(items) = self { items.capture() } else { None }
    }

    pub(crate) fn preview(&self, index: u64, showing: Showing<'_>) -> Option<String> {
        match self {
            Self::Listed(items) => items.preview(index, showing),
            Self::Streamed { name, have, value, preview: show } => {
                preview(showing, (name, have), |limit| Some((*show)?(value, limit)))
            }
        }
    }
}

impl Shown {
    /// Shows everything that the item is given, each by its name.
    pub(crate) fn previews(&self, index: u64, showing: Showing<'_>) -> Vec<(String, String)> {
        match self {
            Self::Listed(items) => items.previews(index, showing),
            Self::Streamed { name, .. } => {
                self.preview(index, showing).map(|text| (name.to_string(), text)).into_iter().collect()
            }
        }
    }
}

impl Supply {
    /// Gives every item of some lists, or those with these indexes, which must exist.
    pub(crate) fn of_lists(items: Items, only: Option<Arc<[u64]>>) -> Self {
        Self::Lists { items: Arc::new(items), next: 0, only }
    }

    /// Returns how many items there will be, if that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        match self {
            Self::Lists { items, only, .. } => Some(only.as_ref().map_or(items.total(), |only| only.len() as u64)),
            Self::Stream(_) => None,
        }
    }

    /// What the map is given, as events tell of it.
    pub(super) fn lot(&self) -> Lot<'_> {
        match self {
            Self::Lists { items, .. } => Lot::TakenApart(items),
            Self::Stream(streamed) => {
                Lot::Streamed { constants: &streamed.constants, place: streamed.place, item: &streamed.have }
            }
        }
    }

    /// Gives the next item; none when there are no more.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self {
            Self::Lists { items, next, only } => {
                let index = match only {
                    Some(only) => only.get(*next).copied(),
                    None => Some(*next as u64).filter(|&index| index < items.total()),
                };
                *next += 1;
                Poll::Ready(index.and_then(|index| listed(items, index)))
            }
            Self::Stream(streamed) => streamed.poll_next(cx),
        }
    }

    /// Returns the indexes of all items, where it is known which those are.
    pub(crate) fn indexes(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match self {
            Self::Lists { items, only: None, .. } => Box::new(0..items.total()),
            Self::Lists { only: Some(only), .. } => Box::new(only.iter().copied()),
            Self::Stream(_) => Box::new(std::iter::empty()),
        }
    }
}

fn listed(items: &Arc<Items>, index: u64) -> Option<Item> {
    Some(Item { index, given: items.item(index)?, shown: Shown::Listed(Arc::clone(items)) })
}

impl Streamed {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.stream.as_mut().poll_next(cx).map(|value| {
            let index = self.next;
            self.next += 1;
            value.map(|value| self.item(index, value))
        })
    }

    fn item(&self, index: u64, value: Value) -> Item {
        let preview = if let Type::Leaf(info) = &self.have { info.preview } else { None };
        let shown =
            Shown::Streamed { name: Arc::clone(&self.name), have: self.have.clone(), value: Value::clone(&value), preview };
        let mut value = Some(Slot::unsigned(value));
        let given = |(at, given): (usize, &Given)| {
            let slot = if at == self.place { value.take() } else { None };
            Given { slot: slot.unwrap_or_else(|| given.slot.clone()), have: given.have.clone() }
        };
        let given = self.constants.iter().enumerate().map(given).collect();
        Item { index, given, shown }
    }
}
