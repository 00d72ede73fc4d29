//! What stands at a parameter for the node alone: `#[default(…)]` and `#[state]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The marks of one parameter.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) default: Option<Preset>,
    pub(crate) state: bool,
    first: Option<Attribute>,
}

/// What a parameter is where nobody gives it.
pub(crate) enum Preset {
    /// `#[default]`: what its type's `Default` says.
    OfType,
    /// `#[default(…)]`.
    Given(Box<Expr>),
}

impl Marks {
    /// Takes the marks off, so that the function that stays is plain.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Self> {
        let mut marks = Self::default();
        let (own, others) = attributes.drain(..).partition(is_mark);
        *attributes = others;
        own.into_iter().try_for_each(|attribute: Attribute| marks.add(attribute))?;
        Ok(marks)
    }

    /// Fails where there are marks and there must not be any.
    pub(crate) fn refuse(&self, why: &str) -> syn::Result<()> {
        self.first.as_ref().map_or(Ok(()), |mark| Err(syn::Error::new_spanned(mark, why)))
    }

    fn add(&mut self, attribute: Attribute) -> syn::Result<()> {
        let is_state = attribute.path().is_ident("state");
        if (is_state && self.state) || (!is_state && self.default.is_some()) {
            return Err(syn::Error::new_spanned(&attribute, "this is said twice"));
        }
        if is_state {
            attribute.meta.require_path_only()?;
            self.state = true;
        } else {
            self.default = Some(Preset::parse(&attribute.meta)?);
        }
        self.first.get_or_insert(attribute);
        Ok(())
    }
}

impl Preset {
    fn parse(meta: &Meta) -> syn::Result<Self> {
        match meta {
            Meta::Path(_) => Ok(Self::OfType),
            Meta::List(list) => list.parse_args().map(|value| Self::Given(Box::new(value))),
            Meta::NameValue(pair) => Ok(Self::Given(Box::new(pair.value.clone()))),
        }
    }

    /// Writes an expression of the owned type, at which the compiler checks the type of what was given.
    pub(crate) fn expression(&self, owned: &TokenStream) -> TokenStream {
        match self {
            Self::OfType => quote!(<#owned as ::core::default::Default>::default()),
            Self::Given(value) => match &**value {
                // A text may be written as such, whichever text type the parameter has.
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => quote!(::core::convert::Into::<#owned>::into(#text)),
                value => quote!(#value),
            },
        }
    }
}

fn is_mark(attribute: &Attribute) -> bool {
    attribute.path().is_ident("default") || attribute.path().is_ident("state")
}
