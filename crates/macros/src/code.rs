//! A function's code as text, and the type that carries it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ItemFn;

/// Returns the function's tokens without its attributes, so that docs and formatting don't count.
pub(crate) fn text(function: &ItemFn) -> String {
    let mut bare = function.clone();
    bare.attrs.clear();
    bare.to_token_stream().to_string()
}

pub(crate) fn expand(item: TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    let (name, visibility, text) = (&function.sig.ident, &function.vis, text(&function));
    Ok(quote! {
        #function

        #[doc(hidden)]
        #[expect(non_camel_case_types, reason = "it stands for the function of the same name")]
        #visibility struct #name {}

        impl ::flowglass::Coded for #name {
            const CODE: &'static str = #text;
        }
    })
}
