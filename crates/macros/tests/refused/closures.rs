//! Closures of which something isn't said.
use flowglass_macros::node_fn;

fn main() {
    let _ = node_fn!(|x: u8| -> u8 { x });
    let _ = node_fn!("x", |x: u8| x);
    let _ = node_fn!("x", |x| -> u8 { x });
}
