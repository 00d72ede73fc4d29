//! The values that events tell of: references to where they lie in a run, made into something only for who asks.

use std::any::Any;
use std::sync::{Arc, OnceLock, Weak};

use flowglass_model::{EventValues, EventVerb, LazyValue, Redaction};

use super::call::Given;
use super::kept::Kept;
use super::slot::Slot;
use crate::pipeline::{Arg, InputPort, OutputPort, SiteFacts};
use crate::value::{FromItemsFn, List, Type, Value, borrow};

/// What something is given when it starts, or has made when it ends, in the order of the names that callbacks know.
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
    /// What was made, by the ports that take it; the second list, if there is one, says which of them do.
    Made { slots: &'a [Slot], ports: &'a [OutputPort], picked: Option<&'a [usize]>, is_item: bool },
    /// What a pipeline has for its ports at its end.
    Left { slots: &'a [Option<Slot>], ports: &'a [OutputPort] },
    /// What a function gave.
    Gave { values: &'a [Value], ports: &'a [OutputPort] },
}

impl<'a> Lot<'a> {
    /// The value at a place, and its type.
    fn at(&self, at: usize) -> Option<Found<'a>> {
        match *self {
            Self::Unknown => None,
            Self::Given(given) => given.get(at).map(|given| Found::of(given.slot.as_lying(), &given.have)),
            Self::Read { kept, args } => {
                let arg = args.get(at)?;
                Some(Found::of(kept.slot(arg.slot)?.as_lying(), &arg.have))
            }
            Self::Filled { slots, ports, args } => {
                let port = args.map_or(Some(at), |args| args.get(at).map(|arg| arg.port))?;
                Some(Found::of(slots.get(port)?.as_ref()?.as_lying(), &ports.get(port)?.ty))
            }
            Self::Made { slots, ports, picked, is_item } => {
                let place = picked.map_or(Some(at), |picked| picked.iter().position(|&output| output == at))?;
                let found = Found::of(slots.get(place)?.as_lying(), &ports.get(at)?.ty);
                if is_item { found.of_list() } else { Some(found) }
            }
            Self::Left { slots, ports } => Some(Found::of(slots.get(at)?.as_ref()?.as_lying(), &ports.get(at)?.ty)),
            Self::Gave { values, ports } => Some(Found::of(Lying::Here(values.get(at)?), &ports.get(at)?.ty)),
        }
    }
}

/// A value as a slot has it.
pub(super) enum Lying<'a> {
    Here(&'a Value),
    /// A list that is held item by item.
    Many(&'a [Slot]),
    /// Remembered, and still there.
    Remembered(Value),
    /// In a cache, or nowhere any more.
    NotHere,
}

/// A value that was asked for.
struct Found<'a> {
    lying: Lying<'a>,
    ty: &'a Type,
    /// By which name somebody asks for it, and what is hidden of it when it is shown.
    shown_as: Option<(&'a str, &'a Redaction)>,
    /// The value in the form in which Rust code reads it, where it has another one between nodes.
    formed: OnceLock<Option<Value>>,
}

impl<'a> Found<'a> {
    fn of(lying: Lying<'a>, ty: &'a Type) -> Self {
        Self { lying, ty, shown_as: None, formed: OnceLock::new() }
    }

    /// The same value as one of a list's.
    fn of_list(self) -> Option<Self> {
        match self.ty {
            Type::List(item) => Some(Self { ty: item, ..self }),
            Type::Leaf(_) => None,
        }
    }

    /// The value as it is between nodes, if it is here.
    fn here(&self) -> Option<Value> {
        match &self.lying {
            Lying::Here(value) => Some(Arc::clone(value)),
            Lying::Remembered(value) => Some(Arc::clone(value)),
            Lying::Many(slots) => List::of_slots(slots),
            Lying::NotHere => None,
        }
    }
}

impl LazyValue for Found<'_> {
    fn type_name(&self) -> String {
        self.ty.to_string()
    }

    fn get(&self) -> Option<&(dyn Any + Send + Sync)> {
        match (&self.lying, self.ty) {
            (Lying::Here(value), Type::Leaf(_)) => Some(&***value),
            (Lying::Remembered(value), Type::Leaf(_)) => Some(&**value),
            _ => self.formed.get_or_init(|| self.ty.as_vectors(&self.here()?)).as_deref(),
        }
    }

    fn preview(&self, limit_bytes: usize) -> Option<String> {
        let text = self.ty.preview(&self.here()?, limit_bytes);
        Some(match self.shown_as {
            Some((name, redaction)) => redaction.text_of(name, &text).into_owned(),
            None => text,
        })
    }
}

impl List {
    /// The list of what is held item by item, if all of that is here.
    fn of_slots(slots: &[Slot]) -> Option<Value> {
        let here = |slot: &Slot| match slot.as_lying() {
            Lying::Here(value) => Some(Arc::clone(value)),
            Lying::Many(slots) => Self::of_slots(slots),
            Lying::Remembered(_) | Lying::NotHere => None,
        };
        Some(Arc::new(Self(slots.iter().map(here).collect::<Option<_>>()?)))
    }
}

