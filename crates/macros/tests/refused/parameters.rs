//! Parameters that nothing can be wired to.
use flowglass_macros::node;

#[node]
fn pattern((a, b): (u8, u8)) -> u8 {
    a + b
}

#[node]
fn changed(list: &mut Vec<u8>) {
    list.clear();
}

#[node]
fn unsized_value(value: &dyn std::fmt::Debug) -> String {
    format!("{value:?}")
}

#[node]
fn hidden(value: impl Clone) -> u8 {
    drop(value);
    1
}

struct Counter;

impl Counter {
    #[node]
    fn count(&self) -> u8 {
        1
    }
}

fn main() {}
