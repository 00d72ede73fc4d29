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
}
