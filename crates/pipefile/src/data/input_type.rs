//! The types of inputs, and how text from a command line becomes a value of one.

use std::path::Path;

use serde_json::Value;

use super::Data;
use crate::error::{Error, ErrorKind};
use crate::paths;

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputType {
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// A floating-point number.
    Float,
    /// `true` or `false`.
    Bool,
    /// A file or a folder.
    Path,
    /// Several values.
    List,
    /// Anything that JSON can hold.
    Json,
}

impl InputType {
    /// Every type, in the order in which messages list them.
    pub const ALL: [Self; 7] = [Self::Text, Self::Int, Self::Float, Self::Bool, Self::Path, Self::List, Self::Json];

    /// Returns the word that names the type in a pipeline file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Path => "path",
            Self::List => "list",
            Self::Json => "json",
        }
    }

    /// Returns the type that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Reads a text from a command line as a value of this type.
    ///
    /// A path is made absolute against `base`; `.` and `..` go where that can't change what it means. A list is a JSON array, or elements between commas; no text is no element.
    ///
    /// # Errors
    /// `Value` if the text is not of this type.
    pub fn parse(self, text: &str, base: &Path) -> Result<Data, Error> {
        match self {
            Self::Text => Ok(Data::Text(text.to_owned())),
            Self::Int => text.trim().parse().map(Data::Int).map_err(|_| self.mismatch(text, "a whole number such as 42")),
            Self::Float => text.trim().parse().map(Data::Float).map_err(|_| self.mismatch(text, "a number such as 0.5")),
            Self::Bool => text.trim().parse().map(Data::Bool).map_err(|_| self.mismatch(text, "`true` or `false`")),
            Self::Path => absolute(text, base),
            Self::List => parse_list(text),
            Self::Json => serde_json::from_str(text).map(Data::from_json).map_err(|error| not_json(text, error)),
        }
    }

    /// Takes a value that already has a type (from JSON, or a default) as a value of this one.
    ///
    /// # Errors
    /// `Value` if it can't be taken without losing something.
    pub fn accept(self, value: Data, base: &Path) -> Result<Data, Error> {
        match (self, value) {
            (Self::Json, value)
            | (Self::Text, value @ Data::Text(_))
            | (Self::Int, value @ Data::Int(_))
            | (Self::Float, value @ Data::Float(_))
            | (Self::Bool, value @ Data::Bool(_))
            | (Self::Path, value @ Data::Path(_))
            | (Self::List, value @ Data::List(_)) => Ok(value),
            (Self::Path, Data::Text(text)) => absolute(&text, base),
            (Self::Float, Data::Int(number)) => widen(number),
            (_, value) => Err(self.mismatch(&value.to_json().to_string(), &format!("{}, not {}", self.as_str(), value.kind()))),
        }
    }

    fn mismatch(self, text: &str, expected: &str) -> Error {
        Error::new(ErrorKind::Value, format!("`{}` is no {}: expected {expected}", excerpt(text), self.as_str()))
    }
}

/// Returns a text short enough for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the loss is what is looked for")]
fn widen(number: i64) -> Result<Data, Error> {
    let float = number as f64;
    if float as i64 == number {
        return Ok(Data::Float(float));
    }
    Err(Error::new(ErrorKind::Value, format!("`{number}` is too long for a float")))
}

fn absolute(text: &str, base: &Path) -> Result<Data, Error> {
    if text.is_empty() {
        return Err(Error::new(ErrorKind::Value, "an empty text is no path"));
    }
    paths::absolute(Path::new(text), base)
        .into_os_string()
        .into_string()
        .map(Data::Path)
        .map_err(|path| Error::new(ErrorKind::Value, format!("the path `{}` is not UTF-8", path.to_string_lossy())))
}

fn parse_list(text: &str) -> Result<Data, Error> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Data::List(Vec::new()));
    }
    if !trimmed.starts_with('[') {
        return Ok(trimmed.split(',').map(str::trim).collect());
    }
    let values: Vec<Value> = serde_json::from_str(trimmed).map_err(|error| not_json(text, error))?;
    Ok(Data::List(values.into_iter().map(Data::from_json).collect()))
}

fn not_json(text: &str, error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Value, format!("`{}` is not JSON: {error}", excerpt(text))).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: InputType, text: &str) -> Result<Data, String> {
        kind.parse(text, Path::new("/home/me")).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_become_what_the_type_says() {
        assert_eq!(parse(InputType::Text, " a=b "), Ok(Data::Text(" a=b ".into())));
        assert_eq!(parse(InputType::Int, "-42"), Ok(Data::Int(-42)));
        assert_eq!(parse(InputType::Float, "1"), Ok(Data::Float(1.0)));
        assert_eq!(parse(InputType::Bool, "false"), Ok(Data::Bool(false)));
        assert_eq!(parse(InputType::Path, "docs/a"), Ok(Data::Path("/home/me/docs/a".into())));
        assert_eq!(parse(InputType::Path, "./docs"), Ok(Data::Path("/home/me/docs".into())));
        assert_eq!(parse(InputType::Path, "."), Ok(Data::Path("/home/me".into())));
        assert_eq!(parse(InputType::Path, "/abs"), Ok(Data::Path("/abs".into())));
        assert_eq!(parse(InputType::Json, "{\"a\": 1}"), Ok(Data::Json(serde_json::json!({"a": 1}))));
    }

    #[test]
    fn lists_are_json_or_between_commas() {
        assert_eq!(parse(InputType::List, "a, b,c"), Ok(["a", "b", "c"].into_iter().collect()));
        assert_eq!(parse(InputType::List, "[1, \"x\"]"), Ok(Data::List(vec![Data::Int(1), "x".into()])));
        assert_eq!(parse(InputType::List, ""), Ok(Data::List(vec![])));
        assert!(parse(InputType::List, "[1,").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn wrong_texts_are_named() {
        assert!(parse(InputType::Int, "4.2").unwrap_err().contains("`4.2` is no int"));
        assert!(parse(InputType::Int, "99999999999999999999").unwrap_err().contains("whole number"));
        assert!(parse(InputType::Bool, "yes").unwrap_err().contains("`true` or `false`"));
        assert!(parse(InputType::Path, "").unwrap_err().contains("empty"));
        assert!(parse(InputType::Json, "nope").unwrap_err().contains("not JSON"));
        assert!(parse(InputType::Int, &"x".repeat(1000)).unwrap_err().len() < 200);
    }

    #[test]
    fn values_are_taken_without_loss_only() {
        let accept = |kind: InputType, value| kind.accept(value, Path::new("/b")).map_err(|error| error.to_string());
        assert_eq!(accept(InputType::Float, Data::Int(2)), Ok(Data::Float(2.0)));
        assert!(accept(InputType::Float, Data::Int((1 << 53) + 1)).is_err());
        assert_eq!(accept(InputType::Path, "x".into()), Ok(Data::Path("/b/x".into())));
        assert!(accept(InputType::Int, "5".into()).unwrap_err().contains("expected int, not text"));
        assert!(accept(InputType::Int, Data::Float(5.0)).is_err());
    }
}
