//! The lists and constants of a map, and what each item gets of them.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::super::aftermath::preview as whole;
use super::super::call::{Given, Givens};
use super::super::slot::Slot;
use super::super::told::Lying;
use crate::capture::{Capture, Showing};
use crate::error::{Error, ErrorKind};
use crate::pipeline::MapMode;
use crate::value::{Type, Value, ValueError};

/// The lists and constants of a map, and how they are combined.
pub(crate) struct Items {
    args: Vec<ItemArg>,
    mode: MapMode,
    total: u64,
    capture: Option<Capture>,
}

/// An input of a map: a list to take apart, or the same for each item.
pub(crate) struct MapArg {
    pub(crate) name: String,
    pub(crate) given: Given,
    /// The type in which an item is read.
    pub(crate) item: Type,
    pub(crate) mapped: bool,
}

struct ItemArg {
    name: String,
    /// What is given to every item, or to item by item.
    source: Source,
    have: Type,
}

enum Source {
    Constant(Slot),
    Each(Elements),
}

/// A list that is taken apart item by item.
enum Elements {
    /// The list as it is, whose items are made when they are asked for.
    InPlace { list: Value, ty: Type, length: usize, item_at: fn(&Value, usize) -> Result<Value, ValueError> },
    /// Items that were made before: by another map, or because the list can't be read at one place.
    Apart(Vec<Slot>),
}

impl Elements {
    fn of(list: &Slot, ty: &Type) -> Result<Self, ValueError> {
        if let (Some(value), Type::Leaf(info)) = (list.here(), ty)
            && let Some((length, item_at)) = info.item_at
        {
            return Ok(Self::InPlace { length: length(value)?, list: Value::clone(value), ty: ty.clone(), item_at });
        }
        list.items(ty).map(Self::Apart)
    }

    fn len(&self) -> usize {
        match self {
            Self::InPlace { length, .. } => *length,
            Self::Apart(slots) => slots.len(),
        }
    }

    /// Returns one item, which is there: indexes come from the lists' own lengths.
    fn get(&self, at: usize) -> Option<Slot> {
        match self {
            Self::InPlace { list, item_at, .. } => item_at(list, at).ok().map(Slot::unsigned),
            Self::Apart(slots) => slots.get(at).cloned(),
        }
    }
}

impl Items {
    /// Takes the mapped arguments apart.
    pub(crate) fn new(args: Vec<MapArg>, mode: MapMode) -> Result<Self, Error> {
        let mut lengths: Vec<(String, usize)> = Vec::new();
        let mut item_args = Vec::with_capacity(args.len());
        for MapArg { name, mut given, item, mapped } in args {
            let problem = |message: String| Error::new(ErrorKind::Input, format!("`{name}`: {message}"));
            item_args.push(if mapped {
                let found = given.have.item().ok_or_else(|| problem(format!("a `{}` can't be mapped over", given.have)))?;
                // A list knows little of its items' type; who reads them knows more.
                let item = if found.fits(&item) { found.richer(&item) } else { found };
                let items = Elements::of(&given.slot, &given.have).map_err(|error| problem(error.to_string()))?;
                lengths.push((name.clone(), items.len()));
                ItemArg { name, source: Source::Each(items), have: item }
            } else {
                // Each item's key counts it, but it is looked at once.
                given.slot.share_digest();
                ItemArg { name, source: Source::Constant(given.slot), have: given.have }
            });
        }
        let total = match mode {
            MapMode::Zip => zip_length(&lengths)?,
            MapMode::Product => lengths.iter().map(|(_, length)| *length as u64).product(),
        };
        Ok(Self { args: item_args, mode, total, capture: None })
    }

    /// Says what is shown of the items, whatever their run says.
    pub(crate) fn capturing(self, capture: Option<Capture>) -> Self {
        Self { capture, ..self }
    }

    pub(crate) fn capture(&self) -> Option<Capture> {
        self.capture
    }

