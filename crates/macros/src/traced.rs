//! `#[traced]`: a span around a function or a method, with the arguments that are asked for and no others.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, ItemFn, LitStr, ReturnType, Token, Type, parenthesized};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(item)?;
    if let Some(constant) = &function.sig.constness {
        return Err(syn::Error::new_spanned(constant, "a `const fn` can't be traced, because it also runs in the compiler"));
    }
    let (attributes, visibility, signature) = (&function.attrs, &function.vis, &function.sig);
    let body = Traced { arguments: &arguments, function: &function }.body();
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            #body
        }
    })
}

/// What stands in the parentheses.
#[derive(Default)]
struct Arguments {
    name: Option<LitStr>,
    record: Vec<Recorded>,
    error: Option<ErrorText>,
}

/// `id`, `n = items.len()` or `"dotted.key" = value`.
struct Recorded {
    key: String,
    value: Expr,
}

/// How an error becomes the span's message.
#[derive(Clone, Copy, PartialEq)]
enum ErrorText {
    Display,
    Debug,
    Off,
}

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
    fn one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key: Ident = input.parse()?;
        match key.to_string().as_str() {
            "name" => {
                input.parse::<Token![=]>()?;
                self.name = Some(input.parse()?);
            }
            "record" => {
                let content;
                parenthesized!(content in input);
                self.record = Punctuated::<Recorded, Token![,]>::parse_terminated(&content)?.into_iter().collect();
            }
            "error" => {
                input.parse::<Token![=]>()?;
                self.error = Some(input.parse()?);
            }
            other => {
                let message = format!("`{other}` is not known here; expected `name`, `record` or `error`");
                return Err(syn::Error::new(key.span(), message));
            }
        }
        Ok(())
    }
}

impl Parse for Recorded {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            let key: LitStr = input.parse()?;
            input.parse::<Token![=]>()?;
            return Ok(Self { key: key.value(), value: input.parse()? });
        }
        if input.peek(Token![self]) {
            return Err(input.error("write `key = self.field`"));
        }
        let name: Ident = input.parse()?;
        let key = name.to_string();
        let key = key.strip_prefix("r#").unwrap_or(&key).to_owned();
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            return Ok(Self { key, value: input.parse()? });
        }
        Ok(Self { key, value: syn::parse_quote!(#name) })
    }
}

impl Parse for ErrorText {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let word: Ident = input.parse()?;
        match word.to_string().as_str() {
            "display" => Ok(Self::Display),
            "debug" => Ok(Self::Debug),
            "off" => Ok(Self::Off),
            other => {
                let message = format!("`{other}` is not known here; expected `display`, `debug` or `off`");
                Err(syn::Error::new(word.span(), message))
            }
        }
    }
}

struct Traced<'a> {
    arguments: &'a Arguments,
    function: &'a ItemFn,
}

impl Traced<'_> {
    fn body(&self) -> TokenStream {
        if self.function.sig.asyncness.is_some() { self.async_body() } else { self.sync_body() }
    }

    fn name(&self) -> TokenStream {
        if let Some(name) = &self.arguments.name {
            return name.to_token_stream();
        }
        let name = self.function.sig.ident.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        quote!(::core::concat!(::core::module_path!(), "::", #name))
    }

    fn sync_body(&self) -> TokenStream {
        let (name, block) = (self.name(), &self.function.block);
        let record = self
            .arguments
            .record
            .iter()
            .map(|Recorded { key, value }| quote!(__flowglass_span.attr(#key, ::flowglass::ToValue::to_value(&(#value)));));
        let span = quote! {
            let __flowglass_span = ::flowglass::span(#name);
            if __flowglass_span.is_recorded() {
                #(#record)*
            }
        };
        let Some((ty, text)) = self.fallible() else {
            return quote! { #span #block };
        };
        let returns = annotation(ty);
        quote! {
            // The body may return early, and lend what it was lent: a closure that is called once may do both.
            fn __flowglass_once<T>(body: impl ::core::ops::FnOnce() -> T) -> T {
                body()
            }
            #span
            let __flowglass_result = __flowglass_once(move || #returns #block);
            if let ::core::result::Result::Err(__flowglass_error) = &__flowglass_result {
                __flowglass_span.error(&#text);
            }
            __flowglass_result
        }
    }

    fn async_body(&self) -> TokenStream {
        let (name, block) = (self.name(), &self.function.block);
        let record = self.arguments.record.iter().map(
            |Recorded { key, value }| quote!(::flowglass::set_attribute(#key, ::flowglass::ToValue::to_value(&(#value)));),
        );
        let record = (!self.arguments.record.is_empty()).then(|| {
            quote! {
                if ::flowglass::current().is_some_and(|here| here.is_sampled()) {
                    #(#record)*
                }
            }
        });
        let work = match self.fallible() {
            None => quote!(#block),
            Some((ty, text)) => {
                let ty = (!has_impl(ty)).then(|| quote!(: #ty));
                quote! {
                    let __flowglass_result #ty = async move #block.await;
                    if let ::core::result::Result::Err(__flowglass_error) = &__flowglass_result {
                        ::flowglass::set_error(&#text);
                    }
                    __flowglass_result
                }
            }
        };
        quote!(::flowglass::InSpan::in_span(async move { #record #work }, #name).await)
    }

    /// Returns the type of a function that is written to return a `Result`, and the text of its error.
    fn fallible(&self) -> Option<(&Type, TokenStream)> {
        let ReturnType::Type(_, ty) = &self.function.sig.output else { return None };
        let Type::Path(path) = &**ty else { return None };
        path.path.segments.last().filter(|segment| segment.ident == "Result")?;
        match self.arguments.error.unwrap_or(ErrorText::Display) {
            ErrorText::Off => None,
            ErrorText::Display => Some((ty, quote!(::std::string::ToString::to_string(__flowglass_error)))),
            ErrorText::Debug => Some((ty, quote!(::std::format!("{:?}", __flowglass_error)))),
        }
    }
}

fn annotation(ty: &Type) -> Option<TokenStream> {
    (!has_impl(ty)).then(|| quote!(-> #ty))
}

/// Says whether a type can't be written inside of a function.
fn has_impl(ty: &Type) -> bool {
    fn any_impl(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(word) => word == "impl",
            proc_macro2::TokenTree::Group(group) => any_impl(group.stream()),
            _ => false,
        })
    }
    any_impl(ty.to_token_stream())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(arguments: TokenStream, item: TokenStream) -> String {
        expand(arguments, item).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            error(
                quote!(nam = "x"),
                quote!(
                    fn f() {}
                )
            ),
            "`nam` is not known here; expected `name`, `record` or `error`"
        );
        assert_eq!(
            error(
                quote!(error = loud),
                quote!(
                    fn f() {}
                )
            ),
            "`loud` is not known here; expected `display`, `debug` or `off`"
        );
        assert_eq!(
            error(
                quote!(record(self.x)),
                quote!(
                    fn f(&self) {}
                )
            ),
            "write `key = self.field`"
        );
        assert!(
            error(
                quote!(),
                quote!(
                    const fn f() {}
                )
            )
            .starts_with("a `const fn` can't be traced")
        );
    }

    #[test]
    fn arguments_are_recorded_only_where_asked() {
        let text = expand(
            quote!(),
            quote!(
                fn login(password: &str) {}
            ),
        )
        .unwrap()
        .to_string();
        assert_eq!(text.matches("password").count(), 1, "{text}");
    }
}
