//! What a map makes: a list of values of one type, not yet turned into a `Vec` of it.

use super::Value;

/// Outputs of a map's items, in order. A consumer that declares `Vec<T>` or `&[T]` gets one made when it needs it.
#[derive(Clone, Default)]
pub struct List(pub Vec<Value>);
