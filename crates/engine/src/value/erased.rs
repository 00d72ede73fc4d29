//! What can be done with values whose type is erased: the functions that descriptions of types point to.

use std::fmt::{self, Debug, Write as _};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sequence::{Element, Sequence};
use super::type_info::{DEEPEST, FromItemsFn};
use super::{CacheKey, KeyHasher, Type, TypeInfo, Value, ValueError, borrow};

pub(super) fn key_by_serialize<T: Serialize + 'static>(value: &Value, hasher: &mut KeyHasher) -> Result<(), ValueError> {
    hasher.serialize(borrow::<T>(value)?)
}

pub(super) fn key_by_own<T: CacheKey + 'static>(value: &Value, hasher: &mut KeyHasher) -> Result<(), ValueError> {
    hasher.own_key(std::any::type_name::<T>(), &borrow::<T>(value)?.cache_key());
    Ok(())
}

pub(super) fn encode<T: Serialize + 'static>(value: &Value) -> Result<Vec<u8>, ValueError> {
    rmp_serde::to_vec_named(borrow::<T>(value)?)
        .map_err(|error| ValueError::new(format!("a `{}` can't be encoded: {error}", std::any::type_name::<T>())))
}

pub(super) fn decode<T: DeserializeOwned + Send + Sync + 'static>(bytes: &[u8]) -> Result<Value, ValueError> {
    let value: T = rmp_serde::from_slice(bytes)
        .map_err(|error| ValueError::new(format!("these bytes are no `{}`: {error}", std::any::type_name::<T>())))?;
    Ok(Arc::new(value))
}

pub(super) fn preview_by_serialize<T: Serialize + 'static>(value: &Value, limit: usize) -> String {
    let mut shown = Bounded { text: String::new(), limit };
    if let Ok(value) = borrow::<T>(value)
        && let Ok(json) = serde_json::to_string(value)
    {
        let _ = shown.write_str(&json);
    }
    shown.text
}

pub(super) fn preview_by_debug<T: Debug + 'static>(value: &Value, limit: usize) -> String {
    let mut shown = Bounded { text: String::new(), limit };
    if let Ok(value) = borrow::<T>(value) {
        // An error here is the bound that was reached.
        let _ = write!(shown, "{value:?}");
    }
    shown.text
}

/// Text that stops growing at a bound, so that a huge value isn't written out to be cut.
struct Bounded {
    text: String,
    limit: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.text.len());
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        self.text.push('…');
        Err(fmt::Error)
    }
}

pub(super) fn bare<T: 'static>() -> Type {
    Type::Leaf(TypeInfo::bare::<T>())
}

pub(super) fn list<L: Sequence>() -> Type {
    list_type::<L>(bare::<L::Item>)
}

pub(super) fn list_of_lists<L: Sequence<Item: Sequence>>() -> Type {
    list_type::<L>(list::<L::Item>)
}

pub(super) fn list_of_lists_of_lists<L: Sequence<Item: Sequence<Item: Sequence>>>() -> Type {
    list_type::<L>(list_of_lists::<L::Item>)
}

fn list_type<L: Sequence>(item: fn() -> Type) -> Type {
    Type::Leaf(TypeInfo {
        clone: true,
        item: Some(item),
        items: Some(items::<L>),
        item_at: Some((length::<L>, item_at::<L>)),
        from_items: Some(from_items::<L>),
        ..TypeInfo::bare::<L>()
    })
}

pub(super) fn items<L: Sequence>(value: &Value) -> Result<Vec<Value>, ValueError> {
    Ok(borrow::<L>(value)?.items().map(|item| Arc::new(item.clone()) as Value).collect())
}

pub(super) fn length<L: Sequence>(value: &Value) -> Result<usize, ValueError> {
    Ok(borrow::<L>(value)?.length())
}

pub(super) fn item_at<L: Sequence>(value: &Value, index: usize) -> Result<Value, ValueError> {
    let item = borrow::<L>(value)?.item(index).ok_or_else(|| ValueError::new(format!("there is no item {index}")))?;
    Ok(Arc::new(item.clone()))
}

pub(super) fn from_items<L: Sequence>(items: &[Value]) -> Result<Value, ValueError> {
    let items = items.iter().map(|item| borrow::<L::Item>(item).cloned()).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(L::of(items)?))
}

pub(super) fn collect_fns<T: Element>() -> [FromItemsFn; DEEPEST] {
    [from_items::<Vec<T>>, from_items::<Vec<Vec<T>>>, from_items::<Vec<Vec<Vec<T>>>>, from_items::<Vec<Vec<Vec<Vec<T>>>>>]
}
