//! SVG: a run's waterfall as a card, captured terminal output as a window.

mod ansi;
mod block;
mod markup;
mod palette;
mod terminal;
mod waterfall;

pub use palette::Theme;
pub use terminal::{TerminalOptions, terminal};
pub use waterfall::{Options, waterfall};

#[cfg(test)]
mod drawn;