impl Type {
    /// A value of this type as `Vec`s, where it is a list that a map made.
    fn as_vectors(&self, value: &Value) -> Option<Value> {
        let (mut leaf, mut depth) = (self, 0_usize);
        while let Self::List(item) = leaf {
            (leaf, depth) = (item, depth + 1);
        }
        let Self::Leaf(info) = leaf else { return None };
        let Some(level) = depth.checked_sub(1) else { return Some(Arc::clone(value)) };
        vectors(value, info.collect.as_ref()?.get(..=level)?)
    }
}

/// Makes `Vec`s of a list, from the inside to the outside.
fn vectors(value: &Value, collect: &[FromItemsFn]) -> Option<Value> {
    let (outer, inner) = collect.split_last()?;
    let items = &borrow::<List>(value).ok()?.0;
    if inner.is_empty() {
        return outer(items).ok();
    }
    outer(&items.iter().map(|item| vectors(item, inner)).collect::<Option<Vec<_>>>()?).ok()
}

/// The values of one event.
pub(super) struct Told<'a> {
    facts: &'a SiteFacts,
    redaction: &'a Redaction,
    inputs: Lot<'a>,
    outputs: Lot<'a>,
}

impl<'a> Told<'a> {
    /// Tells of what is given where something starts, and of what was made where it has ended.
    pub(super) fn new(facts: &'a SiteFacts, redaction: &'a Redaction, verb: EventVerb, lot: Lot<'a>) -> Self {
        let (inputs, outputs) = if verb == EventVerb::Started { (lot, Lot::Unknown) } else { (Lot::Unknown, lot) };
        Self { facts, redaction, inputs, outputs }
    }
}

fn find<'a>(names: &'a [Arc<str>], lot: &Lot<'a>, name: &str, redaction: &'a Redaction) -> Option<Found<'a>> {
    let (at, name) = names.iter().enumerate().find(|(_, known)| ***known == *name)?;
    Some(Found { shown_as: Some((name, redaction)), ..lot.at(at)? })
}

impl EventValues for Told<'_> {
    fn input(&self, name: &str) -> Option<Box<dyn LazyValue + '_>> {
        Some(Box::new(find(&self.facts.inputs, &self.inputs, name, self.redaction)?))
    }

    fn output(&self, name: &str) -> Option<Box<dyn LazyValue + '_>> {
        Some(Box::new(find(&self.facts.outputs, &self.outputs, name, self.redaction)?))
    }

    fn for_later(&self) -> Arc<dyn EventValues + Send + Sync> {
        let inputs = remembered(&self.facts.inputs, &self.inputs);
        Arc::new(Remembered {
            redaction: self.redaction.clone(),
            inputs,
            outputs: remembered(&self.facts.outputs, &self.outputs),
        })
    }
}

/// The values of an event that is told later. They may be gone by then: who holds a value keeps it from being moved to the node
/// that reads it last.
struct Remembered {
    redaction: Redaction,
    inputs: Vec<Memory>,
    outputs: Vec<Memory>,
}

#[derive(Clone)]
struct Memory {
    name: Arc<str>,
    value: Weak<dyn Any + Send + Sync>,
    ty: Type,
}

fn remembered(names: &[Arc<str>], lot: &Lot<'_>) -> Vec<Memory> {
    let memory = |(at, name): (usize, &Arc<str>)| match lot.at(at)? {
        Found { lying: Lying::Here(value), ty, .. } => {
            Some(Memory { name: Arc::clone(name), value: Arc::downgrade(value), ty: ty.clone() })
        }
        Found { .. } => None,
    };
    names.iter().enumerate().filter_map(memory).collect()
}

fn recall<'a>(memories: &'a [Memory], name: &str, redaction: &'a Redaction) -> Option<Box<dyn LazyValue + 'a>> {
    let memory = memories.iter().find(|memory| *memory.name == *name)?;
    let lying = memory.value.upgrade().map_or(Lying::NotHere, Lying::Remembered);
    Some(Box::new(Found { shown_as: Some((&memory.name, redaction)), ..Found::of(lying, &memory.ty) }))
}

impl EventValues for Remembered {
    fn input(&self, name: &str) -> Option<Box<dyn LazyValue + '_>> {
        recall(&self.inputs, name, &self.redaction)
    }

    fn output(&self, name: &str) -> Option<Box<dyn LazyValue + '_>> {
        recall(&self.outputs, name, &self.redaction)
    }

    fn for_later(&self) -> Arc<dyn EventValues + Send + Sync> {
        Arc::new(Self { redaction: self.redaction.clone(), inputs: self.inputs.clone(), outputs: self.outputs.clone() })
    }
}
