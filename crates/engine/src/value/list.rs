//! What a map makes: a list of values of one type, not yet turned into a `Vec` of it.

use super::type_info::FromItemsFn;
use super::{Type, Value, ValueError, borrow};

/// Outputs of a map's items, in order. A consumer that declares `Vec<T>` or `&[T]` gets one made when it needs it.
#[derive(Clone, Default)]
pub struct List(pub Vec<Value>);

impl List {
    /// Makes a `Vec` of a list whose items are of this type, and `Vec`s of the lists in it. None if the type at the bottom can't
    /// be cloned, or lies deeper than [`DEEPEST`](super::description::DEEPEST).
    pub(crate) fn to_vecs(&self, item: &Type) -> Option<Result<Value, ValueError>> {
        let mut depth = 0;
        let mut bottom = item;
        while let Type::List(inner) = bottom {
            (bottom, depth) = (inner, depth + 1);
        }
        let Type::Leaf(info) = bottom else { return None };
        let collect = info.collect.as_ref()?.get(..=depth)?;
        Some(self.collect(collect))
    }

    fn collect(&self, collect: &[FromItemsFn]) -> Result<Value, ValueError> {
        match collect {
            [] => Err(ValueError::new("nothing makes a `Vec` of this list")),
            [outermost] => outermost(&self.0),
            [inner @ .., outermost] => {
                let items = self.0.iter().map(|item| borrow::<Self>(item)?.collect(inner)).collect::<Result<Vec<_>, _>>()?;
                outermost(&items)
            }
        }
    }
}
