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

    /// Shows the value in about so many bytes, if it is in memory.
    fn preview(&self, limit_bytes: usize) -> Option<String>;
}

/// A value that an event is about. Nothing is loaded, computed or copied for it: what still lies in a cache, or with a worker, is
/// [not here](Self::is_here).
pub struct EventValue<'a>(Box<dyn LazyValue + 'a>);

impl<'a> EventValue<'a> {
    pub(super) fn new(value: Box<dyn LazyValue + 'a>) -> Self {
        Self(value)
    }

    /// Returns the value, if it is here and of this type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get()?.downcast_ref()
    }

    /// Says whether the value is in this process's memory.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.0.get().is_some()
    }

    /// Names its type for people, without module paths: `Vec<String>`.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.0.type_name()
    }

    /// Shows its beginning, in about so many bytes and without secrets; see [`Redaction`](crate::Redaction). Nothing if it isn't
    /// here.
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
