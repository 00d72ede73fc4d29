//! One value of an event: where it lies, and how it is looked at.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use flowglass_model::{LazyValue, Redaction, Unavailable};

use super::super::finished;
use super::super::map::ItemEnd;
use super::super::shared::Level;
use super::super::slot::Slot;
use crate::cache::Found as InCache;
use crate::pipeline::NodeKind;
use crate::value::{KeyDigest, List, Type, Value, ValueError, borrow};

/// A value as a slot has it, or somebody else.
#[derive(Clone)]
pub(in crate::run) enum Lying<'a> {
    Here(&'a Value),
    /// A list that is held item by item.
    Listed(&'a [Slot]),
    /// One output of each of a map's items.
    OfItems {
        items: &'a [ItemEnd],
        place: usize,
    },
    /// In the cache.
    Cached(&'a Slot),
    /// In a cache that a worker shares, which found it there.
    Shared(Shared<'a>),
    /// Remembered, and still there.
    Remembered(Value),
    /// Out of reach; of a list, with its length.
    Nowhere(Unavailable, Option<u64>),
}

/// An output of a computation that lies in the cache of a level.
#[derive(Clone, Copy)]
pub(in crate::run) struct Shared<'a> {
    pub(in crate::run) level: &'a Arc<Level>,
    pub(in crate::run) node: usize,
    pub(in crate::run) signature: &'a KeyDigest,
    /// Which of the outputs that the pipeline knows.
    pub(in crate::run) place: usize,
}

/// A value that was asked for.
pub(super) struct Found<'a> {
    pub(super) lying: Lying<'a>,
    pub(super) ty: Cow<'a, Type>,
    /// By which name somebody asks for it, and what is hidden of it when it is shown.
    shown_as: Option<(&'a str, &'a Redaction)>,
    loaded: OnceLock<Result<Value, Unavailable>>,
    /// The value in the form in which Rust code reads it, where it has another one between nodes.
    formed: OnceLock<Value>,
}

impl<'a> Found<'a> {
    pub(super) fn of(lying: Lying<'a>, ty: &'a Type) -> Self {
        Self::of_type(lying, Cow::Borrowed(ty))
    }

    pub(super) fn of_type(lying: Lying<'a>, ty: Cow<'a, Type>) -> Self {
        Self { lying, ty, shown_as: None, loaded: OnceLock::new(), formed: OnceLock::new() }
    }

    /// The same value, asked for by this name, and shown without what is to be hidden.
    pub(super) fn shown_as(self, name: &'a str, redaction: &'a Redaction) -> Self {
        Self { shown_as: Some((name, redaction)), ..self }
    }

    /// The same value as one of a list's.
    pub(super) fn of_list(self) -> Option<Self> {
        let ty = match self.ty {
            Cow::Borrowed(Type::List(item)) => Cow::Borrowed(&**item),
            Cow::Owned(Type::List(item)) => Cow::Owned(Type::clone(&item)),
            _ => return None,
        };
        Some(Self { ty, ..self })
    }

    /// The value as it is between nodes, if it is here.
    fn here(&self) -> Option<Value> {
        match self.loaded.get() {
            Some(Ok(value)) => Some(Arc::clone(value)),
            _ => self.lying.here(),
        }
    }
}

impl LazyValue for Found<'_> {
    fn type_name(&self) -> String {
        self.ty.to_string()
    }

    fn get(&self) -> Option<&(dyn Any + Send + Sync)> {
        match (&self.lying, &*self.ty) {
            (Lying::Here(value), Type::Leaf(_)) => Some(&***value),
            (Lying::Remembered(value), Type::Leaf(_)) => Some(&**value),
            _ if let Some(formed) = self.formed.get() => Some(&**formed),
            (_, ty) => {
                let formed = formed(ty, self.here()?)?;
                Some(&**self.formed.get_or_init(|| formed))
            }
        }
    }

    fn load(&self) -> Result<&(dyn Any + Send + Sync), Unavailable> {
        if self.get().is_none() && self.here().is_none() {
            self.loaded.get_or_init(|| self.lying.load(&self.ty)).as_ref().map_err(Clone::clone)?;
        }
        self.get().ok_or(Unavailable::Apart)
    }

    fn unavailable(&self) -> Option<Unavailable> {
        match (self.loaded.get(), &self.lying) {
            (Some(Err(why)), _) | (_, Lying::Nowhere(why, _)) => Some(why.clone()),
            _ => None,
        }
    }

    fn preview(&self, limit_bytes: usize) -> Option<String> {
        let text = match (&*self.ty, self.lying.length()) {
            (Type::List(item), Some(length)) => format!("[{length} × {item}]"),
            (ty, _) => ty.preview(&self.here()?, limit_bytes),
        };
        Some(match self.shown_as {
            Some((name, redaction)) => redaction.text_of(name, &text).into_owned(),
            None => text,
        })
    }
}

