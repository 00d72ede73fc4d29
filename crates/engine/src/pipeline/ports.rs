//! The external inputs of a pipeline: what nobody inside makes.

use super::InputPort;
use super::inputs::Inputs;
use super::wiring::{Draft, error};
use crate::error::Error;
use crate::value::Type;

/// Everything that is declared, that nodes read and no node makes, in the order of first use, and what has a default.
pub(super) fn inputs(
    drafts: &[Draft],
    order: &[usize],
    declared: Vec<(String, Type)>,
    defaults: &Inputs,
) -> Result<Vec<InputPort>, Error> {
    let made = |name: &str| drafts.iter().any(|draft| draft.makes.iter().any(|made| made.outer == name));
    let mut ports: Vec<InputPort> = Vec::new();
    for (name, ty) in declared {
        if made(&name) {
            return Err(error(format!("`{name}` is declared as an input, but a node makes it; rename one of them")));
        }
        ports.push(InputPort { name, ty, default: None, reader: String::new() });
    }
    for (draft, want) in order.iter().flat_map(|&at| drafts[at].wants.iter().map(move |want| (&drafts[at], want))) {
        if made(&want.outer) {
            continue;
        }
        match ports.iter_mut().find(|port| port.name == want.outer) {
            Some(port) => {
                let wanted = want.outer_type();
                if port.reader.is_empty() {
                    port.reader.clone_from(&draft.name);
                    port.default = want.default.clone().filter(|_| !want.mapped);
                }
                if !(port.ty.fits(&wanted) || wanted.fits(&port.ty)) {
                    return Err(error(format!(
                        "input `{}` is read as `{}` by node `{}` and as `{wanted}` by node `{}`",
                        port.name, port.ty, port.reader, draft.name
                    )));
                }
                port.ty = port.ty.clone().richer(&wanted);
            }
            None => ports.push(InputPort {
                name: want.outer.clone(),
                ty: want.outer_type(),
                default: want.default.clone().filter(|_| !want.mapped),
                reader: draft.name.clone(),
            }),
        }
    }
    for (name, given) in &defaults.0 {
        match ports.iter_mut().find(|port| port.name == *name) {
            Some(port) => {
                let given = given.clone().coerced(&port.ty);
                if !given.ty.fits(&port.ty) {
                    return Err(error(format!(
                        "the default of input `{name}` is a `{}`, but node `{}` reads it as `{}`",
                        given.ty, port.reader, port.ty
                    )));
                }
                port.default = Some(given);
            }
            None if made(name) => {
                return Err(error(format!("`{name}` has a default as an input, but a node makes it; rename one of them")));
            }
            None => ports.push(InputPort {
                name: name.clone(),
                ty: given.ty.clone(),
                default: Some(given.clone()),
                reader: String::new(),
            }),
        }
    }
    Ok(ports)
}
