//! Owns standard output and standard error: data goes to the one, everything for people to the other.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use flowglass::term::Options;

use crate::arguments::Color;
use crate::failure::Failure;

/// The width where there is no terminal to ask.
const WIDTH: usize = 100;
/// The height where there is no terminal to ask.
const HEIGHT: usize = 24;

/// Where text goes, and how it is drawn there.
pub(crate) struct Printer {
    color: Color,
}

impl Printer {
    pub(crate) fn new(color: Color) -> Self {
        Self { color }
    }

    /// When it uses colours.
    pub(crate) const fn color(&self) -> Color {
        self.color
    }

    /// How to draw on standard output.
    pub(crate) fn stdout_options(&self) -> Options {
        let color = self.uses_color(io::stdout().is_terminal(), anstream::AutoStream::choice(&io::stdout()));
        Options { width: terminal_size::terminal_size_of(io::stdout()).map_or(WIDTH, columns), color, unicode: true }
    }

    /// How to draw on standard error.
    pub(crate) fn stderr_options(&self) -> Options {
        let color = self.uses_color(self.stderr_is_terminal(), anstream::AutoStream::choice(&io::stderr()));
        Options { width: self.stderr_size().0, color, unicode: true }
    }

    pub(crate) fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    pub(crate) fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Columns and lines of standard error's terminal.
    pub(crate) fn stderr_size(&self) -> (usize, usize) {
        terminal_size::terminal_size_of(io::stderr())
            .map_or((WIDTH, HEIGHT), |(width, height)| (usize::from(width.0), usize::from(height.0)))
    }

    /// Finds out whether a file can be written, before there is a result to lose. What is in it stays.
    pub(crate) fn check(&self, to: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = to else { return Ok(()) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let why = match (path.is_dir(), folder.is_dir()) {
            (true, _) => "it is a folder; name a file in it".to_owned(),
            (_, false) => format!("there is no folder `{}`", folder.display()),
            _ => return Ok(()),
        };
        Err(Failure::usage(format!("`{}` can't be written: {why}", path.display())))
    }

    /// Writes data to a file or to standard output. A reader that has gone away is no failure.
    pub(crate) fn data(&mut self, to: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
        let Some(path) = to else {
            let mut stdout = io::stdout().lock();
            return match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    Err(Failure::run(format!("standard output can't be written: {error}")))
                }
                _ => Ok(()),
            };
        };
        fs::write(path, bytes).map_err(|error| Failure::usage(format!("`{}` can't be written: {error}", path.display())))
    }

    /// Writes a message for people.
    pub(crate) fn note(&self, text: &str) {
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
    }

    /// Writes why something can't be done.
    pub(crate) fn error(&mut self, message: &str) {
        let text = if message.starts_with("error") || message.starts_with('\u{1b}') {
            message.to_owned()
        } else if self.stderr_options().color {
            format!("\u{1b}[31merror\u{1b}[0m: {message}")
        } else {
            format!("error: {message}")
        };
        self.note(&text);
    }

    fn uses_color(&self, is_terminal: bool, choice: anstream::ColorChoice) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && choice != anstream::ColorChoice::Never,
        }
    }
}

fn columns((width, _): (terminal_size::Width, terminal_size::Height)) -> usize {
    usize::from(width.0)
}
