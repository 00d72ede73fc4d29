//! Owns standard output and standard error: data goes to the one, everything for people to the other.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use flowglass::model::Redaction;
use flowglass::term::{Options, Terminal};
use tempfile::NamedTempFile;

use crate::arguments::Color;
use crate::failure::Failure;

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
        self.drawn_on(Terminal::stdout())
    }

    /// How to draw on standard error.
    pub(crate) fn stderr_options(&self) -> Options {
        self.drawn_on(Terminal::stderr())
    }

    pub(crate) fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    pub(crate) fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Columns and lines of standard error's terminal.
    pub(crate) fn stderr_size(&self) -> (usize, usize) {
        let Terminal { width, height, .. } = Terminal::stderr();
        (width, height)
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

    /// Opens a file or standard output, for data that is written piece by piece. A file appears when all of it is there.
    pub(crate) fn output(&self, to: Option<&Path>) -> Result<Output, Failure> {
        self.check(to)?;
        let standard = || Output::Standard(BufWriter::new(io::stdout()));
        let Some(path) = to.filter(|path| *path != Path::new("-")) else { return Ok(standard()) };
        // A pipe or a device takes what is written, and must not be replaced by a file.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let device = fs::OpenOptions::new().write(true).open(path).map_err(|error| unwritable(path, &error))?;
            return Ok(Output::Device(BufWriter::new(device), path.to_owned()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = beside(folder).map_err(|error| unwritable(path, &error))?;
        Ok(Output::File(BufWriter::new(file), path.to_owned()))
    }

    /// Writes a message for people.
    pub(crate) fn note(&self, text: &str) {
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
    }

    /// Writes why something can't be done, without secrets.
    pub(crate) fn error(&mut self, message: &str) {
        let message = &*Redaction::secrets().text(message);
        let text = if message.starts_with("error") || message.starts_with('\u{1b}') {
            message.to_owned()
        } else if self.stderr_options().color {
            format!("\u{1b}[31merror\u{1b}[0m: {message}")
        } else {
            format!("error: {message}")
        };
        self.note(&text);
    }

    fn drawn_on(&self, terminal: Terminal) -> Options {
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal.color,
        };
        Options { color, ..terminal.options() }
    }
}

/// Makes a file that others may read as they may read any new file.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".flowglass-").tempfile_in(folder)
}

/// Where data goes piece by piece.
pub(crate) enum Output {
    Standard(BufWriter<Stdout>),
    Device(BufWriter<fs::File>, PathBuf),
    /// A file beside the one that it becomes.
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Standard(_)) && io::stdout().is_terminal()
    }

    /// Writes what is in `bytes`, and empties it. Says whether there is still somebody who reads.
    pub(crate) fn put(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Failure> {
        let written = match self {
            Self::Standard(stdout) => stdout.write_all(bytes),
            Self::Device(device, _) => device.write_all(bytes),
            Self::File(file, _) => file.write_all(bytes),
        };
        bytes.clear();
        self.judge(written)
    }

    /// Writes all that is left, and gives a file its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let flushed = match &mut self {
            Self::Standard(stdout) => stdout.flush(),
            Self::Device(device, _) => device.flush(),
            Self::File(file, _) => file.flush(),
        };
        self.judge(flushed)?;
        let Self::File(file, path) = self else { return Ok(()) };
        let file = file.into_inner().map_err(|error| unwritable(&path, error.error()))?;
        file.persist(&path).map_err(|error| unwritable(&path, &error.error))?;
        Ok(())
    }

    fn judge(&self, written: io::Result<()>) -> Result<bool, Failure> {
        match (written, self) {
            (Ok(()), _) => Ok(true),
            (Err(error), Self::Standard(_)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            (Err(error), Self::Standard(_)) => Err(Failure::run(format!("standard output can't be written: {error}"))),
            (Err(error), Self::File(_, path) | Self::Device(_, path)) => Err(unwritable(path, &error)),
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("`{}` can't be written: {error}", path.display()))
}
