//! What one call of a node is given: its inputs, read where the run keeps them, and what it may know of its surroundings.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::node::{Inputs, NodeContext};
use crate::run::Kept;
use crate::value::{self, Value, ValueError};

/// One call of a node: its inputs, in the order of its parameters, and its surroundings.
///
/// An input is read where the run keeps it. Its last reader may have it whole: what [`take`](Self::take) gives is moved
/// there, and cloned elsewhere.
pub struct Invocation<'a> {
    inputs: Source<'a>,
    surroundings: &'a dyn Whereabouts,
}

/// Where a call stands; asked only by nodes that want to know.
pub(crate) trait Whereabouts {
    /// Makes what the node may know.
    fn context(&self) -> NodeContext;
}

impl Whereabouts for NodeContext {
    fn context(&self) -> NodeContext {
        self.clone()
    }
}

enum Source<'a> {
    /// The slots of a level; for each input, which of them it is.
    Kept { kept: &'a mut Kept, slots: &'a [u32] },
    /// Values of the call's own.
    Own(SmallVec<[Option<Value>; 4]>),
}

impl<'a> Invocation<'a> {
    /// Makes a call that reads its inputs in a level's slots.
    #[inline]
    pub(crate) fn reading(kept: &'a mut Kept, slots: &'a [u32], surroundings: &'a dyn Whereabouts) -> Self {
        Self { inputs: Source::Kept { kept, slots }, surroundings }
    }

    /// Makes a call that has its inputs itself.
    pub(crate) fn owning(inputs: Inputs, surroundings: &'a dyn Whereabouts) -> Self {
        Self { inputs: Source::Own(inputs.into_iter().map(Some).collect()), surroundings }
    }

    /// Returns how many inputs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.inputs {
            Source::Kept { slots, .. } => slots.len(),
            Source::Own(values) => values.len(),
        }
    }

    /// Says whether there are no inputs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes an input as `T`: moved where nobody else needs it, else cloned.
    ///
    /// # Errors
    /// If there is no such input or it is of another type, which a checked pipeline doesn't let happen.
    #[inline]
    pub fn take<T: Clone + Send + Sync + 'static>(&mut self, input: usize) -> Result<T, ValueError> {
        if self.is_last_use(input) {
            return self.share(input).map(Arc::unwrap_or_clone);
        }
        self.borrow::<T>(input).cloned()
    }

    /// Shares an input as `Arc<T>`.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn share<T: Send + Sync + 'static>(&mut self, input: usize) -> Result<Arc<T>, ValueError> {
        value::share(self.value(input)?)
    }

    /// Borrows an input as `&T`.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    #[inline]
    pub fn borrow<T: 'static>(&self, input: usize) -> Result<&T, ValueError> {
        value::borrow(self.look(input).ok_or_else(missing)?)
    }

    /// Takes an input as it is between nodes.
    ///
    /// # Errors
    /// If there is no such input, or it was taken before.
    pub fn value(&mut self, input: usize) -> Result<Value, ValueError> {
        let value = match &mut self.inputs {
            Source::Kept { kept, slots } => slots.get(input).and_then(|&slot| kept.take_value(slot as usize)),
            Source::Own(values) => values.get_mut(input).and_then(Option::take),
        };
        value.ok_or_else(missing)
    }

    /// Takes all inputs as they are between nodes, in the order of the parameters.
    ///
    /// # Errors
    /// If one of them was taken before.
    pub fn values(&mut self) -> Result<Inputs, ValueError> {
        (0..self.len()).map(|input| self.value(input)).collect()
    }

    /// Returns what the node may know of its surroundings.
    #[must_use]
    pub fn context(&self) -> NodeContext {
        self.surroundings.context()
    }

    #[inline]
    fn is_last_use(&self, input: usize) -> bool {
        match &self.inputs {
            Source::Kept { kept, slots } => slots.get(input).is_none_or(|&slot| kept.is_last_use(slot as usize)),
            Source::Own(_) => true,
        }
    }

    #[inline]
    fn look(&self, input: usize) -> Option<&Value> {
        match &self.inputs {
            Source::Kept { kept, slots } => kept.look(*slots.get(input)? as usize),
            Source::Own(values) => values.get(input)?.as_ref(),
        }
    }
}

#[cold]
fn missing() -> ValueError {
    ValueError::new("an input is missing")
}

impl fmt::Debug for Invocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invocation({} inputs)", self.len())
    }
}
