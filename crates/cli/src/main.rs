//! The `flowglass` command.
fn main() {}
