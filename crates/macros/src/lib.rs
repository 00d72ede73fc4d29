//! The attributes that make nodes of plain functions, and spans around them.

mod arguments;
mod closure;
mod code;
mod duration;
mod marks;
mod node;
mod parameter;
mod returned;
mod traced;
mod work;

use proc_macro::TokenStream;

/// Makes a node of a plain function, which stays callable as it is.
///
/// Beside the function `clean` stands a type `clean {}` that is the node: `.node(clean {})`, `node!(clean)`,
/// `nodes![clean, count]`. The function's parameters are the node's inputs by name, its result is the output.
///
/// ```text
/// #[node(output = "cleaned")]
/// fn clean(text: String) -> String {
///     text.trim().to_owned()
/// }
/// ```
///
/// # What the function may be
/// Sync or async, generic, fallible (`Result`, written as such). A parameter is taken as `T` (cloned where others read the
/// value too), `&T`, `&str`, `&[T]` or `Arc<T>`; `&NodeContext` is no input.
///
/// # Marks of parameters
/// - `#[default(10)] limit: u32`: what the parameter is where neither the run nor a node gives it; `#[default]` takes the type's
///   `Default`. The function itself has no defaults.
/// - `#[state] model: &Model`: the input is a `Stateful<Model>`, which builds the model at its first use.
///
/// # Arguments
/// - `output = "name"`: the output's name; by default the function's.
/// - `outputs("a", "b")`: several outputs, of a function that returns a tuple.
/// - `name = "name"`: the node's name; by default the function's.
/// - `version = "2"`: counts in the cache key, for changes that the function's own text doesn't show.
/// - `uses(helper, other)`: functions marked `#[node]` or `#[code]` whose code counts in the cache key. A helper that isn't
///   named isn't seen: after a change to it, an old result may be taken for a new one.
/// - `cache = false`: never cached.
/// - `ttl = "1h"`: cached results hold for this time only; units are `ms`, `s`, `m`, `h` and `d`.
/// - `blocking`: runs on a thread of its own, for long work that isn't async.
/// - `handle = Name`: the node's type is called so.
#[proc_macro_attribute]
pub fn node(arguments: TokenStream, item: TokenStream) -> TokenStream {
    node::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a node of a closure: `node_fn!("length", |text: &str| -> usize { text.len() })`.
///
/// The name is any expression that is a text; it is the output's name too, unless `output = "…"` or `outputs("…", "…")` stands
/// behind it. Parameters are taken and marked as those of [`macro@node`], and their types and the result's are written out. The
/// closure may be `move` and `async`.
///
/// What a closure has captured can't be seen, so its results are cached only with a version: `node_fn!("length", version = "1", |…|
/// …)`, which you change when they no longer hold.
#[proc_macro]
pub fn node_fn(tokens: TokenStream) -> TokenStream {
    closure::expand(tokens.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Lets the code of a helper function count in the cache keys of the nodes that name it in `uses(…)`.
#[proc_macro_attribute]
pub fn code(_: TokenStream, item: TokenStream) -> TokenStream {
    code::expand(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Puts a span around a function or a method, sync or async, inside of the current span.
///
/// ```text
/// #[traced(record(id, n = items.len()))]
/// fn order(id: u32, items: &[Item], password: &str) -> Result<Receipt, OrderError> { … }
/// ```
///
/// # Arguments
/// - `name = "name"`: the span's name; by default `module::function`.
/// - `record(id, n = items.len(), "dotted.key" = self.x)`: attributes, from arguments or expressions of them. None that isn't
///   named is recorded.
/// - `error = display | debug | off`: how the error of a function that returns a `Result` (written as such) becomes the
///   message with which the span fails; by default `display`.
#[proc_macro_attribute]
pub fn traced(arguments: TokenStream, item: TokenStream) -> TokenStream {
    traced::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
