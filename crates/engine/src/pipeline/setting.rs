//! Three states of configuration: inherited, set, off.

/// A configurable aspect of a pipeline. "Not given" and "off" are two things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// As the pipeline around this one has it.
    #[default]
    Inherit,
    /// This.
    Set(T),
    /// Off, whatever is set around it.
    Off,
}

impl<T: Clone> Setting<T> {
    /// Returns what holds here, given what holds around.
    #[must_use]
    pub fn resolve(&self, around: Option<T>) -> Option<T> {
        match self {
            Self::Inherit => around,
            Self::Set(value) => Some(value.clone()),
            Self::Off => None,
        }
    }

    /// Returns this where it says something, else the other.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        match self {
            Self::Inherit => other.clone(),
            said => said.clone(),
        }
    }

    /// Says whether nothing is said here.
    #[must_use]
    pub const fn is_inherited(&self) -> bool {
        matches!(self, Self::Inherit)
    }
}

impl<T> From<T> for Setting<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}
