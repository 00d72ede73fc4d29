//! How a function's parameter is taken from a node's inputs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, GenericArgument, Ident, Pat, PathArguments, Type};

/// A parameter of a node's function.
pub(crate) enum Parameter {
    /// `&NodeContext`: no input.
    Context,
    /// An input.
    Input {
        name: Ident,
        /// The owned type that travels between nodes.
        owned: TokenStream,
        taken: Taken,
    },
}

/// In which form the function takes an input.
#[derive(Clone, Copy)]
pub(crate) enum Taken {
    Owned,
    Shared,
    Borrowed,
    Text,
    Slice,
}

impl Taken {
    pub(crate) const fn is_borrowed(self) -> bool {
        matches!(self, Self::Borrowed | Self::Text | Self::Slice)
    }

    /// Takes the input at this place in the form that the function declares.
    pub(crate) fn in_place(self, owned: &TokenStream, at: usize) -> TokenStream {
        match self {
            Self::Owned => quote!(call.take::<#owned>(#at)),
            Self::Shared => quote!(call.share::<#owned>(#at)),
            Self::Borrowed => quote!(call.borrow::<#owned>(#at)),
            Self::Text => quote!(call.borrow::<#owned>(#at).map(|value| value.as_str())),
            Self::Slice => quote!(call.borrow::<#owned>(#at).map(|value| value.as_slice())),
        }
    }

    /// Takes the input at this place in a form that a future can hold.
    pub(crate) fn held(self, owned: &TokenStream, at: usize) -> TokenStream {
        if self.is_borrowed() { quote!(call.share::<#owned>(#at)) } else { self.in_place(owned, at) }
    }

    /// Turns what a future holds into the form that the function declares.
    pub(crate) fn of_held(self, value: &Ident) -> TokenStream {
        match self {
            Self::Owned | Self::Shared => quote!(#value),
            Self::Borrowed => quote!(&*#value),
            Self::Text => quote!(#value.as_str()),
            Self::Slice => quote!(#value.as_slice()),
        }
    }
}

impl Parameter {
    pub(crate) fn parse(argument: &FnArg) -> syn::Result<Self> {
        let FnArg::Typed(argument) = argument else {
            return Err(syn::Error::new_spanned(argument, "a method can't be a node; write a function"));
        };
        let Pat::Ident(pattern) = &*argument.pat else {
            return Err(syn::Error::new_spanned(
                &argument.pat,
                "a parameter of a node needs a name, because names wire the nodes; take it apart inside the function",
            ));
        };
        let name = pattern.ident.clone();
        let (owned, taken) = match &*argument.ty {
            Type::Reference(reference) if reference.mutability.is_some() => {
                return Err(syn::Error::new_spanned(&argument.ty, "an input can't be changed in place; take it by value"));
            }
            Type::Reference(reference) => match &*reference.elem {
                Type::Path(path) if last_is(path, "NodeContext") => return Ok(Self::Context),
                Type::Path(path) if path.path.is_ident("str") => (quote!(::std::string::String), Taken::Text),
                Type::Slice(slice) => {
                    let element = &slice.elem;
                    (quote!(::std::vec::Vec<#element>), Taken::Slice)
                }
                other => (quote!(#other), Taken::Borrowed),
            },
            Type::ImplTrait(_) => {
                return Err(syn::Error::new_spanned(&argument.ty, "an input needs a written-out type; `impl Trait` is none"));
            }
            Type::Path(path) if last_is(path, "Arc") => match arc_argument(path) {
                Some(inner) => (quote!(#inner), Taken::Shared),
                None => (quote!(#path), Taken::Owned),
            },
            other => (quote!(#other), Taken::Owned),
        };
        Ok(Self::Input { name, owned, taken })
    }
}

fn last_is(path: &syn::TypePath, name: &str) -> bool {
    path.path.segments.last().is_some_and(|segment| segment.ident == name)
}

fn arc_argument(path: &syn::TypePath) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}
