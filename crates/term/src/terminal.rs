//! What standard streams are drawn on: a terminal with a size, or something that has none.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};
use terminal_size::{Height, Width};

use crate::Options;

/// The width where there is no terminal to ask.
const WIDTH: usize = 100;
/// The height where there is no terminal to ask.
const HEIGHT: usize = 24;

/// Where text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether somebody is looking: text goes to no file and no pipe.
    pub is_terminal: bool,
    /// How many columns there are; 100 where nobody knows.
    pub width: usize,
    /// How many lines there are; 24 where nobody knows.
    pub height: usize,
    /// Whether colours are welcome: the terminal has them, and `NO_COLOR` and its like don't forbid them.
    pub color: bool,
}

impl Terminal {
    /// What standard output is drawn on.
    #[must_use]
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        Self::of(stdout.is_terminal(), terminal_size::terminal_size_of(&stdout), AutoStream::choice(&stdout))
    }

    /// What standard error is drawn on.
    #[must_use]
    pub fn stderr() -> Self {
        let stderr = io::stderr();
        Self::of(stderr.is_terminal(), terminal_size::terminal_size_of(&stderr), AutoStream::choice(&stderr))
    }

    /// How to draw there.
    #[must_use]
    pub const fn options(&self) -> Options {
        Options { width: self.width, color: self.color, unicode: true }
    }

    fn of(is_terminal: bool, size: Option<(Width, Height)>, choice: ColorChoice) -> Self {
        let (width, height) = size.map_or((WIDTH, HEIGHT), |(width, height)| (usize::from(width.0), usize::from(height.0)));
        Self { is_terminal, width, height, color: is_terminal && choice != ColorChoice::Never }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_width_and_no_colours() {
        let file = Terminal::of(false, None, ColorChoice::Always);
        assert_eq!(file.options(), Options::plain(100));
    }

    #[test]
    fn a_terminal_has_its_size_and_the_colours_that_are_wanted() {
        let size = Some((Width(72), Height(10)));
        assert_eq!(Terminal::of(true, size, ColorChoice::Auto).options(), Options::colored(72));
        assert_eq!(Terminal::of(true, size, ColorChoice::Never).options(), Options::plain(72));
    }
}
