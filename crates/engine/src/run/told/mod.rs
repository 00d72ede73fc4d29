//! The values that events tell of: references to where they lie in a run, made into something only for who asks.

mod found;
mod lot;
mod shown;

use std::any::Any;
use std::sync::{Arc, Weak};

use flowglass_model::{EventValues, EventVerb, LazyValue, Redaction, Unavailable};

use self::found::Found;
pub(super) use self::found::Lying;
pub(crate) use self::lot::{Away, Lot};
pub(super) use self::shown::shown;
use super::slot::Slot;
use crate::pipeline::SiteFacts;
use crate::value::Type;

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
    Some(lot.at(at)?.shown_as(name, redaction))
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
    held: Held,
    ty: Type,
}

/// What is left of a value.
#[derive(Clone)]
enum Held {
    Weakly(Weak<dyn Any + Send + Sync>),
    /// In the cache, where nobody takes it from.
    Cached(Slot),
    Not(Unavailable),
}

impl Held {
    fn of(lying: &Lying<'_>) -> Self {
        match lying {
            Lying::Here(value) => Self::Weakly(Arc::downgrade(value)),
            Lying::Remembered(value) => Self::Weakly(Arc::downgrade(value)),
            Lying::Cached(slot) => Self::Cached(Slot::clone(slot)),
            Lying::Nowhere(why, _) => Self::Not(why.clone()),
            Lying::Listed(_) | Lying::OfItems { .. } | Lying::Shared(_) => Self::Not(Unavailable::HandedOn),
        }
    }

    fn lying(&self) -> Lying<'_> {
        match self {
            Self::Weakly(value) => value.upgrade().map_or(Lying::Nowhere(Unavailable::HandedOn, None), Lying::Remembered),
            Self::Cached(slot) => slot.as_lying().unwrap_or(Lying::Nowhere(Unavailable::HandedOn, None)),
            Self::Not(why) => Lying::Nowhere(why.clone(), None),
        }
    }
}

fn remembered(names: &[Arc<str>], lot: &Lot<'_>) -> Vec<Memory> {
    let memory = |(at, name): (usize, &Arc<str>)| {
        let found = lot.at(at)?;
        Some(Memory { name: Arc::clone(name), held: Held::of(&found.lying), ty: found.ty.into_owned() })
    };
    names.iter().enumerate().filter_map(memory).collect()
}

fn recall<'a>(memories: &'a [Memory], name: &str, redaction: &'a Redaction) -> Option<Box<dyn LazyValue + 'a>> {
    let memory = memories.iter().find(|memory| *memory.name == *name)?;
    Some(Box::new(Found::of(memory.held.lying(), &memory.ty).shown_as(&memory.name, redaction)))
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
