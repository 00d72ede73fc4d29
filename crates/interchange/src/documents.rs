//! A file of JSON objects, one behind the other, on lines of their own or over many lines.

use std::fmt;
use std::io::{self, BufRead};

/// Takes objects out of a file one by one, so that a file of any length needs the memory of its largest object.
#[derive(Debug)]
pub struct Documents<R> {
    input: R,
    most_bytes: usize,
    /// The line that is read, from 1.
    line: u64,
}

/// Why a file could not be taken apart.
#[derive(Debug)]
pub struct DocumentError {
    line: u64,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Cut(u64),
    Large(usize),
    Foreign(u8),
    Io(io::Error),
}

impl DocumentError {
    /// Returns the line on which it was noticed, from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match &self.why {
            Why::Cut(start) => {
                write!(f, "line {line}: the file ends within the record that begins on line {start}: it was cut off")
            }
            Why::Large(most) => write!(f, "line {line}: the record is larger than {} MiB", most >> 20),
            Why::Foreign(byte) => {
                write!(f, "line {line}: here must stand a JSON object, and there stands `{}`", byte.escape_ascii())
            }
            Why::Io(error) => write!(f, "line {line}: {error}"),
        }
    }
}

impl std::error::Error for DocumentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl<R: BufRead> Documents<R> {
    /// Begins to read; an object may have up to `most_bytes` bytes.
    pub const fn new(input: R, most_bytes: usize) -> Self {
        Self { input, most_bytes, line: 1 }
    }

    /// Reads the next object into `out`, and returns the line on which it begins; nothing at the end of the file.
    ///
    /// # Errors
    /// If something else than an object stands there, the file ends within one, or it is too large.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<u64>, DocumentError> {
        out.clear();
        let Some(start) = self.find_start()? else { return Ok(None) };
        let mut scan = Scan::default();
        loop {
            let piece = match self.input.fill_buf() {
                Ok([]) => return Err(self.failed(Why::Cut(start))),
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(Why::Io(error))),
            };
            let (taken, ended) = scan.take(piece);
            let is_too_large = out.len() + taken > self.most_bytes;
            if !is_too_large {
                out.extend_from_slice(&piece[..taken]);
            }
            self.line += piece[..taken].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.input.consume(taken);
            if is_too_large {
                return Err(DocumentError { line: start, why: Why::Large(self.most_bytes) });
            }
            if ended {
                return Ok(Some(start));
            }
        }
    }

    /// Skips what may stand between objects, and returns the line of the next one.
    fn find_start(&mut self) -> Result<Option<u64>, DocumentError> {
        loop {
            let piece = match self.input.fill_buf() {
                Ok([]) => return Ok(None),
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(Why::Io(error))),
            };
            // A mark of the order of bytes stands before some files.
            let skipped =
                piece.iter().take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf)).count();
            self.line += piece[..skipped].iter().filter(|byte| **byte == b'\n').count() as u64;
            let found = piece.get(skipped).copied();
            self.input.consume(skipped);
            match found {
                Some(b'{') => return Ok(Some(self.line)),
                Some(other) => return Err(self.failed(Why::Foreign(other))),
                None => {}
            }
        }
    }

    const fn failed(&self, why: Why) -> DocumentError {
        DocumentError { line: self.line, why }
    }
}

/// Finds the end of an object.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Scan {
    /// Returns how many of these bytes belong to the object, and whether it ends with the last of them.
    fn take(&mut self, piece: &[u8]) -> (usize, bool) {
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' if !self.in_text => self.depth += 1,
                b'}' if !self.in_text => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => {}
            }
        }
        (piece.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], buffer: usize) -> Result<Vec<(u64, String)>, String> {
        let mut documents = Documents::new(io::BufReader::with_capacity(buffer, text), 100);
        let (mut out, mut found) = (Vec::new(), Vec::new());
        while let Some(line) = documents.next(&mut out).map_err(|error| error.to_string())? {
            found.push((line, String::from_utf8_lossy(&out).into_owned()));
        }
        Ok(found)
    }

    #[test]
    fn objects_may_stand_on_lines_or_over_lines() {
        let text = "\u{feff}{\"a\": \"}\\\"{\"}\n\n {\n \"b\": {}\n}{}\n";
        let found = vec![(1, "{\"a\": \"}\\\"{\"}".to_owned()), (3, "{\n \"b\": {}\n}".to_owned()), (5, "{}".to_owned())];
        for buffer in [1, 3, 1000] {
            assert_eq!(all(text.as_bytes(), buffer).unwrap(), found);
        }
        assert_eq!(all(b" \n", 10).unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |text: &[u8]| all(text, 7).unwrap_err();
        assert_eq!(told(b"{}\n{\n\"a\": 1"), "line 3: the file ends within the record that begins on line 2: it was cut off");
        assert_eq!(told(b"{}\n[1]"), "line 2: here must stand a JSON object, and there stands `[`");
        assert_eq!(told(b"\x00"), "line 1: here must stand a JSON object, and there stands `\\x00`");
        let large = format!("\n{{\"a\": \"{}\"}}", "x".repeat(200));
        assert_eq!(told(large.as_bytes()), "line 2: the record is larger than 0 MiB");
    }
}
