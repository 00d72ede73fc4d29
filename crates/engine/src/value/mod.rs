//! Values between nodes: type-erased, with abilities that are found at compile time where a type has them.

mod description;
mod erased;
mod key;
mod key_serializer;
mod list;
pub mod probe;
mod sequence;
mod stateful;
mod type_info;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub use description::Type;
pub use key::{CacheKey, KeyDigest, KeyHasher};
pub use list::List;
pub use stateful::{State, Stateful};
pub use type_info::{DEEPEST, TypeInfo};

/// A value on its way between nodes. Its [`Type`] is kept by whoever holds it: a plan's slot, an input, a run's output.
pub type Value = Arc<dyn Any + Send + Sync>;

/// A value couldn't be hashed, encoded, decoded, taken or turned into another form.
#[derive(Debug)]
pub struct ValueError(String);

impl ValueError {
    /// Makes an error from a message that names the type and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValueError {}

/// Borrows the value as `T`.
///
/// # Errors
/// If it is of another type, which a checked pipeline doesn't let happen.
pub fn borrow<T: 'static>(value: &Value) -> Result<&T, ValueError> {
    value.downcast_ref().ok_or_else(|| ValueError::new(format!("the value is not a `{}`", std::any::type_name::<T>())))
}

/// Shares the value as `Arc<T>`.
///
/// # Errors
/// As [`borrow`].
pub fn share<T: Send + Sync + 'static>(value: Value) -> Result<Arc<T>, ValueError> {
    value.downcast().map_err(|_| ValueError::new(format!("the value is not a `{}`", std::any::type_name::<T>())))
}
