//! Developer commands: `cargo xtask tidy|bench`.
fn main() {}
