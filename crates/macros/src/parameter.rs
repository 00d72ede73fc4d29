//! How a function's parameter is taken from a node's inputs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Type};

use crate::marks::Marks;

/// A parameter of a node's function.
pub(crate) enum Parameter {
    /// `&NodeContext`: no input.
    Context,
    /// An input.
    Input(Box<Input>),
}

/// An input of a node's function.
pub(crate) struct Input {
    pub(crate) name: Ident,
    /// The owned type that travels between nodes.
    pub(crate) owned: TokenStream,
    pub(crate) taken: Taken,
    pub(crate) marks: Marks,
}

/// In which form the function takes an input.
#[derive(Clone, Copy)]
pub(crate) enum Taken {
    Owned,
    Shared,
    Borrowed,
    Text,
    Slice,
    BorrowedState,
    SharedState,
}

impl Parameter {
    pub(crate) fn of_function(argument: &mut FnArg) -> syn::Result<Self> {
        match argument {
            FnArg::Typed(argument) => Self::parse(argument),
            FnArg::Receiver(_) => Err(syn::Error::new_spanned(
                argument,
                "a method can't be a node; write a function, or `node_fn!` with a closure that calls the method",
            )),
        }
    }

    /// Reads a parameter and takes the marks off that only the node understands.
    pub(crate) fn parse(argument: &mut PatType) -> syn::Result<Self> {
        let marks = Marks::take(&mut argument.attrs)?;
        let Pat::Ident(pattern) = &*argument.pat else {
            return Err(syn::Error::new_spanned(
                &argument.pat,
                "a parameter of a node needs a name, because names wire the nodes; take it apart inside the function",
            ));
        };
        let name = pattern.ident.clone();
        if is_context(&argument.ty) {
            return marks.refuse("`&NodeContext` is no input").map(|()| Self::Context);
        }
        let (owned, taken) = Taken::of(&argument.ty)?;
        let (owned, taken) = if marks.state { taken.state(&owned, &argument.ty)? } else { (owned, taken) };
        Ok(Self::Input(Box::new(Input { name, owned, taken, marks })))
    }
}

impl Taken {
    pub(crate) const fn is_borrowed(self) -> bool {
        !matches!(self, Self::Owned | Self::Shared)
    }

    pub(crate) const fn is_state(self) -> bool {
        matches!(self, Self::BorrowedState | Self::SharedState)
    }

    /// Takes the input at this place while the call lasts.
    pub(crate) fn in_place(self, owned: &TokenStream, at: usize) -> TokenStream {
        match self {
            Self::Owned => quote!(call.take::<#owned>(#at)),
            Self::Shared => quote!(call.share::<#owned>(#at)),
            Self::Borrowed | Self::BorrowedState | Self::SharedState => quote!(call.borrow::<#owned>(#at)),
            Self::Text => quote!(call.borrow::<#owned>(#at).map(|value| value.as_str())),
            Self::Slice => quote!(call.borrow::<#owned>(#at).map(|value| value.as_slice())),
        }
    }

    /// Turns what was taken in its place into the form that the function declares.
    pub(crate) fn of_place(self, value: &Ident) -> TokenStream {
        match self {
            Self::BorrowedState | Self::SharedState => self.of_held(value),
            _ => quote!(#value),
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
            Self::BorrowedState => quote!(#value.get()?),
            Self::SharedState => quote!(#value.share()?),
        }
    }

    /// Finds out which owned type stands behind a parameter's, and how the one is taken from the other.
    fn of(ty: &Type) -> syn::Result<(TokenStream, Self)> {
        let refuse = |message: &str| Err(syn::Error::new_spanned(ty, message));
        match ty {
            Type::Reference(reference) if reference.mutability.is_some() => refuse(
                "an input can't be changed in place, because others may read it; take it by value and return what it becomes",
            ),
            Type::Reference(reference) => match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => Ok((quote!(::std::string::String), Self::Text)),
                Type::Slice(slice) => {
                    let element = &slice.elem;
                    Ok((quote!(::std::vec::Vec<#element>), Self::Slice))
                }
                Type::TraitObject(_) => refuse("an input needs a sized type; take `&Box<dyn …>` or a type of your own"),
                Type::Reference(_) => refuse("an input is borrowed once; take `&T` instead of `&&T`"),
                other => Ok((quote!(#other), Self::Borrowed)),
            },
            Type::ImplTrait(_) => refuse(
                "an input needs a written-out type; `impl Trait` is none. Make the function generic: `fn f<T: Trait>(input: T)`",
            ),
            Type::Ptr(_) => refuse("a pointer can't travel between nodes; take the value"),
            Type::Path(path) if last_is(path, "Arc") => match arc_argument(path) {
                Some(inner) => Ok((quote!(#inner), Self::Shared)),
                None => Ok((quote!(#path), Self::Owned)),
            },
            other => Ok((quote!(#other), Self::Owned)),
        }
    }

    /// The same for what is built where it is used.
    fn state(self, built: &TokenStream, ty: &Type) -> syn::Result<(TokenStream, Self)> {
        let owned = quote!(::flowglass::Stateful<#built>);
        match self {
            Self::Borrowed => Ok((owned, Self::BorrowedState)),
            Self::Shared => Ok((owned, Self::SharedState)),
            _ => Err(syn::Error::new_spanned(ty, "what `#[state]` builds is shared by all calls; take it as `&T` or `Arc<T>`")),
        }
    }
}

impl Input {
    /// Writes the input's description.
    pub(crate) fn spec(&self) -> TokenStream {
        let (name, owned) = (self.name.to_string(), &self.owned);
        let name = name.strip_prefix("r#").unwrap_or(&name);
        let default = self.marks.default.as_ref().map(|default| {
            let value = default.expression(owned);
            quote!(.with_default({
                let value: #owned = #value;
                ::flowglass::Typed::new(value, ::flowglass::type_of!(#owned))
            }))
        });
        quote!(::flowglass::Param::new(#name, ::flowglass::type_of!(#owned)) #default)
    }
}

fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    matches!(&*reference.elem, Type::Path(path) if last_is(path, "NodeContext"))
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
