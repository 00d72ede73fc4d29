//! Reading a TOML table key by key, collecting what is wrong with it.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Located;
use crate::data::Data;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::SourceFile;
use flowglass_model::nearest::{did_you_mean, nearest};

/// A table with the list that its problems go to.
pub(super) struct TableReader<'a, 'p> {
    pub(super) source: &'a Arc<SourceFile>,
    /// What the table is, for messages: `a node`.
    what: &'static str,
    table: &'a DeTable<'a>,
    pub(super) problems: &'p mut Diagnostics,
}

impl<'a, 'p> TableReader<'a, 'p> {
    pub(super) fn new(
        source: &'a Arc<SourceFile>,
        what: &'static str,
        table: &'a DeTable<'a>,
        problems: &'p mut Diagnostics,
    ) -> Self {
        Self { source, what, table, problems }
    }

    pub(super) fn problem(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::at(self.source, span, message).with_help(help));
    }

    /// Reports every key that is not one of these.
    pub(super) fn only(&mut self, keys: &[&str]) {
        for (key, _) in entries(self.table) {
            if !keys.contains(&&**key.get_ref()) {
                let message = format!("`{}` is no key of {}", key.get_ref(), self.what);
                let help = did_you_mean(key.get_ref(), keys.iter().copied())
                    .unwrap_or_else(|| format!("its keys are {}", quoted_list(keys)));
                self.problem(key.span(), message, help);
            }
        }
    }

    /// Says whether the table has a key that is nearly this one (which `only` reported).
    pub(super) fn has_problem_at_key_like(&self, key: &str) -> bool {
        self.table.keys().any(|found| nearest(found.get_ref(), [key]).is_some())
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    pub(super) fn text(&mut self, key: &str) -> Option<Located> {
        let value = self.value(key)?;
        self.as_text(key, value)
    }

    pub(super) fn as_text(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Located> {
        match value.get_ref() {
            DeValue::String(text) => Some(Located { text: text.to_string(), span: value.span() }),
            other => {
                let message = format!("`{key}` must be text, not {}", kind_of(other));
                self.problem(value.span(), message, format!("write `{key} = \"…\"`"));
                None
            }
        }
    }

    /// Reads text, or a number or a truth value as the text that it prints as.
    pub(super) fn as_scalar(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Located> {
        let scalar = matches!(value.get_ref(), DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_));
        match to_data(value.get_ref()) {
            Some(data) if scalar => {
                let text = String::from_utf8_lossy(&data.to_plain()).into_owned();
                Some(Located { text, span: value.span() })
            }
            _ => self.as_text(key, value),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let message = format!("`{key}` must be true or false, not {}", kind_of(value.get_ref()));
            self.problem(value.span(), message, format!("write `{key} = true` or `{key} = false`"));
        }
        flag
    }

    pub(super) fn table(&mut self, key: &str) -> Option<&'a DeTable<'a>> {
        let value = self.value(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("`{key}` must be a table, not {}", kind_of(value.get_ref()));
            self.problem(value.span(), message, format!("write `{key} = {{ … }}`"));
        }
        table
    }

    pub(super) fn array(&mut self, key: &str) -> Option<&'a [Spanned<DeValue<'a>>]> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Array(elements) => Some(elements),
            other => {
                let message = format!("`{key}` must be a list, not {}", kind_of(other));
                self.problem(value.span(), message, format!("write `{key} = [\"…\"]`"));
                None
            }
        }
    }

    /// Reads a word that stands for one of several things.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.as_word(key, &text, words)
    }

    pub(super) fn as_word<T: Copy>(&mut self, key: &str, text: &Located, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.text);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let help = did_you_mean(&text.text, names.iter().copied())
                .unwrap_or_else(|| format!("write one of {}", quoted_list(&names)));
            self.problem(text.span.clone(), format!("`{}` is no value of `{key}`", text.text), help);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// Reads a table of texts, in the order of the file.
    pub(super) fn text_entries(&mut self, key: &str) -> Vec<(Located, Located)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let read = |(name, value): (&Spanned<_>, _)| Some((key_text(name), self.as_text(name.get_ref(), value)?));
        entries(table).into_iter().filter_map(read).collect()
    }

    pub(super) fn not_empty(&mut self, text: &Located, what: &str) -> bool {
        let is_empty = text.text.trim().is_empty();
        if is_empty {
            self.problem(text.span.clone(), format!("{what} is empty"), "give it a name or leave it out");
        }
        !is_empty
    }
}

/// Returns the entries of a table in the order of the file.
pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> Vec<(&'a Spanned<toml::de::DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

pub(super) fn key_text(key: &Spanned<toml::de::DeString<'_>>) -> Located {
    Located { text: key.get_ref().to_string(), span: key.span() }
}

/// Takes a TOML value as a value of ours; none if it is a number that is too large.
pub(super) fn to_data(value: &DeValue<'_>) -> Option<Data> {
    Some(match value {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Integer(number) => Data::Int(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => Data::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Data::Bool(*flag),
        DeValue::Datetime(time) => Data::Text(time.to_string()),
        DeValue::Array(elements) => {
            Data::List(elements.iter().map(|element| to_data(element.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let fields =
                table.iter().map(|(key, value)| Some((key.get_ref().to_string(), to_data(value.get_ref())?.to_json())));
            Data::Json(serde_json::Value::Object(fields.collect::<Option<_>>()?))
        }
    })
}

pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn quoted_list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
