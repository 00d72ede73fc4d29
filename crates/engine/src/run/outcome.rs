//! What a run made: its outputs by their names.

use std::ops::Deref;
use std::sync::Arc;

use super::settled::Settled;
use super::slot::Slot;
use crate::error::{Error, ErrorKind};
use crate::nearest::nearest;
use crate::pipeline::{OutputPort, Pipeline};
use crate::value::{self, List, Type, Value};

/// A run that has ended.
pub struct Run {
    pub(super) settled: Settled,
    pub(super) values: Values,
}

impl Deref for Run {
    type Target = Settled;
    fn deref(&self) -> &Settled {
        &self.settled
    }
}

/// What a run made, where it made it.
pub(super) struct Values {
    pub(super) pipeline: Pipeline,
    pub(super) slots: Vec<Option<Slot>>,
    /// The outputs that were asked for, by their places; without them, all.
    pub(super) wanted: Option<Vec<usize>>,
}

impl Values {
    /// The outputs that were asked for and are there.
    fn iter(&self) -> impl Iterator<Item = &OutputPort> + Clone {
        (self.pipeline.0.outputs.iter().enumerate()).filter(|(at, _)| self.slot(*at).is_some()).map(|(_, port)| port)
    }

    fn slot(&self, output: usize) -> Option<&Slot> {
        let is_wanted = self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&output));
        let slot = self.slots.get(self.pipeline.0.outputs.get(output)?.slot)?.as_ref();
        slot.filter(|_| is_wanted)
    }

    fn find(&self, name: &str) -> Option<(&Slot, &Type)> {
        let output = self.pipeline.0.output(name)?;
        Some((self.slot(output)?, &self.pipeline.0.outputs[output].ty))
    }
}

impl Run {
    /// Returns the run if it went well, else its error.
    ///
    /// # Errors
    /// The run's own.
    pub fn into_result(self) -> Result<Self, Error> {
        match self.settled.error {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }

    /// Returns the names of the outputs, and whether a node of the pipeline has read them.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, bool)> {
        self.values.iter().map(|port| (port.name.as_str(), port.consumed))
    }

    /// Returns an output; one that came from the cache is loaded now.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if there is none with this name or it is of another type, [`ErrorKind::Cache`] if it can't be
    /// loaded.
    pub fn get<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Result<T, Error> {
        self.shared::<T>(name).map(Arc::unwrap_or_clone)
    }

    /// Returns an output without copying it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn shared<T: Send + Sync + 'static>(&self, name: &str) -> Result<Arc<T>, Error> {
        let (value, ty) = self.value(name)?;
        typed(name, value, &ty)
    }

    /// Returns an output with its type, as it is between nodes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn value(&self, name: &str) -> Result<(Value, Type), Error> {
        let found = self.values.find(name);
        let (slot, ty) = found.ok_or_else(|| no_output(name, self.values.iter().map(|port| port.name.as_str())))?;
        Ok((load(slot, ty)?, ty.clone()))
    }
}

pub(super) fn no_output<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    let hint = nearest(name, known.clone()).map(|name| format!("; did you mean `{name}`?"));
    let hint = hint.unwrap_or_else(|| format!("; there are {}", known.collect::<Vec<_>>().join(", ")));
    Error::new(ErrorKind::Output, format!("the run has no output `{name}`{hint}"))
}

pub(super) fn load(slot: &Slot, ty: &Type) -> Result<Value, Error> {
    slot.value(ty).map_err(|error| Error::new(ErrorKind::Cache, error.to_string()))
}

/// Takes a value as `T`; a map's list becomes a `Vec`, or a `Vec` of `Vec`s as deep as there are lists.
pub(super) fn typed<T: Send + Sync + 'static>(name: &str, value: Value, ty: &Type) -> Result<Arc<T>, Error> {
    let value = match (value.downcast_ref::<List>(), ty) {
        (Some(list), Type::List(item)) => list.to_vecs(item).and_then(Result::ok).unwrap_or(value),
        _ => value,
    };
    let wanted = std::any::type_name::<T>();
    value::share(value).map_err(|_| Error::new(ErrorKind::Output, format!("output `{name}` is a `{ty}`, not a `{wanted}`")))
}
