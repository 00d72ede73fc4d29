//! The text of a pipeline file, and how it is read from disk.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use flowglass_model::nearest::nearest;

/// The largest pipeline file that is read, in bytes.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The text of one pipeline file with what is needed to find lines in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

/// A place in a text, for people: both numbers begin at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl SourceFile {
    /// Takes a text as the content of a file; a byte order mark at its beginning is dropped.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: path.into(), text, line_starts }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A diagnostic that says why it can't be read: missing (with the nearest name in its folder), a folder, not
    /// permitted, too large, or not UTF-8 (with the place).
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let bytes = read_bytes(path).map_err(|error| Box::new(unreadable(path, &error)))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, &text)),
            Err(error) => Err(Box::new(not_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to()))),
        }
    }

    /// Returns the path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the text, without a byte order mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line and column of a byte offset; past the end it is the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let line = self.line_index(offset);
        let start = self.line_starts[line];
        let before = &self.text[start..self.text.floor_char_boundary(offset.max(start))];
        Position { line: line + 1, column: before.chars().count() + 1 }
    }

    /// Returns the byte range of the line (without its end) in which an offset lies.
    #[must_use]
    pub fn line_range(&self, offset: usize) -> Range<usize> {
        let line = self.line_index(offset);
        let start = self.line_starts[line];
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let line = &self.text[start..end];
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }

    fn line_index(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset).saturating_sub(1)
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    match error.kind() {
        io::ErrorKind::NotFound => Diagnostic::of_file(path, "no such file")
            .with_help_if(nearest_file(path).map(|name| format!("did you mean `{name}`?"))),
        io::ErrorKind::IsADirectory => {
            Diagnostic::of_file(path, "this is a folder, not a pipeline file").with_help_if(file_within(path))
        }
        io::ErrorKind::PermissionDenied => Diagnostic::of_file(path, "reading the file is not permitted"),
        io::ErrorKind::FileTooLarge => {
            Diagnostic::of_file(path, format!("the file is too large: a pipeline file may have {} MiB", MOST_BYTES >> 20))
        }
        _ => Diagnostic::of_file(path, format!("the file can't be read: {error}")),
    }
}

fn not_utf8(path: &Path, bytes: &[u8], valid_up_to: usize) -> Diagnostic {
    let valid = String::from_utf8_lossy(&bytes[..valid_up_to]);
    let source = SourceFile::new(path, &valid);
    let message = format!("the file is not UTF-8: byte {valid_up_to} (0x{:02x}) begins no character", bytes[valid_up_to]);
    Diagnostic::of_file(path, message).at_position(source.position(source.text().len()))
}

fn nearest_file(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wrong = path.file_name()?.to_str()?;
    let names = file_names(folder);
    let near = nearest(wrong, names.iter().map(String::as_str));
    near.map(|name| path.with_file_name(name).display().to_string())
}

fn file_within(folder: &Path) -> Option<String> {
    let name = file_names(folder).into_iter().find(|name| name.ends_with(".toml"))?;
    Some(format!("name the file: `{}`", folder.join(name).display()))
}

fn file_names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).take(10_000).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines() {
        let source = SourceFile::new("a.toml", "\u{feff}a = 1\r\nü = 2\n");
        assert_eq!(source.text(), "a = 1\r\nü = 2\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(9), Position { line: 2, column: 2 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
        assert_eq!(&source.text()[source.line_range(2)], "a = 1");
        assert_eq!(&source.text()[source.line_range(9)], "ü = 2");
        assert_eq!(source.line_range(999), 14..14);
    }

    #[test]
    fn an_empty_text_has_one_line() {
        let source = SourceFile::new("a.toml", "");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.line_range(0), 0..0);
    }

    #[test]
    fn a_missing_file_names_its_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("digest.toml"), "").unwrap();
        let error = SourceFile::read(&folder.path().join("digset.toml")).unwrap_err();
        assert!(error.help.unwrap().contains("digest.toml"));
        let error = SourceFile::read(folder.path()).unwrap_err();
        assert!(error.message.contains("folder"), "{}", error.message);
        assert!(error.help.unwrap().contains("digest.toml"));
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, b"a = 1\nb = '\xff'").unwrap();
        let error = SourceFile::read(&path).unwrap_err();
        assert_eq!((error.line, error.column), (2, 6));
        assert!(error.message.contains("byte 11 (0xff)"), "{}", error.message);
    }

    #[test]
    fn a_huge_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(SourceFile::read(&path).unwrap_err().message.contains("too large"));
    }
}
