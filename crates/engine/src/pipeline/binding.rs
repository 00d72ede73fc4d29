//! Inputs that are fixed: `bind` gives a pipeline some of its inputs before it is run.

use super::inputs::{Inputs, Typed};
use super::{InputPort, Pipeline};
use crate::error::{Error, ErrorKind};
use crate::nearest::nearest;

/// What an input is bound over.
#[derive(Clone)]
pub(crate) struct Bound {
    /// The default that comes back when the input is released.
    default: Option<Typed>,
}

impl Pipeline {
    /// Returns this pipeline with these inputs fixed. A run may still give others; as a node, a pipeline keeps what is bound
    /// unless the use maps it with [`input`](super::NodeDef::input) or [`map_over`](super::NodeDef::map_over).
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if there is no such input, or if the value doesn't fit.
    pub fn bind(&self, inputs: Inputs) -> Result<Self, Error> {
        let mut values = Vec::with_capacity(inputs.0.len());
        for (name, value) in inputs.0 {
            let at = self.input_named(&name)?;
            values.push((at, self.0.inputs[at].accept(value)?));
        }
        Ok(self.redrawn(|plan| values.into_iter().for_each(|(at, value)| plan.inputs[at].bind(value))))
    }

    /// Returns this pipeline with an input released: it is as it was before [`bind`](Self::bind). One that isn't bound stays
    /// as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if there is no such input.
    pub fn unbind(&self, name: &str) -> Result<Self, Error> {
        let at = self.input_named(name)?;
        Ok(self.redrawn(|plan| plan.inputs[at].release()))
    }

    /// Returns the inputs that are bound, with their values.
    pub fn bound_inputs(&self) -> impl Iterator<Item = (&str, &Typed)> {
        self.0
            .inputs
            .iter()
            .filter(|port| port.bound.is_some())
            .filter_map(|port| Some((port.name.as_str(), port.default.as_ref()?)))
    }

    /// Returns the inputs that a run must still be given: neither bound nor with a default.
    pub fn unfulfilled_inputs(&self) -> impl Iterator<Item = &str> {
        self.0.inputs.iter().filter(|port| port.default.is_none()).map(|port| port.name.as_str())
    }

    /// Finds an input by its name.
    pub(crate) fn input_named(&self, name: &str) -> Result<usize, Error> {
        self.0.inputs.iter().position(|port| port.name == name).ok_or_else(|| self.unknown_input(name))
    }

    /// The error of a name that is no input, with the nearest that is.
    pub(crate) fn unknown_input(&self, name: &str) -> Error {
        let known = || self.0.inputs.iter().map(|port| port.name.as_str());
        let hint = match (nearest(name, known()), known().next()) {
            (Some(name), _) => format!("; did you mean `{name}`?"),
            (None, Some(_)) => format!("; it has {}", known().collect::<Vec<_>>().join(", ")),
            (None, None) => "; it has no inputs".to_owned(),
        };
        Error::new(ErrorKind::Input, format!("pipeline `{}` has no input `{name}`{hint}", self.name()))
    }
}

impl InputPort {
    /// Turns a value into what the port wants: one literal number type into another, one form of a list into the other.
    pub(crate) fn accept(&self, typed: Typed) -> Result<Typed, Error> {
        let typed = typed.coerced(&self.ty);
        if typed.ty.fits(&self.ty) {
            let value = self.ty.adapt(&typed.ty, typed.value);
            let value = value.map_err(|error| Error::new(ErrorKind::Input, format!("input `{}`: {error}", self.name)))?;
            return Ok(Typed { value, ty: self.ty.clone() });
        }
        let reader = if self.reader.is_empty() { String::new() } else { format!("node `{}` reads ", self.reader) };
        let message = format!("input `{}` is a `{}`, but {reader}it as `{}`", self.name, typed.ty, self.ty);
        Err(Error::new(ErrorKind::Input, message))
    }

    fn bind(&mut self, value: Typed) {
        let before = self.default.replace(value);
        if self.bound.is_none() {
            self.bound = Some(Bound { default: before });
        }
    }

    fn release(&mut self) {
        if let Some(bound) = self.bound.take() {
            self.default = bound.default;
        }
    }
}
