//! The one type of value that flows through pipeline files.

mod bytes;
mod input_type;
mod items;
mod json;
mod text;

use serde::{Deserialize, Serialize};

pub use input_type::InputType;
pub(crate) use input_type::excerpt;
pub use items::{MapColumn, read_map_argument};

/// A value of an input or an output of a pipeline file.
///
/// It encodes and decodes exactly (with any self-describing serde format); [`Data::to_json`] is the form for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Data {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A path; relative ones are relative to the folder in which the command runs.
    Path(String),
    /// Raw bytes.
    Bytes(#[serde(with = "bytes")] Vec<u8>),
    /// Several values.
    List(Vec<Data>),
    /// What JSON can hold and the others can't: objects, null, numbers beyond `i64`.
    Json(serde_json::Value),
}

impl Data {
    /// Returns the word for this kind of value in messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Bool(_) => "bool",
            Self::Path(_) => "path",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Json(_) => "json",
        }
    }

    /// Returns the elements, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Data]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the text, if this is text or a path.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Path(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Data>> FromIterator<T> for Data {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Data> {
        vec![
            Data::Text("tab\t ü \u{0}".into()),
            Data::Int(i64::MIN),
            Data::Float(0.1 + 0.2),
            Data::Float(f64::INFINITY),
            Data::Float(-0.0),
            Data::Bool(true),
            Data::Path("/tmp/x".into()),
            Data::Bytes(vec![0, 255, 10]),
            Data::List(vec![Data::Text(String::new()), Data::List(vec![])]),
            Data::Json(serde_json::json!({"a": [null, 1, u64::MAX, 1.5, "x"], "b": {"c": false}})),
            Data::Json(serde_json::Value::Null),
        ]
    }

    #[test]
    fn encodes_and_decodes_exactly() {
        for value in every_kind() {
            let compact = rmp_serde::to_vec(&value).unwrap();
            assert_eq!(rmp_serde::from_slice::<Data>(&compact).unwrap(), value);
            let named = rmp_serde::to_vec_named(&value).unwrap();
            assert_eq!(rmp_serde::from_slice::<Data>(&named).unwrap(), value);
        }
        let all = Data::List(every_kind());
        assert_eq!(rmp_serde::from_slice::<Data>(&rmp_serde::to_vec(&all).unwrap()).unwrap(), all);
    }

    #[test]
    fn bytes_are_stored_as_bytes() {
        let stored = rmp_serde::to_vec(&Data::Bytes(vec![255; 1000])).unwrap();
        assert!(stored.len() < 1020, "{}", stored.len());
    }

    #[test]
    fn json_carries_it_too() {
        let value = Data::Bytes(vec![1, 2, 3]);
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Data>(&text).unwrap(), value);
    }
}