    /// Takes out everything that the items are made of.
    pub(in crate::run) fn take_slots(&mut self) -> SmallVec<[Slot; 2]> {
        let sources = std::mem::take(&mut self.args).into_iter().map(|arg| arg.source);
        let slots = |source| match source {
            Source::Constant(slot) => vec![slot],
            Source::Each(Elements::Apart(slots)) => slots,
            Source::Each(Elements::InPlace { .. }) => Vec::new(),
        };
        sources.flat_map(slots).collect()
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Says where an input of the map lies, and what it is: a list that was taken apart as a whole.
    pub(in crate::run) fn given(&self, at: usize) -> Option<(Lying<'_>, Cow<'_, Type>)> {
        let arg = self.args.get(at)?;
        Some(match &arg.source {
            Source::Constant(slot) => (slot.as_lying()?, Cow::Borrowed(&arg.have)),
            Source::Each(Elements::InPlace { list, ty, .. }) => (Lying::Here(list), Cow::Borrowed(ty)),
            Source::Each(Elements::Apart(slots)) => (Lying::Listed(slots), Cow::Owned(arg.have.clone().list())),
        })
    }

    /// Shows what one item works on: the mapped value, or each by its name where there are several. What is still in the
    /// cache isn't loaded for this.
    pub(crate) fn preview(&self, index: u64, showing: Showing<'_>) -> Option<String> {
        let several = self.args.iter().filter(|arg| matches!(arg.source, Source::Each(_))).count() > 1;
        let given = self.item(index)?;
        let mapped = self.args.iter().zip(&given).filter(|(arg, _)| matches!(arg.source, Source::Each(_)));
        let shown: Vec<String> = mapped
            .filter_map(|(arg, given)| {
                let text = preview(showing, (&arg.name, &given.have), |limit| given.slot.preview(&given.have, limit))?;
                Some(if several { format!("{}={text}", arg.name) } else { text })
            })
            .collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }

    /// Shows each argument of one item by its name.
    pub(crate) fn previews(&self, index: u64, showing: Showing<'_>) -> Vec<(String, String)> {
        let Some(given) = self.item(index) else { return Vec::new() };
        let shown = |(arg, given): (&ItemArg, &Given)| (arg.name.clone(), whole(showing, &arg.name, &given.slot, &given.have));
        self.args.iter().zip(&given).filter(|(_, given)| !given.slot.is_unread()).map(shown).collect()
    }

    /// The arguments of one item. In a product the last list varies fastest.
    pub(crate) fn item(&self, index: u64) -> Option<Givens> {
        let mut rest = index;
        let mut given: Givens = self
            .args
            .iter()
            .rev()
            .map(|arg| {
                let slot = match &arg.source {
                    Source::Constant(slot) => slot.clone(),
                    Source::Each(items) => {
                        let length = items.len() as u64;
                        let at = match self.mode {
                            MapMode::Zip => index,
                            MapMode::Product => {
                                let at = rest % length.max(1);
                                rest /= length.max(1);
                                at
                            }
                        };
                        items.get(usize::try_from(at).ok()?)?
                    }
                };
                Some(Given { slot, have: arg.have.clone() })
            })
            .collect::<Option<_>>()?;
        given.reverse();
        Some(given)
    }
}

/// How much of an item's value is shown on its span.
pub(in crate::run) const PREVIEW_BYTES: usize = 120;

/// Shows a value under this name: as much as is to be shown, or that it is a secret.
pub(super) fn preview(
    showing: Showing<'_>,
    (name, ty): (&str, &Type),
    show: impl FnOnce(usize) -> Option<String>,
) -> Option<String> {
    showing.begin(name, ty, PREVIEW_BYTES, |limit| show(limit).map(unquoted))
}

/// A text stands alone on its span, so it needs no quotes.
fn unquoted(preview: String) -> String {
    match preview.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.contains(['"', '\\']) => text.to_owned(),
        _ => preview,
    }
}

fn zip_length(lengths: &[(String, usize)]) -> Result<u64, Error> {
    let Some((first, length)) = lengths.first() else {
        return Err(Error::new(ErrorKind::Input, "a map needs at least one input to map over"));
    };
    match lengths.iter().find(|(_, other)| other != length) {
        None => Ok(*length as u64),
        Some((name, other)) => Err(Error::new(
            ErrorKind::Input,
            format!("lists of one length are needed: the length of `{first}` is {length}, that of `{name}` is {other}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn list(name: &str, values: &[i32]) -> MapArg {
        let given = Given { slot: Slot::unsigned(Arc::new(values.to_vec())), have: crate::type_of!(Vec<i32>) };
        MapArg { name: name.into(), given, item: crate::type_of!(i32), mapped: true }
    }

    fn combinations(items: &Items) -> Vec<Vec<i32>> {
        let value = |given: &Given| *crate::value::borrow::<i32>(&given.slot.value(&given.have).unwrap()).unwrap();
        (0..items.total()).map(|index| items.item(index).unwrap().iter().map(value).collect()).collect()
    }

    #[test]
    fn the_last_list_of_a_product_varies_fastest() {
        let items = Items::new(vec![list("a", &[1, 2]), list("b", &[10, 20, 30])], MapMode::Product).unwrap();
        assert_eq!(combinations(&items), [[1, 10], [1, 20], [1, 30], [2, 10], [2, 20], [2, 30]]);
    }

    #[test]
    fn zip_wants_one_length_and_names_both() {
        let items = Items::new(vec![list("a", &[1, 2]), list("b", &[3, 4])], MapMode::Zip).unwrap();
        assert_eq!(combinations(&items), [[1, 3], [2, 4]]);
        let error = Items::new(vec![list("a", &[1, 2]), list("b", &[3])], MapMode::Zip).err().unwrap();
        assert!(error.message().contains("the length of `a` is 2, that of `b` is 1"), "{error}");
    }

    #[test]
    fn an_empty_list_has_no_items() {
        assert_eq!(Items::new(vec![list("a", &[]), list("b", &[1])], MapMode::Product).unwrap().total(), 0);
        assert_eq!(Items::new(vec![list("a", &[])], MapMode::Zip).unwrap().total(), 0);
    }
}
