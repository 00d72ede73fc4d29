//! What a function or a closure returns: which outputs, and whether it may fail.

use syn::{GenericArgument, LitStr, PathArguments, ReturnType, Type};

/// What comes back from a call.
pub(crate) struct Returned {
    /// The types of the outputs.
    pub(crate) outputs: Vec<Type>,
    /// Whether they come as a tuple.
    pub(crate) tuple: bool,
    /// Whether they come in a `Result`.
    pub(crate) fallible: bool,
}

impl Returned {
    /// Reads the type of the result, which must hold as many values as outputs are named.
    pub(crate) fn parse(output: &ReturnType, names: &[LitStr]) -> syn::Result<Self> {
        let (made, fallible) = result(output);
        match (names.len(), &made) {
            (0 | 1, _) => Ok(Self { outputs: vec![made], tuple: false, fallible }),
            (names, Type::Tuple(types)) if types.elems.len() == names => {
                Ok(Self { outputs: types.elems.iter().cloned().collect(), tuple: true, fallible })
            }
            (names, other) => {
                let message = format!("{names} outputs are named, so the function must return a tuple of {names} values");
                Err(syn::Error::new_spanned(other, message))
            }
        }
    }
}

/// The type of the result, taken out of a `Result` that is written as such.
fn result(output: &ReturnType) -> (Type, bool) {
    let ReturnType::Type(_, ty) = output else { return (unit(), false) };
    let Type::Path(path) = &**ty else { return (Type::clone(ty), false) };
    let Some(segment) = path.path.segments.last().filter(|segment| segment.ident == "Result") else {
        return (Type::clone(ty), false);
    };
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => (inner.clone(), true),
            _ => (unit(), true),
        },
        _ => (unit(), true),
    }
}

fn unit() -> Type {
    syn::parse_quote!(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_seen_as_they_are_written() {
        let fallible = |output: ReturnType| result(&output).1;
        assert!(fallible(syn::parse_quote!(-> Result<u8, String>)));
        assert!(fallible(syn::parse_quote!(-> std::io::Result<u8>)));
        assert!(!fallible(syn::parse_quote!(-> Option<u8>)));
        assert!(!fallible(ReturnType::Default));
    }
}
