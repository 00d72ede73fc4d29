//! Draws captured terminal output as a picture: reads it, colours and all, and prints an SVG document.
//!
//! ```sh
//! flowglass run examples/failing/failing.toml --color always 2>&1 | cargo run -p flowglass --example screen -- TITLE
//! ```

use std::io::Read;

use flowglass::picture::svg::{TerminalOptions, terminal};

fn main() -> std::io::Result<()> {
    let mut output = Vec::new();
    std::io::stdin().read_to_end(&mut output)?;
    let options = TerminalOptions { title: std::env::args().nth(1), ..TerminalOptions::default() };
    print!("{}", terminal(&String::from_utf8_lossy(&output), &options));
    Ok(())
}
