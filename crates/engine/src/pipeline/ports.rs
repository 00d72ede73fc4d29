//! The external inputs of a pipeline: what nobody inside makes.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::InputPort;
use super::inputs::{Inputs, Typed};
use super::wiring::{Draft, Wanted, error};
use crate::error::Error;
use crate::value::Type;

/// Everything that is declared, that nodes read and no node makes, in the order of first use, and what has a default.
pub(super) fn inputs(
    drafts: &[Draft],
    order: &[usize],
    declared: Vec<(String, Type)>,
    defaults: &Inputs,
) -> Result<Vec<InputPort>, Error> {
    let mut ports = Ports {
        made: drafts.iter().flat_map(|draft| draft.makes.iter().map(|made| made.outer.as_str())).collect(),
        ports: IndexMap::new(),
    };
    for (name, ty) in declared {
        ports.declare(name, ty)?;
    }
    for draft in order.iter().map(|&at| &drafts[at]) {
        draft.wants.iter().try_for_each(|want| ports.read(&draft.name, want))?;
    }
    for (name, default) in &defaults.0 {
        ports.default(name, default)?;
    }
    Ok(ports.ports.into_values().collect())
}

struct Ports<'a> {
    made: HashSet<&'a str>,
    ports: IndexMap<String, InputPort>,
}

impl Ports<'_> {
    fn declare(&mut self, name: String, ty: Type) -> Result<(), Error> {
        if self.made.contains(name.as_str()) {
            return Err(error(format!("`{name}` is declared as an input, but a node makes it; rename one of them")));
        }
        self.ports.insert(name.clone(), InputPort { name, ty, default: None, reader: String::new() });
        Ok(())
    }

    fn read(&mut self, node: &str, want: &Wanted) -> Result<(), Error> {
        if self.made.contains(want.outer.as_str()) {
            return Ok(());
        }
        let (wanted, default) = (want.outer_type(), || want.default.clone().filter(|_| !want.mapped));
        let Some(port) = self.ports.get_mut(&want.outer) else {
            let port = InputPort { name: want.outer.clone(), ty: wanted, default: default(), reader: node.to_owned() };
            self.ports.insert(want.outer.clone(), port);
            return Ok(());
        };
        if port.reader.is_empty() {
            node.clone_into(&mut port.reader);
            port.default = default();
        }
        if !(port.ty.fits(&wanted) || wanted.fits(&port.ty)) {
            return Err(error(format!(
                "input `{}` is read as `{}` by node `{}` and as `{wanted}` by node `{node}`",
                port.name, port.ty, port.reader
            )));
        }
        port.ty = port.ty.clone().richer(&wanted);
        Ok(())
    }

    fn default(&mut self, name: &str, given: &Typed) -> Result<(), Error> {
        if self.made.contains(name) {
            return Err(error(format!("`{name}` has a default as an input, but a node makes it; rename one of them")));
        }
        let Some(port) = self.ports.get_mut(name) else {
            let (name, ty, default) = (name.to_owned(), given.ty.clone(), Some(given.clone()));
            self.ports.insert(name.clone(), InputPort { name, ty, default, reader: String::new() });
            return Ok(());
        };
        let given = given.clone().coerced(&port.ty);
        if !given.ty.fits(&port.ty) {
            return Err(error(format!(
                "the default of input `{name}` is a `{}`, but node `{}` reads it as `{}`",
                given.ty, port.reader, port.ty
            )));
        }
        port.default = Some(given);
        Ok(())
    }
}
