//! Shell texts: values travel in environment variables, the text becomes quoted expansions of them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::render::{self, MOST_ARGUMENT_BYTES};
use super::scan::{self, Quoting, ShellPiece};
use super::{Form, Placeholder, TempFiles, Template, TemplateError, Values};
use crate::error::{Error, ErrorKind};

/// A shell text whose placeholders are known to stand where a quoted expansion can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellTemplate {
    template: Template,
    pieces: Vec<ShellPiece>,
}

/// A shell text and the environment variables that carry its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellScript {
    /// The text for `sh -c`.
    pub text: String,
    /// The variables that it expands.
    pub variables: Vec<(String, OsString)>,
}

impl ShellTemplate {
    /// Follows the quotes of a shell text.
    ///
    /// # Errors
    /// Every placeholder where a value can't be quoted: here-documents, backticks, comments, arithmetic, `$'…'`, behind
    /// a backslash; and a text with placeholders whose quotes don't close.
    pub fn compile(template: &Template) -> Result<Self, Vec<TemplateError>> {
        Ok(Self { pieces: scan::scan(template)?, template: template.clone() })
    }

    /// Returns the text with its placeholders.
    #[must_use]
    pub const fn template(&self) -> &Template {
        &self.template
    }

    /// Iterates over the placeholders that are not whole words, where a list can't go.
    pub fn inner_placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            ShellPiece::Slot { placeholder, alone: false, .. } => Some(placeholder),
            _ => None,
        })
    }

    /// Renders the text for `sh -c` and the variables that carry the values.
    ///
    /// # Errors
    /// `Template` for a list that is not a whole word, a zero byte, a value or a text over 128 KiB.
    pub fn render(&self, values: &Values<'_>, files: &mut TempFiles) -> Result<ShellScript, Error> {
        let mut writer = Writer { values, files, text: String::new(), variables: Vec::new(), known: BTreeMap::new() };
        for piece in &self.pieces {
            match piece {
                ShellPiece::Text(text) => writer.text.push_str(text),
                ShellPiece::Slot { placeholder, quoting, alone } => writer.slot(placeholder, *quoting, *alone)?,
            }
        }
        if writer.text.len() > MOST_ARGUMENT_BYTES {
            return Err(too_long(&writer));
        }
        Ok(ShellScript { text: writer.text, variables: writer.variables })
    }
}

fn too_long(writer: &Writer<'_, '_>) -> Error {
    let longest = writer.known.iter().max_by_key(|(_, variables)| variables.len());
    let name = longest.map_or("", |((name, _), _)| name.as_str());
    let message =
        format!("the shell text with its {} values is over 128 KiB: {}", writer.variables.len(), render::other_ways(name));
    Error::new(ErrorKind::Template, message)
}

struct Writer<'a, 'v> {
    values: &'a Values<'v>,
    files: &'a mut TempFiles,
    text: String,
    variables: Vec<(String, OsString)>,
    /// The variables of each placeholder that was met before.
    known: BTreeMap<(String, Form), Vec<String>>,
}

impl Writer<'_, '_> {
    fn slot(&mut self, placeholder: &Placeholder, quoting: Quoting, alone: bool) -> Result<(), Error> {
        let names = self.variables_of(placeholder, alone)?;
        let expansions: Vec<String> = names.iter().map(|name| expansion(name, quoting)).collect();
        self.text.push_str(&expansions.join(" "));
        Ok(())
    }

    fn variables_of(&mut self, placeholder: &Placeholder, alone: bool) -> Result<Vec<String>, Error> {
        let key = (placeholder.name.clone(), placeholder.form);
        // A list that was met as a whole word is still refused inside another.
        if (alone || !self.is_list(placeholder))
            && let Some(names) = self.known.get(&key)
        {
            return Ok(names.clone());
        }
        let words = if alone {
            render::words(placeholder, self.values, self.files)?
        } else {
            vec![render::single_word(placeholder, self.values, self.files)?]
        };
        let names: Vec<String> = words.into_iter().map(|word| self.variable(word)).collect();
        self.known.insert(key, names.clone());
        Ok(names)
    }

    fn is_list(&self, placeholder: &Placeholder) -> bool {
        let value = self.values.get(placeholder.name.as_str());
        placeholder.form == Form::Value && value.is_some_and(|value| value.as_list().is_some())
    }

    fn variable(&mut self, word: OsString) -> String {
        // Short, because the text repeats it for every element of a list.
        let name = format!("_fg{}", self.variables.len());
        self.variables.push((name.clone(), word));
        name
    }
}

fn expansion(variable: &str, quoting: Quoting) -> String {
    match quoting {
        Quoting::Bare => format!("\"${{{variable}}}\""),
        Quoting::Double => format!("${{{variable}}}"),
        Quoting::Single => format!("'\"${{{variable}}}\"'"),
    }
}

#[cfg(test)]
mod tests;
