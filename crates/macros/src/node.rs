//! From a function to the function and its node.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote};
use syn::{GenericArgument, GenericParam, Generics, Ident, ItemFn, LitStr, PathArguments, ReturnType, Type};

use crate::arguments::Arguments;
use crate::code;
use crate::parameter::{Parameter, Taken};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(item)?;
    let node = Node::new(&arguments, &function)?;
    let (handle, spec, call) = (node.handle(), node.spec(), node.call());
    let (generics, ty) = (node.bounded(), node.ty());
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

struct Node<'a> {
    arguments: &'a Arguments,
    function: &'a ItemFn,
    parameters: Vec<Parameter>,
    fallible: bool,
    /// The types of the outputs, and whether the function returns them as a tuple.
    outputs: Vec<Type>,
    tuple: bool,
}

impl<'a> Node<'a> {
    fn new(arguments: &'a Arguments, function: &'a ItemFn) -> syn::Result<Self> {
        let parameters = function.sig.inputs.iter().map(Parameter::parse).collect::<syn::Result<Vec<_>>>()?;
        let (made, fallible) = result(&function.sig.output);
        let (outputs, tuple) = match (arguments.outputs.len(), &made) {
            (0 | 1, _) => (vec![made], false),
            (names, Type::Tuple(types)) if types.elems.len() == names => (types.elems.iter().cloned().collect(), true),
            (names, other) => {
                let message = format!("{names} outputs are named, so the function must return a tuple of {names} values");
                return Err(syn::Error::new_spanned(other, message));
            }
        };
        Ok(Self { arguments, function, parameters, fallible, outputs, tuple })
    }

    fn name(&self) -> &Ident {
        &self.function.sig.ident
    }

    fn handle_name(&self) -> &Ident {
        self.arguments.handle.as_ref().unwrap_or(self.name())
    }

    fn type_parameters(&self) -> Vec<&Ident> {
        self.function.sig.generics.type_params().map(|parameter| &parameter.ident).collect()
    }

