//! The values that an event is about, looked at only where a reader of the event asks.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Where the values lie that an event is about: references into the run that tells of it. Making one touches no value.
pub trait EventValues: Sync {
    /// Finds what the thing was given under this name, if the event has it.
    fn input(&self, name: &str) -> Option<Box<dyn LazyValue + '_>>;

    /// Finds what the thing made under this name, if the event has it.
    fn output(&self, name: &str) -> Option<Box<dyn LazyValue + '_>>;

    /// Returns what is left of them for somebody who hears of the event a little later: it keeps nothing from going.
    fn for_later(&self) -> Arc<dyn EventValues + Send + Sync>;
}

impl fmt::Debug for dyn EventValues + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventValues")
    }
}

/// A value where it lies.
pub trait LazyValue {
    /// Names its type for people: `Vec<String>`.
    fn type_name(&self) -> String;

    /// Returns the value, if it is in memory.
    fn get(&self) -> Option<&(dyn Any + Send + Sync)>;

    /// Returns the value, brought here from where it lies if it isn't in memory.
    ///
    /// # Errors
    /// Why it can't be had.
    fn load(&self) -> Result<&(dyn Any + Send + Sync), Unavailable>;

    /// Says why it can't be had, where that is known without trying.
    fn unavailable(&self) -> Option<Unavailable>;

    /// Shows the value in about so many bytes, if it is in memory; of a list it is enough to know how long it is.
    fn preview(&self, limit_bytes: usize) -> Option<String>;
}

/// A value that an event is about. [`get`](Self::get) and [`preview`](Self::preview) load, compute and copy nothing; what still
/// lies in a cache [`load`](Self::load) brings here.
pub struct EventValue<'a>(Box<dyn LazyValue + 'a>);

/// Why a value that an event is about can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// It was made by a worker and never left it.
    WithWorker,
    /// It was handed on before this was told: the event had to wait until a callback had time for it.
    HandedOn,
    /// The items of a stream come and go one by one; nobody has all of them.
    OneByOne,
    /// The cache can't give it, for this reason.
    Lost(String),
    /// It is a list held item by item, and its items can't be copied into a `Vec`.
    Apart,
    /// It is of this type, and another was asked for.
    OfType(String),
}

impl<'a> EventValue<'a> {
    pub(super) fn new(value: Box<dyn LazyValue + 'a>) -> Self {
        Self(value)
    }

    /// Returns the value, if it is here and of this type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get()?.downcast_ref()
    }

    /// Returns the value, brought here if it lies in a cache. The run waits for that, as for all that a callback does, and whoever
    /// needs the value in the run loads it for itself.
    ///
    /// # Errors
    /// Why it can't be had; see [`Unavailable`].
    pub fn load<T: 'static>(&self) -> Result<&T, Unavailable> {
        self.0.load()?.downcast_ref().ok_or_else(|| Unavailable::OfType(self.type_name()))
    }

    /// Says whether the value is in this process's memory.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.0.get().is_some()
    }

    /// Says why the value can't be had, where that is known without trying to [`load`](Self::load) it.
    #[must_use]
    pub fn unavailable(&self) -> Option<Unavailable> {
        self.0.unavailable()
    }

    /// Names its type for people, without module paths: `Vec<String>`.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.0.type_name()
    }

    /// Shows its beginning, in about so many bytes and without secrets; see [`Redaction`](crate::Redaction). Nothing if it isn't
    /// here; of a list that a map makes, how long it is.
    #[must_use]
    pub fn preview(&self, limit_bytes: usize) -> Option<String> {
        self.0.preview(limit_bytes)
    }
}

impl fmt::Debug for EventValue<'_> {
    /// Writes the type alone: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventValue({})", self.type_name())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithWorker => f.write_str("it never left the worker that made it"),
            Self::HandedOn => f.write_str("it was handed on before this was told"),
            Self::OneByOne => f.write_str("its items come and go one by one"),
            Self::Lost(why) => write!(f, "the cache can't give it: {why}"),
            Self::Apart => f.write_str("its items can't be copied into a `Vec`"),
            Self::OfType(name) => write!(f, "it is a `{name}`"),
        }
    }
}

impl std::error::Error for Unavailable {}
