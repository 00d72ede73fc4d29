//! What a run is given: values by name, with their types.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::secret;
use crate::value::{KeyHasher, Type, Value};

/// How much of a value is shown where it stands for itself, in bytes.
const PREVIEW_BYTES: usize = 80;

/// A value and its type.
#[derive(Clone)]
pub struct Typed {
    /// The value.
    pub value: Value,
    /// Its type.
    pub ty: Type,
}

impl Typed {
    /// Pairs a value with its type.
    pub fn new<T: Send + Sync + 'static>(value: T, ty: Type) -> Self {
        Self { value: Arc::new(value), ty }
    }

    /// Returns the value, if it is of this type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// Shows the beginning of the value, without secrets.
    pub(crate) fn shown_as(&self, name: &str) -> String {
        secret::shown(name, self.to_string())
    }

    /// Says whether both stand for one value: they are one, or their types have cache keys and these are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let key = |typed: &Self| {
            let mut hasher = KeyHasher::default();
            typed.ty.key(&typed.value, &mut hasher).ok().map(|()| hasher.finish())
        };
        Arc::ptr_eq(&self.value, &other.value) || key(self).is_some_and(|mine| key(other) == Some(mine))
    }

    /// Turns a primitive number into the primitive type that is wanted, where nothing is lost: a literal `3` in
    /// `inputs!` is an `i32`, and a node may want a `usize`.
    pub(crate) fn coerced(self, wanted: &Type) -> Self {
        let Type::Leaf(wanted_info) = wanted else { return self };
        if self.ty.fits(wanted) {
            return self;
        }
        match whole_number(&self.value).and_then(|number| as_number(number, wanted_info.id)) {
            Some(value) => Self { value, ty: wanted.clone() },
            None => self,
        }
    }
}

macro_rules! integers {
    ($($t:ty),+) => {
        fn whole_number(value: &Value) -> Option<i128> {
            $(if let Some(number) = value.downcast_ref::<$t>() {
                return i128::try_from(*number).ok();
            })+
            None
        }

        fn as_number(number: i128, wanted: TypeId) -> Option<Value> {
            $(if wanted == TypeId::of::<$t>() {
                return <$t>::try_from(number).ok().map(|number| Arc::new(number) as Value);
            })+
            if wanted == TypeId::of::<f64>() {
                return i32::try_from(number).ok().map(|number| Arc::new(f64::from(number)) as Value);
            }
            None
        }
    };
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

impl fmt::Display for Typed {
    /// Writes the beginning of the value, as graphs and spans show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ty.preview(&self.value, PREVIEW_BYTES))
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.ty)
    }
}

/// Values by name. Made by [`inputs!`](crate::inputs).
#[derive(Clone, Default)]
pub struct Inputs(pub(crate) IndexMap<String, Typed>);

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, typed)| (name, &typed.ty))).finish()
    }
}

impl Inputs {
    /// Makes an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; a later one with the same name replaces it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Typed) -> Self {
        self.0.insert(name.into(), value);
        self
    }
}

/// Turns borrowed texts and slices into the owned types that nodes declare.
#[doc(hidden)]
pub struct Own<T>(pub T);

impl Own<&str> {
    /// Copies the text.
    #[must_use]
    pub fn owned(self) -> String {
        self.0.to_owned()
    }
}

impl<T: Clone> Own<&[T]> {
    /// Copies the items.
    #[must_use]
    pub fn owned(self) -> Vec<T> {
        self.0.to_vec()
    }
}

impl<T: Clone, const N: usize> Own<&[T; N]> {
    /// Copies the items.
    #[must_use]
    pub fn owned(self) -> Vec<T> {
        self.0.to_vec()
    }
}

/// The fallback of [`Own::owned`]: every other type as it is.
#[doc(hidden)]
pub trait OwnAsIs<T> {
    /// Returns the value.
    fn owned(self) -> T;
}

impl<T> OwnAsIs<T> for Own<T> {
    fn owned(self) -> T {
        self.0
    }
}

/// Pairs a value with its type, with every ability that the type has at this site.
#[macro_export]
macro_rules! typed {
    ($value:expr) => {{
        use $crate::value::probe::abilities::*;
        let value = $crate::pipeline::Own($value).owned();
        let probe = $crate::value::probe::Probe::of(&value);
        let ty = $crate::type_of_probe!(probe);
        $crate::pipeline::Typed { value: ::std::sync::Arc::new(value), ty }
    }};
}

/// Gives a pipeline its inputs: `inputs! { text: "some words", limit: 3 }`.
///
/// Texts may be borrowed (they become `String`), and whole numbers become whichever number type the node wants.
#[macro_export]
macro_rules! inputs {
    ($($name:ident : $value:expr),* $(,)?) => {
        $crate::pipeline::Inputs::new()$(.with(stringify!($name), $crate::typed!($value)))*
    };
}
