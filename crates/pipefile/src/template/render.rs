//! Templates and values to arguments, variables and streams.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::{Form, Piece, Placeholder, TempFiles, Template, Values};
use crate::data::Data;
use crate::error::{Error, ErrorKind};

/// The longest value in an argument or an environment variable, in bytes: Linux takes 128 KiB, name and end included.
pub const MOST_ARGUMENT_BYTES: usize = 128 * 1024 - 64;

impl Template {
    /// Renders the template as arguments: a list that stands alone becomes one for each element.
    ///
    /// # Errors
    /// `Template` for a list inside a larger argument, a zero byte, or a value that is too long.
    pub fn render_arguments(&self, values: &Values<'_>, files: &mut TempFiles) -> Result<Vec<OsString>, Error> {
        let Some(placeholder) = self.sole_placeholder() else {
            return Ok(vec![self.render_word(values, files)?]);
        };
        words(placeholder, values, files)
    }

    /// Renders the template as one argument or variable.
    ///
    /// # Errors
    /// `Template` for a list, a zero byte, or a value that is too long.
    pub fn render_word(&self, values: &Values<'_>, files: &mut TempFiles) -> Result<OsString, Error> {
        let mut word = Vec::new();
        let mut longest = ("", 0);
        for piece in self.pieces() {
            match piece {
                Piece::Literal { text, .. } | Piece::Verbatim { text, .. } => word.extend_from_slice(text.as_bytes()),
                Piece::Placeholder(placeholder) => {
                    let part = single_word(placeholder, values, files)?.into_vec();
                    if part.len() >= longest.1 {
                        longest = (&placeholder.name, part.len());
                    }
                    word.extend(part);
                }
            }
        }
        checked(word, self.text(), longest.0)
    }

    /// Renders the template as a stream: text and bytes raw, a list one element a line, objects as JSON.
    ///
    /// # Errors
    /// `Template` for a missing value, `Io` for a temporary file that can't be written.
    pub fn render_stream(&self, values: &Values<'_>, files: &mut TempFiles) -> Result<Vec<u8>, Error> {
        let mut stream = Vec::new();
        for piece in self.pieces() {
            match piece {
                Piece::Literal { text, .. } | Piece::Verbatim { text, .. } => stream.extend_from_slice(text.as_bytes()),
                Piece::Placeholder(placeholder) if placeholder.form == Form::File => {
                    stream.extend(single_word(placeholder, values, files)?.into_vec());
                }
                Piece::Placeholder(placeholder) => stream.extend(value_of(placeholder, values)?.to_stream()),
            }
        }
        Ok(stream)
    }
}

/// Returns the words that a placeholder becomes where it stands alone.
pub(super) fn words(placeholder: &Placeholder, values: &Values<'_>, files: &mut TempFiles) -> Result<Vec<OsString>, Error> {
    let value = value_of(placeholder, values)?;
    match placeholder.form {
        Form::File => Ok(vec![file_word(placeholder, value, files)?]),
        Form::Value => {
            value.to_arguments().into_iter().map(|word| checked(word, &placeholder.written(), &placeholder.name)).collect()
        }
    }
}

/// Returns the one word that a placeholder becomes inside a larger one.
pub(super) fn single_word(placeholder: &Placeholder, values: &Values<'_>, files: &mut TempFiles) -> Result<OsString, Error> {
    let value = value_of(placeholder, values)?;
    match (placeholder.form, value) {
        (Form::File, _) => file_word(placeholder, value, files),
        (Form::Value, Data::List(elements)) => Err(list_inside(placeholder, elements.len())),
        (Form::Value, _) => checked(value.to_plain(), &placeholder.written(), &placeholder.name),
    }
}

fn file_word(placeholder: &Placeholder, value: &Data, files: &mut TempFiles) -> Result<OsString, Error> {
    Ok(files.path_of(&placeholder.name, value)?.as_os_str().to_owned())
}

fn value_of<'a>(placeholder: &Placeholder, values: &Values<'a>) -> Result<&'a Data, Error> {
    let missing = || Error::new(ErrorKind::Template, format!("`{}` has no value", placeholder.written()));
    values.get(placeholder.name.as_str()).copied().ok_or_else(missing)
}

