//! The abilities of one Rust type, as function pointers.

use std::any::TypeId;

use super::{KeyHasher, Type, Value, ValueError};

/// Feeds a value into a cache key.
pub(super) type KeyFn = fn(&Value, &mut KeyHasher) -> Result<(), ValueError>;
/// Turns a value into bytes.
pub(super) type EncodeFn = fn(&Value) -> Result<Vec<u8>, ValueError>;
/// Turns bytes into a value.
pub(super) type DecodeFn = fn(&[u8]) -> Result<Value, ValueError>;
/// Shows a value in about so many bytes.
pub(super) type PreviewFn = fn(&Value, usize) -> String;
/// Takes a list apart.
pub(super) type ItemsFn = fn(&Value) -> Result<Vec<Value>, ValueError>;
/// Returns how many items a list has.
pub(super) type LengthFn = fn(&Value) -> Result<usize, ValueError>;
/// Returns one item of a list.
pub(super) type ItemAtFn = fn(&Value, usize) -> Result<Value, ValueError>;
/// Puts a list together.
pub(crate) type FromItemsFn = fn(&[Value]) -> Result<Value, ValueError>;

/// How deep lists may lie in lists where they are taken as `Vec`s of `Vec`s: that of maps in maps in maps in a map.
pub const DEEPEST: usize = 4;

/// The abilities of one Rust type, as function pointers. Made by [`type_of!`](crate::type_of).
#[derive(Clone, Copy)]
pub struct TypeInfo {
    /// The type's identity.
    pub id: TypeId,
    /// The type's full name, as the compiler writes it.
    pub name: &'static str,
    /// Feeds the value into a cache key.
    pub key: Option<KeyFn>,
    /// Turns the value into bytes.
    pub encode: Option<EncodeFn>,
    /// Turns bytes into the value.
    pub decode: Option<DecodeFn>,
    /// Shows the value, at most about this many bytes of it.
    pub preview: Option<PreviewFn>,
    /// Whether the type can be cloned.
    pub clone: bool,
    /// The type of its items, if it is a list.
    pub item: Option<fn() -> Type>,
    /// Takes a list apart.
    pub items: Option<ItemsFn>,
    /// How many items a list has, and one of them, so that a long list needn't be taken apart at once.
    pub item_at: Option<(LengthFn, ItemAtFn)>,
    /// Makes a list of this type from its items.
    pub from_items: Option<FromItemsFn>,
    /// Makes a `Vec` of values of this type, a `Vec` of such `Vec`s, and so on: each of what the one before it makes.
    pub collect: Option<[FromItemsFn; DEEPEST]>,
    /// Whether it is [`Stateful`](super::Stateful): a worker that has built one keeps it.
    pub state: bool,
}

impl TypeInfo {
    /// Describes a type by its name and identity alone.
    #[must_use]
    pub fn bare<T: 'static>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            name: std::any::type_name::<T>(),
            key: None,
            encode: None,
            decode: None,
            preview: None,
            clone: false,
            item: None,
            items: None,
            item_at: None,
            from_items: None,
            collect: None,
            state: false,
        }
    }
}
