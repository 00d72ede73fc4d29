//! What something is given when it starts, or has made when it ends, in the order of the names that callbacks know.

use std::borrow::Cow;
use std::sync::Arc;

use flowglass_model::Unavailable;

use super::super::call::Given;
use super::super::kept::Kept;
use super::super::map::{ItemEnd, Items};
use super::super::shared::Level;
use super::super::slot::Slot;
use super::found::{Found, Lying, Shared};
use crate::pipeline::{Arg, InputPort, OutputPort};
use crate::value::{KeyDigest, Type, Value};

/// References to values, of which nobody has been asked for yet: as small as they are cheap.
#[derive(Clone, Copy)]
pub(crate) enum Lot<'a> {
    /// Nobody knows here.
    Unknown,
    /// What a call is given, or an item.
    Given(&'a [Given]),
    /// What a node reads in its level.
    Read { kept: &'a Kept, args: &'a [Arg] },
    /// What fills the inputs of a pipeline: of all its ports, or of those that a node gives.
    Filled { slots: &'a [Option<Slot>], ports: &'a [InputPort], args: Option<&'a [Arg]> },
    /// What a top-level map takes apart.
    TakenApart(&'a Items),
    /// What a map over a stream is given besides; the streamed input is at this place.
    Streamed { constants: &'a [Given], place: usize, item: &'a Type },
    /// What was made, by the ports that take it; the second list, if there is one, says which of them do.
    Made { slots: &'a [Slot], ports: &'a [OutputPort], picked: Option<&'a [usize]>, is_item: bool },
    /// What lies in the cache of a computation, which knows the types itself.
    Recalled { slots: &'a [Slot], is_item: bool },
    /// What a pipeline has for its ports at its end.
    Left { slots: &'a [Option<Slot>], ports: &'a [OutputPort] },
    /// What a function gave.
    Gave { values: &'a [Value], ports: &'a [OutputPort] },
    /// What the items of a map that is a node made, each of the node's outputs a list; which of them, if not all.
    Columns { items: &'a [ItemEnd], ports: &'a [OutputPort], picked: Option<&'a [usize]> },
    /// What the items of a top-level map made, of the outputs that were asked for.
    Results { items: &'a [ItemEnd], ports: &'a [OutputPort], picked: &'a [usize] },
    /// So many items ended well, and were taken one by one.
    Taken { total: u64, ports: &'a [OutputPort], picked: &'a [usize] },
    /// What a worker gives to a node that it runs, or has from it.
    Away(Away<'a>),
}

/// A node that a worker runs in a pipeline which was handed to it whole.
#[derive(Clone, Copy)]
pub(crate) struct Away<'a> {
    pub(crate) level: &'a Arc<Level>,
    pub(crate) node: usize,
    pub(crate) is_item: bool,
    pub(crate) is_start: bool,
    /// What fills the inputs of its level, as far as this process has it.
    pub(crate) given: &'a [Option<Slot>],
    /// The signature under which the results lie in a cache that this process shares.
    pub(crate) signature: Option<&'a KeyDigest>,
}

impl<'a> Lot<'a> {
    /// The value at a place, and its type.
    pub(super) fn at(&self, at: usize) -> Option<Found<'a>> {
        match *self {
            Self::Unknown => None,
            Self::Given(given) => given.get(at).and_then(as_given),
            Self::Read { kept, args } => {
                let arg = args.get(at)?;
                Some(Found::of(kept.slot(arg.slot)?.as_lying()?, &arg.have))
            }
            Self::Filled { slots, ports, args } => {
                let port = args.map_or(Some(at), |args| args.get(at).map(|arg| arg.port))?;
                Some(Found::of(slots.get(port)?.as_ref()?.as_lying()?, &ports.get(port)?.ty))
            }
            Self::TakenApart(items) => items.given(at).map(|(lying, ty)| Found::of_type(lying, ty)),
            Self::Streamed { place, item, .. } if place == at => {
                Some(Found::of_type(Lying::Nowhere(Unavailable::OneByOne, None), list_of(item)))
            }
            Self::Streamed { constants, .. } => constants.get(at).and_then(as_given),
            Self::Made { slots, ports, picked, is_item } => {
                let found = Found::of(slots.get(place(picked, at)?)?.as_lying()?, &ports.get(at)?.ty);
                if is_item { found.of_list() } else { Some(found) }
            }
            Self::Recalled { slots, is_item } => recalled(slots.get(at)?, is_item),
            Self::Left { slots, ports } => Some(Found::of(slots.get(at)?.as_ref()?.as_lying()?, &ports.get(at)?.ty)),
            Self::Gave { values, ports } => Some(Found::of(Lying::Here(values.get(at)?), &ports.get(at)?.ty)),
            Self::Columns { items, ports, picked } => {
                Some(Found::of(Lying::OfItems { items, place: place(picked, at)? }, &ports.get(at)?.ty))
            }
            Self::Results { items, ports, picked } => {
                let lying = Lying::OfItems { items, place: place(Some(picked), at)? };
                Some(Found::of_type(lying, list_of(&ports.get(at)?.ty)))
            }
            Self::Taken { total, ports, picked } => {
                place(Some(picked), at)?;
                let lying = Lying::Nowhere(Unavailable::OneByOne, Some(total));
                Some(Found::of_type(lying, list_of(&ports.get(at)?.ty)))
            }
            Self::Away(away) => away.at(at),
        }
    }
}

impl<'a> Away<'a> {
    fn at(self, at: usize) -> Option<Found<'a>> {
        let Self { level, node, is_item, is_start, given, signature } = self;
        let plan = &level.pipeline.0;
        let arg = |at| plan.nodes[node].args.get(at).filter(|arg: &&Arg| arg.mapped || !is_item);
        let found = match (is_start, signature) {
            (true, _) => {
                let arg = plan.nodes[node].args.get(at)?;
                let here = given.get(arg.slot).and_then(Option::as_ref).filter(|_| !(is_item && arg.mapped));
                Found::of(here.and_then(Slot::as_lying).unwrap_or(WITH_WORKER), &arg.have)
            }
            (false, None) => Found::of(WITH_WORKER, &plan.ports_of(node).get(at)?.ty),
            (false, Some(signature)) => {
                Found::of(Lying::Shared(Shared { level, node, signature, place: at }), &plan.ports_of(node).get(at)?.ty)
            }
        };
        let is_one_of_many = is_item && (!is_start || arg(at).is_some());
        if is_one_of_many { found.of_list() } else { Some(found) }
    }
}

const WITH_WORKER: Lying<'static> = Lying::Nowhere(Unavailable::WithWorker, None);

fn as_given(given: &Given) -> Option<Found<'_>> {
    Some(Found::of(given.slot.as_lying()?, &given.have))
}

fn place(picked: Option<&[usize]>, at: usize) -> Option<usize> {
    picked.map_or(Some(at), |picked| picked.iter().position(|&output| output == at))
}

fn list_of(ty: &Type) -> Cow<'static, Type> {
    Cow::Owned(ty.clone().list())
}

fn recalled(slot: &Slot, is_item: bool) -> Option<Found<'_>> {
    let Slot::Cached { hit, place, .. } = slot else { return None };
    let found = Found::of(slot.as_lying()?, hit.type_of(*place)?);
    if is_item { found.of_list() } else { Some(found) }
}