    fn ty(&self) -> TokenStream {
        let (name, parameters) = (self.handle_name(), self.type_parameters());
        if parameters.is_empty() { quote!(#name) } else { quote!(#name<#(#parameters),*>) }
    }

    /// The function's type parameters with its bounds and those that every value between nodes needs.
    fn bounded(&self) -> Generics {
        let mut generics = self.function.sig.generics.clone();
        generics.params = generics
            .params
            .into_iter()
            .filter_map(|parameter| match parameter {
                GenericParam::Type(mut parameter) => {
                    parameter.bounds.push(syn::parse_quote!(::core::marker::Send));
                    parameter.bounds.push(syn::parse_quote!(::core::marker::Sync));
                    parameter.bounds.push(syn::parse_quote!('static));
                    Some(GenericParam::Type(parameter))
                }
                _ => None,
            })
            .collect();
        generics
    }

    /// The type that stands beside the function.
    fn handle(&self) -> TokenStream {
        let (name, visibility, parameters) = (self.handle_name(), &self.function.vis, self.type_parameters());
        let camel = (self.arguments.handle.is_none())
            .then(|| quote!(#[allow(non_camel_case_types, reason = "it stands for the function of the same name")]));
        let docs = format!("The node of the function `{}`.", self.name());
        let make = "Makes the node.";
        if parameters.is_empty() {
            return quote! {
                #[doc = #docs]
                #camel
                #[derive(Debug, Clone, Copy)]
                #visibility struct #name {}

                impl #name {
                    #[doc = #make]
                    #[must_use]
                    #visibility const fn node() -> Self {
                        Self {}
                    }
                }
            };
        }
        quote! {
            #[doc = #docs]
            #camel
            #visibility struct #name<#(#parameters),*> {
                types: ::core::marker::PhantomData<fn() -> (#(#parameters,)*)>,
            }

            impl<#(#parameters),*> #name<#(#parameters),*> {
                #[doc = #make]
                #[must_use]
                #visibility const fn node() -> Self {
                    Self { types: ::core::marker::PhantomData }
                }
            }
        }
    }

    fn spec(&self) -> TokenStream {
        let arguments = self.arguments;
        let own = self.name().to_string();
        let own = own.strip_prefix("r#").unwrap_or(&own);
        let name = arguments.name.as_ref().map_or_else(|| own.to_owned(), LitStr::value);
        let names: Vec<String> = match arguments.outputs.as_slice() {
            [] => vec![own.to_owned()],
            names => names.iter().map(LitStr::value).collect(),
        };
        let types = &self.outputs;
        let first = &types[0];
        let parameters = self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Context => None,
            Parameter::Input { name, owned, .. } => {
                let name = name.to_string();
                let name = name.strip_prefix("r#").unwrap_or(&name);
                Some(quote!(::flowglass::Param { name: #name.to_owned(), ty: ::flowglass::type_of!(#owned) }))
            }
        });
        let version = arguments.version.as_ref().map_or_else(String::new, LitStr::value);
        let uses = &arguments.uses;
        let cache = arguments.cache.unwrap_or(true);
        let (blocking, asynchronous) = (arguments.blocking, self.is_async());
        quote! {
            ::flowglass::NodeSpec {
                params: ::std::vec![#(#parameters),*],
                outputs: ::std::vec![#(::flowglass::Output { name: #names.to_owned(), ty: ::flowglass::type_of!(#types) }),*],
                version: #version.to_owned(),
                code: ::core::option::Option::Some(::flowglass::private::code(&[
                    <Self as ::flowglass::Coded>::CODE,
                    ::core::any::type_name::<Self>(),
                    #(<#uses as ::flowglass::Coded>::CODE),*
                ])),
                cache: #cache,
                blocking: #blocking,
                asynchronous: #asynchronous,
                ..::flowglass::NodeSpec::new(#name, "function", ::flowglass::type_of!(#first))
            }
        }
    }

    fn is_async(&self) -> bool {
        self.function.sig.asyncness.is_some()
    }

    fn call(&self) -> TokenStream {
        if self.is_async() { self.async_call() } else { self.sync_call() }
    }

    /// Calls the function where its inputs lie: what is only borrowed is not even counted.
    fn sync_call(&self) -> TokenStream {
        // What is taken may leave its place, so that it is taken before anything is borrowed there.
        let (borrowed, owned): (Vec<_>, Vec<_>) = self.inputs().partition(|input| input.taken.is_borrowed());
        let loads = owned.iter().chain(&borrowed).map(|Input { at, owned, taken }| {
            let (value, load) = (value(*at), taken.in_place(owned, *at));
            quote!(let #value = #load?;)
        });
        let (context, called) = (self.context(), self.called(|at, _| value(at).into_token_stream()));
        let outputs = self.outputs(&called);
        quote! {
            let run = |call: &mut ::flowglass::Invocation<'_>| {
                let _ = &call;
                #context
                #(#loads)*
                #outputs
            };
            ::flowglass::Call::Ready(run(call))
        }
    }

    /// Takes the inputs, and makes a future that holds them.
    fn async_call(&self) -> TokenStream {
        let values: Vec<Ident> = self.inputs().map(|input| value(input.at)).collect();
        let loads = self.inputs().map(|Input { at, owned, taken }| taken.held(owned, at));
        let called = self.called(|at, taken| taken.of_held(&value(at)));
        let (context, outputs) = (self.context(), self.outputs(&quote!(#called.await)));
        quote! {
            let load = |call: &mut ::flowglass::Invocation<'_>| {
                let _ = &call;
                ::core::result::Result::<_, ::flowglass::BoxError>::Ok((#(#loads?,)*))
            };
            let (#(#values,)*) = match load(call) {
                ::core::result::Result::Ok(values) => values,
                ::core::result::Result::Err(error) => return ::flowglass::Call::Ready(::core::result::Result::Err(error)),
            };
            #context
            ::flowglass::Call::Pending(::std::boxed::Box::pin(async move { #outputs }))
        }
    }

    /// The parameters that are inputs, with their places among the inputs.
    fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        let inputs = self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Context => None,
            Parameter::Input { owned, taken, .. } => Some((owned, *taken)),
        });
        inputs.enumerate().map(|(at, (owned, taken))| Input { at, owned, taken })
    }

    /// Makes the context, where the function wants one.
    fn context(&self) -> Option<TokenStream> {
        let wanted = self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Context));
        wanted.then(|| quote!(let context = call.context();))
    }

    /// Calls the function with what `pass` makes of each input.
    fn called(&self, pass: impl Fn(usize, Taken) -> TokenStream) -> TokenStream {
        let mut inputs = self.inputs();
        let passed = self.parameters.iter().map(|parameter| match parameter {
            Parameter::Context => quote!(&context),
            Parameter::Input { .. } => inputs.next().map(|input| pass(input.at, input.taken)).unwrap_or_default(),
        });
        let (name, types) = (self.name(), self.type_parameters());
        let turbofish = (!types.is_empty()).then(|| quote!(::<#(#types),*>));
        quote!(#name #turbofish (#(#passed),*))
    }

    /// Turns what the function returns into the node's outputs.
    fn outputs(&self, returned: &TokenStream) -> TokenStream {
        let unwrapped = self.fallible.then(|| quote!(.map_err(::flowglass::BoxError::from)?));
        let outputs: Vec<Ident> = (0..self.outputs.len()).map(|at| format_ident!("output_{at}")).collect();
        let pattern = if self.tuple { quote!((#(#outputs),*)) } else { quote!(#(#outputs)*) };
        quote! {
            let #pattern = #returned #unwrapped;
            ::core::result::Result::<::flowglass::Outputs, ::flowglass::BoxError>::Ok(::flowglass::private::smallvec![
                #(::std::sync::Arc::new(#outputs) as ::flowglass::value::Value),*
            ])
        }
    }
}

/// A parameter that is an input, and its place among the inputs.
struct Input<'a> {
    at: usize,
    owned: &'a TokenStream,
    taken: Taken,
}

fn value(at: usize) -> Ident {
    format_ident!("value_{at}")
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

    #[test]
    fn results_are_seen_as_they_are_written() {
        let fallible = |output: ReturnType| result(&output).1;
        assert!(fallible(syn::parse_quote!(-> Result<u8, String>)));
        assert!(fallible(syn::parse_quote!(-> std::io::Result<u8>)));
        assert!(!fallible(syn::parse_quote!(-> Option<u8>)));
        assert!(!fallible(ReturnType::Default));
    }
}
