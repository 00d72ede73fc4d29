//! From a function to the function and its node.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{ConstParam, GenericParam, Generics, Ident, ItemFn, LitStr};

use crate::arguments::Arguments;
use crate::code;
use crate::parameter::Parameter;
use crate::returned::Returned;
use crate::work::{Described, Work};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let mut function: ItemFn = syn::parse2(item)?;
    let parameters = function.sig.inputs.iter_mut().map(Parameter::of_function).collect::<syn::Result<Vec<_>>>()?;
    let returned = Returned::parse(&function.sig.output, &arguments.outputs)?;
    let work = Work { arguments: &arguments, parameters, returned, asynchronous: function.sig.asyncness.is_some() };
    let node = Node { arguments: &arguments, function: &function };
    let (handle, ty) = (node.handle(), node.ty());
    let (spec, call) = (work.spec(&node.described()), work.call(&node.callee()));
    let generics = node.bounded();
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let text = code::text(&function);
    Ok(quote! {
        #function

        #handle

        impl #impl_generics ::flowglass::Coded for #ty #where_clause {
            const CODE: &'static str = #text;
        }

        impl #impl_generics ::flowglass::Node for #ty #where_clause {
            fn spec(&self) -> ::flowglass::NodeSpec {
                #spec
            }

            fn call(&self, call: &mut ::flowglass::Invocation<'_>) -> ::flowglass::Call {
                #call
            }
        }
    })
}

/// The node of a function: a type that stands beside it.
struct Node<'a> {
    arguments: &'a Arguments,
    function: &'a ItemFn,
}

impl Node<'_> {
    fn name(&self) -> &Ident {
        &self.function.sig.ident
    }

    fn handle_name(&self) -> &Ident {
        self.arguments.handle.as_ref().unwrap_or(self.name())
    }

    fn described(&self) -> Described {
        let own = self.name().to_string();
        let own = own.strip_prefix("r#").unwrap_or(&own);
        let name = self.arguments.name.as_ref().map_or_else(|| own.to_owned(), LitStr::value);
        let uses = &self.arguments.uses;
        let code = quote! {
            ::core::option::Option::Some(::flowglass::private::code(&[
                <Self as ::flowglass::Coded>::CODE,
                ::core::any::type_name::<Self>(),
                #(<#uses as ::flowglass::Coded>::CODE),*
            ]))
        };
        Described { name: quote!(#name), output: quote!(#own.to_owned()), node_type: "function", code }
    }

    /// The function as it is called, its generic parameters written out.
    fn callee(&self) -> TokenStream {
        let (name, parameters) = (self.name(), self.parameters());
        if parameters.is_empty() { quote!(#name) } else { quote!(#name::<#(#parameters),*>) }
    }

    /// The names of the generic parameters that the node has too: types and constants.
    fn parameters(&self) -> Vec<&Ident> {
        let parameters = self.function.sig.generics.params.iter();
        let named = parameters.filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        });
        named.collect()
    }

    fn ty(&self) -> TokenStream {
        let (name, parameters) = (self.handle_name(), self.parameters());
        if parameters.is_empty() { quote!(#name) } else { quote!(#name<#(#parameters),*>) }
    }

    /// The function's generic parameters with their bounds and those that every value between nodes needs.
    fn bounded(&self) -> Generics {
        let mut generics = self.function.sig.generics.clone();
        let bounded = |parameter| match parameter {
            GenericParam::Type(mut parameter) => {
                parameter.bounds.push(syn::parse_quote!(::core::marker::Send));
                parameter.bounds.push(syn::parse_quote!(::core::marker::Sync));
                parameter.bounds.push(syn::parse_quote!('static));
                Some(GenericParam::Type(parameter))
            }
            GenericParam::Const(parameter) => Some(GenericParam::Const(parameter)),
            GenericParam::Lifetime(_) => None,
        };
        generics.params = generics.params.into_iter().filter_map(bounded).collect();
        generics
    }

    /// The type that stands beside the function.
    fn handle(&self) -> TokenStream {
        let (name, visibility) = (self.handle_name(), &self.function.vis);
        let camel = (self.arguments.handle.is_none())
            .then(|| quote!(#[allow(non_camel_case_types, reason = "it stands for the function of the same name")]));
        let docs = format!("The node of the function `{}`.", self.name());
        if self.parameters().is_empty() {
            return quote! {
                #[doc = #docs]
                #camel
                #[derive(Debug, Clone, Copy)]
                #visibility struct #name {}

                impl #name {
                    #[doc = "Makes the node."]
                    #[must_use]
                    #visibility const fn node() -> Self {
                        Self {}
                    }
                }
            };
        }
        self.generic_handle(&quote!(#[doc = #docs] #camel))
    }

    fn generic_handle(&self, attributes: &TokenStream) -> TokenStream {
        let (name, visibility, ty) = (self.handle_name(), &self.function.vis, self.ty());
        let parameters = &self.function.sig.generics.params;
        let types: Vec<&Ident> = self.function.sig.generics.type_params().map(|parameter| &parameter.ident).collect();
        let declared = parameters.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(parameter.ident.to_token_stream()),
            GenericParam::Const(ConstParam { ident, ty, .. }) => Some(quote!(const #ident: #ty)),
            GenericParam::Lifetime(_) => None,
        });
        let declared = quote!(#(#declared),*);
        quote! {
            #attributes
            #visibility struct #name<#declared> {
                types: ::core::marker::PhantomData<fn() -> (#(#types,)*)>,
            }

            impl<#declared> #ty {
                #[doc = "Makes the node."]
                #[must_use]
                #visibility const fn node() -> Self {
                    Self { types: ::core::marker::PhantomData }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(arguments: TokenStream, item: TokenStream) -> String {
        expand(arguments, item).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_a_node_is_refused_with_what_to_write() {
        let none = TokenStream::new;
        assert!(
            error(
                none(),
                quote!(
                    fn f(&self) {}
                )
            )
            .contains("a method can't be a node")
        );
        assert!(
            error(
                none(),
                quote!(
                    fn f((a, b): (u8, u8)) {}
                )
            )
            .contains("needs a name")
        );
        assert!(
            error(
                none(),
                quote!(
                    fn f(a: &mut u8) {}
                )
            )
            .contains("can't be changed in place")
        );
        assert!(
            error(
                none(),
                quote!(
                    fn f(a: impl Clone) {}
                )
            )
            .contains("`impl Trait` is none")
        );
        assert!(
            error(
                quote!(outputs("a", "b")),
                quote!(
                    fn f() -> u8 {
                        1
                    }
                )
            )
            .contains("must return a tuple of 2")
        );
        assert!(
            error(
                quote!(ouput = "a"),
                quote!(
                    fn f() {}
                )
            )
            .contains("`ouput` is not known here; expected `output`")
        );
    }

    #[test]
    fn the_function_stays_and_its_text_leaves_docs_out() {
        let documented = quote! {
            /// Says something.
            fn f(a: u8) -> u8 { a }
        };
        let expanded = expand(TokenStream::new(), documented).map(|tokens| tokens.to_string()).unwrap_or_default();
        assert!(expanded.contains("fn f (a : u8) -> u8 { a }"));
        let bare: ItemFn = syn::parse_quote!(
            fn f(a: u8) -> u8 {
                a
            }
        );
        assert!(expanded.contains(&format!("{:?}", code::text(&bare))), "{expanded}");
    }
}