fn list_inside(placeholder: &Placeholder, len: usize) -> Error {
    let written = placeholder.written();
    let message =
        format!("`{written}` is a list ({len} elements) inside a larger word: a list must stand alone as `{written}`");
    Error::new(ErrorKind::Template, message)
}

/// Advises how to give a value that an argument can't hold; a text without a value has no name.
pub(super) fn other_ways(name: &str) -> String {
    if name.is_empty() { "use `stdin`".to_owned() } else { format!("give the value by `stdin` or `{{{name}:file}}`") }
}

/// Checks that an argument can hold a word; `name` is the value that makes up most of it.
fn checked(word: Vec<u8>, written: &str, name: &str) -> Result<OsString, Error> {
    let written = crate::data::excerpt(written);
    if let Some(at) = word.iter().position(|&byte| byte == 0) {
        let message = format!("`{written}` has a zero byte at {at}, which no argument can hold: {}", other_ways(name));
        return Err(Error::new(ErrorKind::Template, message));
    }
    if word.len() > MOST_ARGUMENT_BYTES {
        let message = format!(
            "`{written}` is {} bytes long and no argument can hold more than 128 KiB: {}",
            word.len(),
            other_ways(name)
        );
        return Err(Error::new(ErrorKind::Template, message));
    }
    Ok(OsString::from_vec(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str, value: &Data) -> Result<Vec<String>, String> {
        let template = Template::parse(text).unwrap();
        let values = Values::from([("x", value)]);
        let arguments = template.render_arguments(&values, &mut TempFiles::default()).map_err(|error| error.to_string())?;
        Ok(arguments.into_iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn a_list_alone_is_several_arguments() {
        let list: Data = ["a b", "", "-c"].into_iter().collect();
        assert_eq!(arguments("{x}", &list), Ok(vec!["a b".into(), "".into(), "-c".into()]));
        assert_eq!(arguments("{x}", &Data::List(vec![])), Ok(vec![]));
        assert!(arguments("--x={x}", &list).unwrap_err().contains("a list (3 elements) inside a larger word"));
    }

    #[test]
    fn scalars_go_inside_words() {
        assert_eq!(arguments("--n={x}!", &Data::Int(3)), Ok(vec!["--n=3!".into()]));
        assert_eq!(arguments("{{{x}}} ${x}", &"v".into()), Ok(vec!["{v} ${x}".into()]));
        assert_eq!(arguments("{x}", &Data::Json(serde_json::json!({"a": 1}))), Ok(vec!["{\"a\":1}".into()]));
    }

    #[test]
    fn what_no_argument_can_hold_is_advised_about() {
        let long = Data::Text("a".repeat(200_000));
        let error = arguments("{x}", &long).unwrap_err();
        assert!(error.contains("200000 bytes") && error.contains("`stdin` or `{x:file}`"), "{error}");
        let half = Data::Text("a".repeat(100_000));
        assert!(arguments("{x}{x}", &half).unwrap_err().contains("`{x:file}`"));
        assert!(arguments("{x}", &"a\0b".into()).unwrap_err().contains("zero byte at 1"));
        assert!(arguments("{y}", &long).unwrap_err().contains("`{y}` has no value"));
    }

    #[test]
    fn a_file_holds_what_is_too_long() {
        let long = Data::Text("a".repeat(200_000));
        let mut files = TempFiles::default();
        let template = Template::parse("@{x:file}").unwrap();
        let word = template.render_word(&Values::from([("x", &long)]), &mut files).unwrap();
        let path = word.to_str().unwrap().strip_prefix('@').unwrap();
        assert_eq!(std::fs::read(path).unwrap().len(), 200_000);
    }

    #[test]
    fn streams_take_everything() {
        let list = Data::List(vec!["a".into(), Data::Bytes(vec![0, 255])]);
        let template = Template::parse("<{x}>").unwrap();
        let stream = template.render_stream(&Values::from([("x", &list)]), &mut TempFiles::default()).unwrap();
        assert_eq!(stream, b"<a\n\0\xff\n>");
    }
}
