//! What stands in the parentheses of `#[node(…)]`.

use std::time::Duration;

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitBool, LitStr, Path, Token, parenthesized};

use crate::duration;

/// The parsed arguments.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) outputs: Vec<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) uses: Vec<Path>,
    pub(crate) cache: Option<bool>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) blocking: bool,
    pub(crate) handle: Option<Ident>,
}

const KNOWN: &str = "`output`, `outputs`, `name`, `version`, `uses`, `cache`, `ttl`, `blocking` or `handle`";

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            arguments.one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    /// Fails on what only functions can be told.
    pub(crate) fn refuse_of_closures(&self) -> syn::Result<()> {
        if let Some(name) = &self.name {
            return Err(syn::Error::new_spanned(name, "of a closure, the name stands first: `node_fn!(\"name\", |…| …)`"));
        }
        if let Some(handle) = &self.handle {
            return Err(syn::Error::new_spanned(handle, "a closure has no `handle`"));
        }
        match self.uses.first() {
            Some(used) if self.version.is_none() => Err(syn::Error::new_spanned(
                used,
                "a closure without a version is never cached; give it a `version`, or leave `uses` out",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key: Ident = input.parse()?;
        match key.to_string().as_str() {
            "output" => self.outputs = vec![value(input)?],
            "outputs" => self.outputs = list::<LitStr>(input)?,
            "name" => self.name = Some(value(input)?),
            "version" => self.version = Some(value(input)?),
            "uses" => self.uses = list::<Path>(input)?,
            "cache" => self.cache = Some(value::<LitBool>(input)?.value),
            "ttl" => self.ttl = Some(duration::parse(&value(input)?)?),
            "blocking" => self.blocking = true,
            "handle" => self.handle = Some(value(input)?),
            other => return Err(syn::Error::new(key.span(), format!("`{other}` is not known here; expected {KNOWN}"))),
        }
        Ok(())
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn list<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    let content;
    parenthesized!(content in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}
