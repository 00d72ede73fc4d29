//! Types of values: a Rust type with its abilities, or a list of such, and what fits where.

use std::fmt;
use std::sync::Arc;

use super::{KeyHasher, List, TypeInfo, Value, ValueError};

/// The type of a value: a Rust type, or a list of such, as maps make them.
#[derive(Clone)]
pub enum Type {
    /// One Rust type.
    Leaf(TypeInfo),
    /// What a map over nodes of that type makes; see [`List`].
    List(Arc<Type>),
}

impl Type {
    /// Returns the type of a list of these.
    #[must_use]
    pub fn list(self) -> Self {
        Self::List(Arc::new(self))
    }

    /// Says whether a value of this type can be given where `wanted` is declared.
    #[must_use]
    pub fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Leaf(have), Self::Leaf(want)) => have.id == want.id,
            (Self::List(have), Self::List(want)) => have.fits(want),
            (Self::List(have), Self::Leaf(want)) => {
                want.from_items.is_some() && want.item.is_some_and(|item| have.fits(&item()))
            }
            (Self::Leaf(have), Self::List(want)) => have.items.is_some() && have.item.is_some_and(|item| item().fits(want)),
        }
    }

    /// Returns the type of the items, if values of this type can be mapped over.
    #[must_use]
    pub fn item(&self) -> Option<Self> {
        match self {
            Self::Leaf(info) => info.items.and(info.item).map(|item| item()),
            Self::List(item) => Some(Self::clone(item)),
        }
    }

    /// Returns how many maps around each other made it.
    pub(crate) fn list_depth(&self) -> usize {
        let (mut ty, mut depth) = (self, 0);
        while let Self::List(item) = ty {
            (ty, depth) = (item, depth + 1);
        }
        depth
    }

    /// Chooses the richer of two descriptions of one type: what one site could see of it, another may not.
    #[must_use]
    pub fn richer(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Leaf(mine), Self::Leaf(theirs)) if mine.id == theirs.id => Self::Leaf(TypeInfo {
                key: mine.key.or(theirs.key),
                encode: mine.encode.or(theirs.encode),
                decode: mine.decode.or(theirs.decode),
                preview: mine.preview.or(theirs.preview),
                clone: mine.clone || theirs.clone,
                item: mine.item.or(theirs.item),
                items: mine.items.or(theirs.items),
                item_at: mine.item_at.or(theirs.item_at),
                from_items: mine.from_items.or(theirs.from_items),
                collect: mine.collect.or(theirs.collect),
                state: mine.state || theirs.state,
                ..mine
            }),
            (mine, _) => mine,
        }
    }

    /// Turns a value of the type `have` into the form that a reader of this type expects: lists that maps made into `Vec`s and
    /// back, at every depth.
    ///
    /// # Errors
    /// If an item isn't what it should be.
    pub fn adapt(&self, have: &Self, value: Value) -> Result<Value, ValueError> {
        if self.has_form_of(have) {
            return Ok(value);
        }
        match (have, self) {
            (Self::List(item), Self::Leaf(info)) => {
                let (Some(from_items), Some(wanted)) = (info.from_items, info.item) else { return Ok(value) };
                let (wanted, list) = (wanted(), super::borrow::<List>(&value)?);
                if wanted.has_form_of(item) {
                    return from_items(&list.0);
                }
                from_items(&wanted.adapt_all(item, list.0.clone())?)
            }
            (Self::Leaf(info), Self::List(wanted)) => {
                let (Some(items), Some(item)) = (info.items, info.item) else { return Ok(value) };
                Ok(Arc::new(List(wanted.adapt_all(&item(), items(&value)?)?)))
            }
            (Self::List(item), Self::List(wanted)) => {
                Ok(Arc::new(List(wanted.adapt_all(item, super::borrow::<List>(&value)?.0.clone())?)))
            }
            _ => Ok(value),
        }
    }

    fn adapt_all(&self, have: &Self, values: Vec<Value>) -> Result<Vec<Value>, ValueError> {
        values.into_iter().map(|value| self.adapt(have, value)).collect()
    }

    /// Says whether values of both types lie in memory in the same way.
    pub(crate) fn has_form_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(mine), Self::Leaf(theirs)) => mine.id == theirs.id,
            (Self::List(mine), Self::List(theirs)) => mine.has_form_of(theirs),
            _ => false,
        }
    }

    /// Takes a value of this type apart into its items.
    ///
    /// # Errors
    /// If it isn't a list.
    pub fn items(&self, value: &Value) -> Result<Vec<Value>, ValueError> {
        match self {
            Self::List(_) => Ok(super::borrow::<List>(value)?.0.clone()),
            Self::Leaf(info) => {
                info.items.ok_or_else(|| ValueError::new(format!("a `{self}` can't be mapped over: it is not a list")))?(value)
            }
        }
    }

    /// Feeds a value of this type into a cache key.
    ///
    /// # Errors
    /// If the type has no key.
    pub fn key(&self, value: &Value, hasher: &mut KeyHasher) -> Result<(), ValueError> {
        match self {
            Self::Leaf(info) => info.key.ok_or_else(|| {
                ValueError::new(format!(
                    "a `{self}` has no cache key: implement `CacheKey` or `serde::Serialize` for it, or turn the cache off for the nodes that read it"
                ))
            })?(value, hasher),
            Self::List(item) => {
                let items = super::borrow::<List>(value)?;
                hasher.list(items.0.len());
                items.0.iter().try_for_each(|value| item.key(value, hasher))
            }
        }
    }

    /// Says whether values of this type can be turned into bytes and back.
    #[must_use]
    pub fn can_encode(&self) -> bool {
        match self {
            Self::Leaf(info) => info.encode.is_some() && info.decode.is_some(),
            Self::List(item) => item.can_encode(),
        }
    }

    /// Turns a value of this type into bytes.
    ///
    /// # Errors
    /// If the type can't, or the value can't.
    pub fn encode(&self, value: &Value) -> Result<Vec<u8>, ValueError> {
        match self {
            Self::Leaf(info) => info.encode.ok_or_else(|| self.not_encodable())?(value),
            Self::List(item) => {
                let items = super::borrow::<List>(value)?;
                let parts = items.0.iter().map(|value| item.encode(value)).collect::<Result<Vec<_>, _>>()?;
                rmp_serde::to_vec(&parts).map_err(|error| ValueError::new(error.to_string()))
            }
        }
    }

    /// Turns bytes into a value of this type.
    ///
    /// # Errors
    /// If the type can't, or the bytes aren't one.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, ValueError> {
        match self {
            Self::Leaf(info) => info.decode.ok_or_else(|| self.not_encodable())?(bytes),
            Self::List(item) => {
                let parts: Vec<Vec<u8>> = rmp_serde::from_slice(bytes).map_err(|error| ValueError::new(error.to_string()))?;
                let items = parts.iter().map(|part| item.decode(part)).collect::<Result<Vec<_>, _>>()?;
                Ok(Arc::new(List(items)))
            }
        }
    }

    /// Shows a value of this type in at most about `limit` bytes.
    #[must_use]
    pub fn preview(&self, value: &Value, limit: usize) -> String {
        match self {
            Self::Leaf(info) => info.preview.map_or_else(|| format!("<{self}>"), |preview| preview(value, limit)),
            Self::List(item) => match super::borrow::<List>(value) {
                Ok(items) => format!("[{} × {item}]", items.0.len()),
                Err(_) => format!("<{self}>"),
            },
        }
    }

    fn not_encodable(&self) -> ValueError {
        ValueError::new(format!(
            "a `{self}` can't be stored: derive `serde::Serialize` and `serde::Deserialize` for it, or turn the cache off for the node that makes it"
        ))
    }
}

