//! Finds out at a macro's site which abilities a type has, by the order of method resolution.
//!
//! A method found without taking another reference wins over one that needs it. So an ability is a method on `&&Probe<T>`
//! where the type has it in the best way, on `&Probe<T>` where it has it in the next best, and on `Probe<T>` where it has
//! it not at all. This works only where the type is written out (in `#[node]` and `inputs!`), not behind a type
//! parameter without bounds: there the answer is "nothing". The table test below pins it.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::erased::{
    bare, collect_fns, decode, encode, from_items, item_at, items, key_by_own, key_by_serialize, length, list, list_of_lists,
    list_of_lists_of_lists, preview_by_debug, preview_by_serialize,
};
use super::sequence::{Element, Sequence};
use super::type_info::{DEEPEST, DecodeFn, EncodeFn, FromItemsFn, ItemAtFn, ItemsFn, KeyFn, LengthFn, PreviewFn};
use super::{CacheKey, Stateful, Type, TypeInfo};

/// Stands for a type without holding a value of it.
pub struct Probe<T: ?Sized>(PhantomData<fn() -> T>);

impl<T: ?Sized> Probe<T> {
    /// Makes a probe of a written-out type.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only macros make probes, by name")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Probe<T> {
    /// Makes a probe of a value's type.
    pub const fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

type ListAbility = Option<ListFns>;
type CollectAbility = Option<[FromItemsFn; DEEPEST]>;

/// What can be done with a list.
#[derive(Clone, Copy)]
pub struct ListFns {
    item: fn() -> Type,
    items: ItemsFn,
    item_at: (LengthFn, ItemAtFn),
    from_items: FromItemsFn,
}

impl ListFns {
    fn of<L: Sequence>(item: fn() -> Type) -> Self {
        Self { item, items: items::<L>, item_at: (length::<L>, item_at::<L>), from_items: from_items::<L> }
    }
}

macro_rules! ability {
    ($($tr:ident :: $method:ident -> $ret:ty { [$($generics:tt)*] $target:ty => $value:expr })+) => {
        $(#[doc(hidden)]
        pub trait $tr {
            fn $method(&self) -> $ret;
        }
        impl<$($generics)*> $tr for $target {
            fn $method(&self) -> $ret {
                $value
            }
        })+
    };
}

ability! {
    KeyNone::key_ability -> Option<KeyFn> { [T] Probe<T> => None }
    KeySerialize::key_ability -> Option<KeyFn> { [T: Serialize + 'static] &Probe<T> => Some(key_by_serialize::<T>) }
    KeyOwn::key_ability -> Option<KeyFn> { [T: CacheKey + 'static] &&Probe<T> => Some(key_by_own::<T>) }
    CodecNone::codec_ability -> Option<(EncodeFn, DecodeFn)> { [T] Probe<T> => None }
    CodecSerde::codec_ability -> Option<(EncodeFn, DecodeFn)> {
        [T: Serialize + DeserializeOwned + Send + Sync + 'static] &Probe<T> => Some((encode::<T>, decode::<T>))
    }
    PreviewNone::preview_ability -> Option<PreviewFn> { [T] Probe<T> => None }
    PreviewSerialize::preview_ability -> Option<PreviewFn> { [T: Serialize + 'static] &Probe<T> => Some(preview_by_serialize::<T>) }
    PreviewDebug::preview_ability -> Option<PreviewFn> { [T: Debug + 'static] &&Probe<T> => Some(preview_by_debug::<T>) }
    StateNone::state_ability -> bool { [T] Probe<T> => false }
    StateIs::state_ability -> bool { [T: Send + Sync + 'static] &Probe<Stateful<T>> => true }
    CollectNone::collect_ability -> CollectAbility { [T] Probe<T> => None }
    CollectClone::collect_ability -> CollectAbility { [T: Element] &Probe<T> => Some(collect_fns::<T>()) }
    ListNone::list_ability -> ListAbility { [T] Probe<T> => None }
    ListFlat::list_ability -> ListAbility { [L: Sequence] &Probe<L> => Some(ListFns::of::<L>(bare::<L::Item>)) }
    ListNested::list_ability -> ListAbility {
        [L: Sequence<Item: Sequence>] &&Probe<L> => Some(ListFns::of::<L>(list::<L::Item>))
    }
    ListDeep::list_ability -> ListAbility {
        [L: Sequence<Item: Sequence<Item: Sequence>>] &&&Probe<L> => Some(ListFns::of::<L>(list_of_lists::<L::Item>))
    }
    ListDeeper::list_ability -> ListAbility {
        [L: Sequence<Item: Sequence<Item: Sequence<Item: Sequence>>>] &&&&Probe<L>
            => Some(ListFns::of::<L>(list_of_lists_of_lists::<L::Item>))
    }
}

/// Describes a written-out type with every ability that it has.
#[macro_export]
macro_rules! type_of {
    ($t:ty) => {{
        let probe = $crate::value::probe::Probe::<$t>::new();
        $crate::type_of_probe!(probe)
    }};
}

/// Describes the type of a probe.
#[doc(hidden)]
#[macro_export]
macro_rules! type_of_probe {
    ($probe:ident) => {{
        use $crate::value::probe::abilities::*;
        $crate::value::probe::describe(
            &$probe,
            (&&&$probe).key_ability(),
            (&&$probe).codec_ability(),
            (&&&$probe).preview_ability(),
            (&&&&&$probe).list_ability(),
            (&&$probe).collect_ability(),
            (&&$probe).state_ability(),
        )
    }};
}

/// The abilities as one import, which is used whatever the type has.
#[doc(hidden)]
pub mod abilities {
    pub use crate::pipeline::OwnAsIs;

    pub use super::{
        CodecNone, CodecSerde, CollectClone, CollectNone, KeyNone, KeyOwn, KeySerialize, ListDeep, ListDeeper, ListFlat,
        ListNested, ListNone, PreviewDebug, PreviewNone, PreviewSerialize, StateIs, StateNone,
    };
}

/// Puts the abilities that a macro's site found into one description.
#[doc(hidden)]
pub fn describe<T: 'static>(
    _: &Probe<T>,
    key: Option<KeyFn>,
    codec: Option<(EncodeFn, DecodeFn)>,
    preview: Option<PreviewFn>,
    list: ListAbility,
    collect: CollectAbility,
    state: bool,
) -> Type {
    Type::Leaf(TypeInfo {
        key,
        encode: codec.map(|(encode, _)| encode),
        decode: codec.map(|(_, decode)| decode),
        preview,
        clone: collect.is_some(),
        item: list.map(|list| list.item),
        items: list.map(|list| list.items),
        item_at: list.map(|list| list.item_at),
        from_items: list.map(|list| list.from_items),
        collect,
        state,
        ..TypeInfo::bare::<T>()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Value, borrow};
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, Clone)]
    struct Doc(String);
    #[derive(Debug)]
    struct Pool;
    struct Keyed;
    impl CacheKey for Keyed {
        fn cache_key(&self) -> String {
            "seven".into()
        }
    }

    fn abilities(of: Type) -> String {
        let Type::Leaf(info) = of else { return "list".into() };
        let mark = |name: &'static str, has: bool| if has { name } else { "-" };
        [
            mark("key", info.key.is_some()),
            mark("encode", info.encode.is_some()),
            mark("preview", info.preview.is_some()),
            mark("clone", info.clone),
            mark("items", info.items.is_some()),
        ]
        .join(" ")
    }

    #[test]
    fn every_way_of_having_an_ability_is_seen() {
        assert_eq!(abilities(crate::type_of!(Doc)), "key encode preview clone -");
        assert_eq!(abilities(crate::type_of!(Pool)), "- - preview - -");
        assert_eq!(abilities(crate::type_of!(Keyed)), "key - - - -");
        assert_eq!(abilities(crate::type_of!(Vec<Doc>)), "key encode preview clone items");
        assert_eq!(abilities(crate::type_of!(Vec<Pool>)), "- - preview - -");
        assert_eq!(abilities(crate::type_of!(Vec<Vec<f64>>)), "key encode preview clone items");
        assert_eq!(abilities(crate::type_of!([Doc; 2])), "key encode preview clone items");
        assert_eq!(abilities(crate::type_of!(Box<[Doc]>)), "key encode preview clone items");
        assert_eq!(abilities(crate::type_of!(std::collections::VecDeque<Doc>)), "key encode preview clone items");
        assert_eq!(abilities(crate::type_of!(std::collections::HashMap<String, f64>)), "key encode preview clone -");
    }

    #[test]
    fn lists_of_lists_are_lists_at_every_depth() {
        let depth = |of: Type| std::iter::successors(of.item(), Type::item).count();
        assert_eq!(depth(crate::type_of!(Vec<u8>)), 1);
        assert_eq!(depth(crate::type_of!(Vec<Vec<u8>>)), 2);
        assert_eq!(depth(crate::type_of!([Vec<std::collections::VecDeque<u8>>; 1])), 3);
        assert_eq!(depth(crate::type_of!(Vec<Box<[Vec<Vec<u8>>]>>)), 4);
    }

    #[test]
    fn a_preview_is_bounded() {
        let value: Value = Arc::new("é".repeat(100));
        assert_eq!(crate::type_of!(String).preview(&value, 4), "\"é…");
    }

    #[test]
    fn values_come_back_from_their_bytes() {
        let of = crate::type_of!(Vec<Doc>);
        let value: Value = Arc::new(vec![Doc("a".into()), Doc(String::new())]);
        let back = of.decode(&of.encode(&value).unwrap()).unwrap();
        assert_eq!(borrow::<Vec<Doc>>(&back).unwrap()[0].0, "a");
        assert!(of.decode(b"\xff\xff").is_err());
    }
}
