//! Progress, waterfalls, trees and tables on a terminal.
//!
//! Everything is a function from laid-out data to text that fits a given width; names and messages of others are made
//! harmless before they are shown. This crate knows no engine, no clock and no threads: who calls it says what time it is.

pub mod answers;
mod bar;
mod branch;
pub mod cached;
pub mod console;
pub mod failures;
pub mod found;
pub mod graph;
pub mod grid;
mod ink;
mod line;
pub mod list;
mod mark;
pub mod progress;
pub mod summary;
mod table;
mod terminal;
pub mod tree;
pub mod waterfall;

#[cfg(test)]
mod fixture;

pub use flowglass_insight::quantity;
pub use terminal::Terminal;

/// How text is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many columns there are; no line is wider.
    pub width: usize,
    /// Whether to use colours (ANSI escape sequences).
    pub color: bool,
    /// Whether to draw with characters beyond ASCII; without, names are shown in ASCII too.
    pub unicode: bool,
}

impl Options {
    /// Draws with characters beyond ASCII and without colours.
    #[must_use]
    pub const fn plain(width: usize) -> Self {
        Self { width, color: false, unicode: true }
    }

    /// Draws with characters beyond ASCII and with colours.
    #[must_use]
    pub const fn colored(width: usize) -> Self {
        Self { width, color: true, unicode: true }
    }
}