impl Lying<'_> {
    /// The value, or the list of what is held item by item, if all of that is here.
    fn here(&self) -> Option<Value> {
        match self {
            Self::Here(value) => Some(Arc::clone(value)),
            Self::Remembered(value) => Some(Arc::clone(value)),
            Self::Listed(slots) => list(slots.iter().map(|slot| slot.as_lying()?.here())),
            Self::OfItems { items, place } => list(slots_of(items, *place).map(|slot| slot.as_lying()?.here())),
            Self::Cached(_) | Self::Shared(_) | Self::Nowhere(..) => None,
        }
    }

    /// How many items a list has that is held item by item.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Listed(slots) => Some(slots.len() as u64),
            Self::OfItems { items, place } => Some(slots_of(items, *place).count() as u64),
            Self::Nowhere(_, length) => *length,
            Self::Here(_) | Self::Cached(_) | Self::Shared(_) | Self::Remembered(_) => None,
        }
    }

    /// Brings the value here.
    fn load(&self, ty: &Type) -> Result<Value, Unavailable> {
        let loaded = match self {
            Self::Nowhere(why, _) => return Err(why.clone()),
            Self::Here(value) => Ok(Arc::clone(value)),
            Self::Remembered(value) => Ok(Arc::clone(value)),
            Self::Cached(slot) => slot.value(ty),
            Self::Listed(slots) => load_all(slots.iter(), ty),
            Self::OfItems { items, place } => load_all(slots_of(items, *place), ty),
            Self::Shared(shared) => shared.load(ty),
        };
        loaded.map_err(|error| Unavailable::Lost(error.to_string()))
    }
}

impl Shared<'_> {
    fn load(&self, ty: &Type) -> Result<Value, ValueError> {
        let plan = &self.level.pipeline.0.nodes[self.node];
        let gone = || ValueError::new("its entry is gone");
        let NodeKind::Call { spec, .. } = &plan.kind else {
            let place =
                self.level.places(self.node).map_or(Some(self.place), |places| places.iter().position(|&at| at == self.place));
            let slots = finished::under(self.signature, self.level, self.node).ok_or_else(gone)?;
            return place.and_then(|place| slots.get(place)).ok_or_else(gone)?.value(ty);
        };
        let cache = self.level.config.cache.as_ref().ok_or_else(gone)?;
        let InCache::Hit(entry) = cache.find(self.signature, spec.outputs.len(), None) else { return Err(gone()) };
        let output = plan.exposed.get(self.place).and_then(|&at| entry.outputs.get(at)).ok_or_else(gone)?;
        ty.decode(&cache.load(output).map_err(|error| ValueError::new(error.to_string()))?)
    }
}

/// One output of each item that ended well.
fn slots_of(items: &[ItemEnd], place: usize) -> impl Iterator<Item = &Slot> {
    items.iter().filter_map(move |item| item.result.as_ref().ok()?.get(place))
}

fn list(values: impl Iterator<Item = Option<Value>>) -> Option<Value> {
    Some(Arc::new(List(values.collect::<Option<_>>()?)))
}

fn load_all<'a>(slots: impl Iterator<Item = &'a Slot>, ty: &Type) -> Result<Value, ValueError> {
    let Type::List(item) = ty else { return Err(ValueError::new(format!("a list is not a `{ty}`"))) };
    Ok(Arc::new(List(slots.map(|slot| slot.value(item)).collect::<Result<_, _>>()?)))
}

/// A value as Rust code reads it: lists that maps made are `Vec`s there.
fn formed(ty: &Type, value: Value) -> Option<Value> {
    match ty {
        Type::Leaf(_) => Some(value),
        Type::List(item) => borrow::<List>(&value).ok()?.to_vecs(item)?.ok(),
    }
}
