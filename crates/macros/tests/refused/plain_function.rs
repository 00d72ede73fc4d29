//! A function's name alone is the plain function.
use flowglass::Pipeline;
use flowglass_macros::node;

#[node]
fn clean(text: &str) -> String {
    text.to_owned()
}

fn main() {
    let _ = Pipeline::builder("p").node(clean);
}
