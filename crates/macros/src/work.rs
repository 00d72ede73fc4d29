//! What functions and closures have in common as nodes: a description, and the way from inputs to outputs.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, LitStr};

use crate::arguments::Arguments;
use crate::parameter::{Input, Parameter, Taken};
use crate::returned::Returned;

/// A function or a closure on its way to becoming a node.
pub(crate) struct Work<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returned: Returned,
    pub(crate) asynchronous: bool,
}

/// What a description says that functions and closures say differently.
pub(crate) struct Described {
    /// An expression: the node's name.
    pub(crate) name: TokenStream,
    /// An expression: the name of its only output, where that has no name of its own; `name` is the node's.
    pub(crate) output: TokenStream,
    pub(crate) node_type: &'static str,
    /// An expression: the digest of the code, where there is one.
    pub(crate) code: TokenStream,
}

impl Work<'_> {
    /// Writes the node's description.
    pub(crate) fn spec(&self, Described { name, output, node_type, code }: &Described) -> TokenStream {
        let arguments = self.arguments;
        let types = &self.returned.outputs;
        let names = arguments.outputs.iter().map(|name| quote!(#name.to_owned()));
        let names = names.chain(arguments.outputs.is_empty().then(|| output.clone()));
        let (first, params) = (&types[0], self.inputs().map(|(_, input)| input.spec()));
        let version = arguments.version.as_ref().map_or_else(String::new, LitStr::value);
        let cache = arguments.cache.unwrap_or(true);
        let ttl = arguments.ttl.map_or_else(
            || quote!(::core::option::Option::None),
            |ttl| {
                let (seconds, nanoseconds) = (ttl.as_secs(), ttl.subsec_nanos());
                quote!(::core::option::Option::Some(::core::time::Duration::new(#seconds, #nanoseconds)))
            },
        );
        let (blocking, asynchronous) = (arguments.blocking, self.asynchronous);
        quote! {{
            let name: ::std::string::String = ::core::convert::Into::into(#name);
            ::flowglass::NodeSpec {
                params: ::std::vec![#(#params),*],
                outputs: ::std::vec![#(::flowglass::Output { name: #names, ty: ::flowglass::type_of!(#types) }),*],
                version: #version.to_owned(),
                code: #code,
                cache: #cache,
                ttl: #ttl,
                blocking: #blocking,
                asynchronous: #asynchronous,
                ..::flowglass::NodeSpec::new(name, #node_type, ::flowglass::type_of!(#first))
            }
        }}
    }

    /// Writes the body of a call of `callee`, in which `call` is the invocation.
    pub(crate) fn call(&self, callee: &TokenStream) -> TokenStream {
        if self.asynchronous { self.async_call(callee) } else { self.sync_call(callee) }
    }

    /// Calls the function where its inputs lie: what is only borrowed is not even counted.
    fn sync_call(&self, callee: &TokenStream) -> TokenStream {
        // What is taken may leave its place, so that it is taken before anything is borrowed there.
        let (borrowed, owned): (Vec<_>, Vec<_>) = self.inputs().partition(|(_, input)| input.taken.is_borrowed());
        let loads = owned.into_iter().chain(borrowed).map(|(at, input)| {
            let (value, load) = (value(at), input.taken.in_place(&input.owned, at));
            quote!(let #value = #load?;)
        });
        let (context, called) = (self.context(), self.called(callee, |value, taken| taken.of_place(value)));
        let outputs = self.outputs(&called);
        let once_built = self.has_state().then(|| self.once_built(callee));
        quote! {
            #once_built
            let run = |call: &mut ::flowglass::Invocation<'_>| {
                let _ = &call;
                #context
                #(#loads)*
                #outputs
            };
            ::flowglass::Call::Ready(run(call))
        }
    }

    /// Builds the state that isn't built. Where that takes waiting, the function is called by a future that waits for it.
    fn once_built(&self, callee: &TokenStream) -> TokenStream {
        let prepared = self.inputs().filter(|(_, input)| input.taken.is_state()).map(|(at, input)| {
            let owned = &input.owned;
            quote!(call.borrow::<#owned>(#at)?.prepare(&mut building)?;)
        });
        let called = self.called(callee, |value, taken| taken.of_held(value));
        let later = self.held_call(
            &quote!(for building in building {
                building.await?;
            }),
            &called,
        );
        quote! {
            let prepare = |call: &::flowglass::Invocation<'_>| {
                let mut building = ::std::vec::Vec::new();
                #(#prepared)*
                ::core::result::Result::<_, ::flowglass::BoxError>::Ok(building)
            };
            let building = match prepare(call) {
                ::core::result::Result::Ok(building) => building,
                ::core::result::Result::Err(error) => return ::flowglass::Call::Ready(::core::result::Result::Err(error)),
            };
            if !building.is_empty() {
                return { #later };
            }
        }
    }

    /// Takes the inputs, and makes a future that holds them.
    fn async_call(&self, callee: &TokenStream) -> TokenStream {
        let called = self.called(callee, |value, taken| taken.of_held(value));
        let states = self.inputs().filter(|(_, input)| input.taken.is_state()).map(|(at, _)| {
            let value = value(at);
            quote!(#value.ready().await?;)
        });
        self.held_call(&quote!(#(#states)*), &quote!(#called.await))
    }

    /// Takes the inputs, and makes a future that holds them and calls the function when it has waited for what comes first.
    fn held_call(&self, first: &TokenStream, called: &TokenStream) -> TokenStream {
        let values: Vec<Ident> = self.inputs().map(|(at, _)| value(at)).collect();
        let loads = self.inputs().map(|(at, input)| input.taken.held(&input.owned, at));
        let (context, outputs) = (self.context(), self.outputs(called));
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
            ::flowglass::Call::Pending(::std::boxed::Box::pin(async move {
                #first
                #outputs
            }))
        }
    }

    /// The parameters that are inputs, with their places among the inputs.
    fn inputs(&self) -> impl Iterator<Item = (usize, &Input)> {
        let inputs = self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Context => None,
            Parameter::Input(input) => Some(&**input),
        });
        inputs.enumerate()
    }

    pub(crate) fn has_state(&self) -> bool {
        self.inputs().any(|(_, input)| input.taken.is_state())
    }

    /// Makes the context, where the function wants one.
    fn context(&self) -> Option<TokenStream> {
        let wanted = self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Context));
        wanted.then(|| quote!(let context = call.context();))
    }

    /// Calls the function with what `pass` makes of each input.
    fn called(&self, callee: &TokenStream, pass: impl Fn(&Ident, Taken) -> TokenStream) -> TokenStream {
        let mut inputs = self.inputs();
        let passed = self.parameters.iter().map(|parameter| match parameter {
            Parameter::Context => quote!(&context),
            Parameter::Input(_) => inputs.next().map(|(at, input)| pass(&value(at), input.taken)).unwrap_or_default(),
        });
        quote!(#callee(#(#passed),*))
    }

    /// Turns what the function returns into the node's outputs.
    fn outputs(&self, call: &TokenStream) -> TokenStream {
        let unwrapped = self.returned.fallible.then(|| quote!(.map_err(::flowglass::BoxError::from)?));
        let outputs: Vec<Ident> = (0..self.returned.outputs.len()).map(|at| format_ident!("output_{at}")).collect();
        let values = quote!(#(::std::sync::Arc::new(#outputs) as ::flowglass::value::Value),*);
        // One value has its place at once, where a list would be begun and added to.
        let listed = if let [_] = outputs.as_slice() {
            quote!(::flowglass::Outputs::from_buf([#values]))
        } else {
            quote!(::flowglass::private::smallvec![#values])
        };
        let pattern = if self.returned.tuple { quote!((#(#outputs),*)) } else { quote!(#(#outputs)*) };
        quote! {
            let #pattern = #call #unwrapped;
            ::core::result::Result::<::flowglass::Outputs, ::flowglass::BoxError>::Ok(#listed)
        }
    }
}

fn value(at: usize) -> Ident {
    format_ident!("value_{at}")
}
