//! From a closure to its node: `node_fn!("words", |text: &str| -> usize { … })`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Expr, ExprClosure, Ident, Pat, ReturnType, Token};

use crate::arguments::Arguments;
use crate::parameter::Parameter;
use crate::returned::Returned;
use crate::work::{Described, Work};

pub(crate) fn expand(tokens: TokenStream) -> syn::Result<TokenStream> {
    let Named { name, arguments, mut closure } = syn::parse2(tokens)?;
    if let ReturnType::Default = closure.output {
        let message = "write what the closure returns, because the pipeline checks it: `|text: &str| -> usize { … }`";
        return Err(syn::Error::new_spanned(&closure, message));
    }
    let parameters = closure.inputs.iter_mut().map(parameter).collect::<syn::Result<Vec<_>>>()?;
    let returned = Returned::parse(&closure.output, &arguments.outputs)?;
    let asynchronous = closure.asyncness.is_some();
    let work = Work { arguments: &arguments, parameters, returned, asynchronous };
    let (spec, call) = (work.spec(&described(&name, &arguments, &closure)), work.call(&quote!((*function))));
    // A future holds the closure as long as it runs.
    let held = (asynchronous || work.has_state()).then(|| quote!(let function = ::std::sync::Arc::clone(&function);));
    Ok(quote! {{
        let function = ::std::sync::Arc::new(#closure);
        ::flowglass::private::closure(#spec, move |call: &mut ::flowglass::Invocation<'_>| -> ::flowglass::Call {
            #held
            #call
        })
    }})
}

/// What stands in the parentheses of `node_fn!(…)`.
struct Named {
    name: Expr,
    arguments: Arguments,
    closure: ExprClosure,
}

impl Parse for Named {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: Expr = input.parse()?;
        if let Expr::Closure(_) = name {
            return Err(syn::Error::new_spanned(name, "a closure needs a name as a node: `node_fn!(\"name\", |…| …)`"));
        }
        input.parse::<Token![,]>()?;
        let mut arguments = Arguments::default();
        while input.peek(Ident) {
            arguments.one(input)?;
            input.parse::<Token![,]>()?;
        }
        arguments.refuse_of_closures()?;
        let closure = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { name, arguments, closure })
    }
}

fn parameter(pattern: &mut Pat) -> syn::Result<Parameter> {
    match pattern {
        Pat::Type(typed) => Parameter::parse(typed),
        other => {
            Err(syn::Error::new_spanned(other, "write the parameter's type, because the pipeline checks it: `|text: &str|`"))
        }
    }
}

fn described(name: &Expr, arguments: &Arguments, closure: &ExprClosure) -> Described {
    let (text, uses) = (closure.to_token_stream().to_string(), &arguments.uses);
    // What a closure has captured can't be seen, so that only its author can say when results still hold.
    let code = match arguments.version {
        None => quote!(::core::option::Option::None),
        Some(_) => quote! {
            ::core::option::Option::Some(::flowglass::private::code(&[
                #text,
                name.as_str(),
                #(<#uses as ::flowglass::Coded>::CODE),*
            ]))
        },
    };
    Described { name: quote!(#name), output: quote!(name.clone()), node_type: "closure", code }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(tokens: TokenStream) -> String {
        expand(tokens).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_write() {
        assert!(error(quote!(|x: u8| -> u8 { x })).contains("needs a name"));
        assert!(error(quote!("x", |x: u8| x)).contains("write what the closure returns"));
        assert!(error(quote!("x", |x| -> u8 { x })).contains("write the parameter's type"));
        assert!(error(quote!("x", name = "y", |x: u8| -> u8 { x })).contains("the name stands first"));
        assert!(error(quote!("x", uses(help), |x: u8| -> u8 { x })).contains("give it a `version`"));
        assert_eq!(error(quote!("x", version = "1", async move |x: &str| -> usize { x.len() },)), "");
    }
}
