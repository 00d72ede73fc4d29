//! The external inputs of a pipeline: what nobody inside makes.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::InputPort;
use super::draft::{Draft, Wanted};
use super::inputs::{Inputs, Typed};
use super::wiring::error;
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
    ports.ports.into_values().map(Gathered::finish).collect()
}

struct Ports<'a> {
    made: HashSet<&'a str>,
    ports: IndexMap<String, Gathered>,
}

/// An input and what those who read it say of it.
struct Gathered {
    port: InputPort,
    /// For each reader, the default that it has.
    readers: Vec<(String, Option<Typed>)>,
}

impl Gathered {
    fn new(name: &str, ty: Type) -> Self {
        Self {
            port: InputPort { name: name.to_owned(), ty, default: None, bound: None, reader: String::new() },
            readers: Vec::new(),
        }
    }

    fn first_reader(&self) -> &str {
        self.readers.first().map_or("", |(reader, _)| reader)
    }

    /// An input may be left out where the pipeline says so, or where everybody who reads it has the same default.
    fn finish(mut self) -> Result<InputPort, Error> {
        let needing = self.readers.iter().find(|(_, default)| default.is_none()).or(self.readers.first());
        self.port.reader = needing.map_or_else(String::new, |(reader, _)| reader.clone());
        if self.port.default.is_none() && self.readers.iter().all(|(_, default)| default.is_some()) {
            self.port.default = self.agreed_default()?;
        }
        Ok(self.port)
    }

    fn agreed_default(&self) -> Result<Option<Typed>, Error> {
        let mut defaults = self.readers.iter().filter_map(|(reader, default)| Some((reader, default.as_ref()?)));
        let Some((first, default)) = defaults.next() else { return Ok(None) };
        let Some((other, another)) = defaults.find(|(_, another)| !default.is_same(another)) else {
            return Ok(Some(default.clone()));
        };
        let name = &self.port.name;
        let (default, another) = (default.shown_as(name), another.shown_as(name));
        Err(error(format!(
            "input `{name}` is {default} by default in node `{first}` and {another} in node `{other}`; \
             say which with `.defaults(inputs! {{ {name}: … }})`"
        )))
    }
}

impl Ports<'_> {
    fn declare(&mut self, name: String, ty: Type) -> Result<(), Error> {
        if self.made.contains(name.as_str()) {
            return Err(error(format!("`{name}` is declared as an input, but a node makes it; rename one of them")));
        }
        self.ports.insert(name.clone(), Gathered::new(&name, ty));
        Ok(())
    }

    fn read(&mut self, node: &str, want: &Wanted) -> Result<(), Error> {
        if self.made.contains(want.outer.as_str()) {
            return Ok(());
        }
        let wanted = want.outer_type();
        let input = self.ports.entry(want.outer.clone()).or_insert_with(|| Gathered::new(&want.outer, wanted.clone()));
        if !(input.port.ty.fits(&wanted) || wanted.fits(&input.port.ty)) {
            return Err(error(format!(
                "input `{}` is read as `{}` by node `{}` and as `{wanted}` by node `{node}`",
                input.port.name,
                input.port.ty,
                input.first_reader()
            )));
        }
        input.port.ty = input.port.ty.clone().richer(&wanted);
        input.readers.push((node.to_owned(), want.default.clone().filter(|_| !want.mapped)));
        Ok(())
    }

    fn default(&mut self, name: &str, given: &Typed) -> Result<(), Error> {
        if self.made.contains(name) {
            return Err(error(format!("`{name}` has a default as an input, but a node makes it; rename one of them")));
        }
        let input = self.ports.entry(name.to_owned()).or_insert_with(|| Gathered::new(name, given.ty.clone()));
        let given = given.clone().coerced(&input.port.ty);
        if !given.ty.fits(&input.port.ty) {
            return Err(error(format!(
                "the default of input `{name}` is a `{}`, but node `{}` reads it as `{}`",
                given.ty,
                input.first_reader(),
                input.port.ty
            )));
        }
        input.port.default = Some(given);
        Ok(())
    }
}