impl fmt::Display for Type {
    /// Writes the type without module paths: `Vec<String>`, `list of Document`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(info) => f.write_str(&short_name(info.name)),
            Self::List(item) => write!(f, "list of {item}"),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Drops the module paths of a type's name: `alloc::vec::Vec<my::Doc>` becomes `Vec<Doc>`.
pub(super) fn short_name(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    for part in name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let start = part.rfind("::").map_or(0, |at| at + 2);
        short.push_str(&part[start..]);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_paths() {
        assert_eq!(short_name("alloc::vec::Vec<(alloc::string::String, my::Doc)>"), "Vec<(String, Doc)>");
        assert_eq!(short_name("&str"), "&str");
        assert_eq!(short_name("core::result::Result<u8, a::b::E>"), "Result<u8, E>");
    }

    #[test]
    fn lists_fit_where_their_items_do() {
        let texts = crate::type_of!(Vec<String>);
        let text = crate::type_of!(String);
        let nested = crate::type_of!(Vec<Vec<u8>>);
        assert!(text.clone().list().fits(&texts));
        assert!(texts.fits(&text.clone().list()));
        assert!(!crate::type_of!(u8).list().fits(&texts));
        assert!(crate::type_of!(u8).list().list().fits(&nested));
        assert!(!text.fits(&texts));
        assert_eq!(texts.item().unwrap().to_string(), "String");
    }

    #[test]
    fn lists_of_lists_change_their_form_at_every_depth() {
        let (text, nested) = (crate::type_of!(u8), crate::type_of!(Vec<Vec<u8>>));
        let lists = text.list().list();
        let value: Value = Arc::new(vec![vec![1u8], vec![]]);
        let taken_apart = lists.adapt(&nested, value).unwrap();
        let first = &super::super::borrow::<List>(&taken_apart).unwrap().0[0];
        assert_eq!(super::super::borrow::<List>(first).unwrap().0.len(), 1);
        let half = crate::type_of!(Vec<u8>).list();
        let halfway = half.adapt(&lists, Arc::clone(&taken_apart)).unwrap();
        for (form, value) in [(&lists, taken_apart), (&half, halfway)] {
            let back = nested.adapt(form, value).unwrap();
            assert_eq!(super::super::borrow::<Vec<Vec<u8>>>(&back).unwrap(), &[vec![1], vec![]]);
        }
    }
}
