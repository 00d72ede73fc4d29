//! Defaults of another type, and marks at the wrong place.
use flowglass::NodeContext;
use flowglass_macros::node;

#[node]
fn limited(#[default("ten")] limit: bool) -> bool {
    limit
}

#[node]
fn placed(#[default] context: &NodeContext) -> String {
    context.path().to_owned()
}

#[node]
fn owned(#[state] model: String) -> String {
    model
}

fn main() {}
