//! What a command printed, as a value.

use serde_json::Value;

use crate::data::{Data, excerpt};
use crate::error::{Error, ErrorKind};

/// What becomes of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parse {
    /// Text, without one newline at its end.
    #[default]
    Text,
    /// A list of lines.
    Lines,
    /// One JSON value.
    Json,
    /// A list of JSON values, one a line.
    Jsonl,
    /// The bytes as they are.
    Bytes,
}

impl Parse {
    /// Every way with its word in a pipeline file.
    pub const WORDS: [(&'static str, Self); 5] =
        [("text", Self::Text), ("lines", Self::Lines), ("json", Self::Json), ("jsonl", Self::Jsonl), ("bytes", Self::Bytes)];

    /// Returns the word in a pipeline file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Lines => "lines",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Bytes => "bytes",
        }
    }

    /// Returns the kind of value that is read.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Lines | Self::Jsonl => "list",
            Self::Json => "json",
            Self::Bytes => "bytes",
        }
    }

    /// Reads what a command printed.
    ///
    /// # Errors
    /// `Output` if it is not UTF-8 (with the offset) or not JSON (with line and column).
    pub fn read(self, printed: Vec<u8>) -> Result<Data, Error> {
        if self == Self::Bytes {
            return Ok(Data::Bytes(printed));
        }
        let text = String::from_utf8(printed).map_err(|error| not_utf8(&error))?;
        match self {
            Self::Lines => Ok(text.lines().collect()),
            Self::Json => serde_json::from_str(&text).map(Data::from_json).map_err(|error| not_json(&text, 0, error)),
            Self::Jsonl => read_lines(&text),
            Self::Text | Self::Bytes => Ok(Data::Text(without_newline(text))),
        }
    }
}

fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

fn read_lines(text: &str) -> Result<Data, Error> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read =
        |(index, line)| serde_json::from_str::<Value>(line).map(Data::from_json).map_err(|error| not_json(line, index, error));
    lines.map(read).collect::<Result<Vec<Data>, Error>>().map(Data::List)
}

fn not_utf8(error: &std::string::FromUtf8Error) -> Error {
    let at = error.utf8_error().valid_up_to();
    let byte = error.as_bytes()[at];
    Error::new(
        ErrorKind::Output,
        format!("the output is not UTF-8: byte 0x{byte:02x} at offset {at}; `parse = \"bytes\"` takes it as it is"),
    )
}

fn not_json(text: &str, lines_before: usize, error: serde_json::Error) -> Error {
    if text.trim().is_empty() {
        return Error::new(ErrorKind::Output, "the output is empty, not JSON").with_source(error);
    }
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The place is said once, in front; serde's own counts within one line only.
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default();
    let place = format!("line {}, column {}", error.line() + lines_before, error.column());
    let message = format!("the output is not JSON: {why} at {place}: `{}`", around(line, error.column()));
    Error::new(ErrorKind::Output, message).with_source(error)
}

/// Returns the part of a line around a column (in bytes).
fn around(line: &str, column: usize) -> String {
    const BEFORE: usize = 30;
    let start = line.floor_char_boundary(column.saturating_sub(BEFORE));
    let lead = if start > 0 { "…" } else { "" };
    let shown: String = excerpt(&line[start..]).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("{lead}{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parse: Parse, printed: &[u8]) -> Result<Data, String> {
        parse.read(printed.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn text_loses_one_newline() {
        for (printed, text) in
            [("", ""), ("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), ("\n", ""), ("a\r", "a\r")]
        {
            assert_eq!(read(Parse::Text, printed.as_bytes()), Ok(printed_text(text)), "{printed:?}");
        }
    }

    fn printed_text(text: &str) -> Data {
        Data::Text(text.to_owned())
    }

    #[test]
    fn lines_have_no_empty_last() {
        let lines = |printed: &str| read(Parse::Lines, printed.as_bytes()).unwrap();
        assert_eq!(lines("a\nb\r\n\nc"), ["a", "b", "", "c"].into_iter().collect());
        assert_eq!(lines("a\n"), ["a"].into_iter().collect());
        assert_eq!(lines(""), Data::List(vec![]));
        assert_eq!(lines("\n"), [""].into_iter().collect());
    }

    #[test]
    fn json_values() {
        assert_eq!(read(Parse::Json, b" 0.30000000000000004 \n"), Ok(Data::Float(0.1 + 0.2)));
        assert_eq!(
            read(Parse::Jsonl, b"1\n\n{\"a\": 2}\r\n"),
            Ok(Data::List(vec![Data::Int(1), Data::Json(serde_json::json!({"a": 2}))]))
        );
        assert_eq!(read(Parse::Jsonl, b""), Ok(Data::List(vec![])));
    }

    #[test]
    fn bytes_stay() {
        assert_eq!(read(Parse::Bytes, b"\xff\n"), Ok(Data::Bytes(b"\xff\n".to_vec())));
    }

    #[test]
    fn problems_say_where() {
        let error = read(Parse::Text, b"abc\xffd").unwrap_err();
        assert!(error.contains("0xff at offset 3") && error.contains("bytes"), "{error}");
        let error = read(Parse::Json, b"{\"a\": 1,\n  oops}\n").unwrap_err();
        assert!(error.contains("line 2, column 3: `  oops}`"), "{error}");
        let error = read(Parse::Jsonl, b"1\n2\n[1\n").unwrap_err();
        assert!(error.contains("line 3, column 2"), "{error}");
        assert!(read(Parse::Json, b"\n").unwrap_err().contains("empty"));
        let long = format!("[{}x]", "1,".repeat(10_000));
        assert!(read(Parse::Json, long.as_bytes()).unwrap_err().len() < 300);
        let deep = "[".repeat(100_000);
        assert!(read(Parse::Json, deep.as_bytes()).unwrap_err().contains("recursion limit"));
    }
}
