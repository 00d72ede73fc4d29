//! Outputs that are named and not made.
use flowglass_macros::node;

#[node(outputs("shortest", "longest"))]
fn extremes(words: &[String]) -> String {
    words.concat()
}

#[node(ouput = "x")]
fn misspelt() -> u8 {
    1
}

fn main() {}
