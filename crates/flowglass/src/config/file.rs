//! `flowglass.toml`: keys, values and their lines.

use std::ops::Range;
use std::path::Path;

use flowglass_model::nearest::did_you_mean;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::key::{KEYS, Key, key};
use super::problem::Problem;
use super::value::Value;

/// A value that a file says.
pub(super) struct Said {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) line: usize,
}

/// Reads a file's text; adds what is wrong with it to the problems.
pub(super) fn read(path: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<Said> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { path, text, said: Vec::new(), problems };
    if errors.is_empty() {
        reader.table("", document.get_ref());
    }
    for error in errors {
        reader.problem(error.span().unwrap_or_default(), error.message().trim_end());
    }
    reader.said
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    said: Vec<Said>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, around: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = if around.is_empty() { name.get_ref().to_string() } else { format!("{around}.{}", name.get_ref()) };
            match (found(&full, value.get_ref()), value.get_ref()) {
                (Some(key), _) => self.value(key, value),
                (None, DeValue::Table(inner)) if has_keys(&full) => self.table(&full, inner),
                _ => self.unknown(&full, name),
            }
        }
    }

    fn value(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>) {
        match Value::from_toml(key.kind, value.get_ref()) {
            Ok(read) => {
                let line = self.line(value.span().start);
                self.said.push(Said { key, value: read, line });
            }
            Err(wanted) => {
                let shown = self.text.get(value.span()).filter(|shown| shown.len() < 60 && !key.kind.is_secret());
                let shown = shown.map_or_else(String::new, |shown| format!(", not {shown}"));
                self.problem(value.span(), format!("`{}` must be {wanted}{shown}", key.name));
            }
        }
    }

    fn unknown(&mut self, full: &str, name: &Spanned<DeString<'_>>) {
        let tables = KEYS.iter().filter_map(|key| key.name.split_once('.')).map(|(table, _)| table);
        let names = KEYS.iter().map(|key| key.name).chain(tables);
        let hint = did_you_mean(full, names).or_else(|| siblings(full)).map_or_else(String::new, |hint| format!("; {hint}"));
        self.problem(name.span(), format!("there is no key `{full}`{hint}"));
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        let place = format!("{}:{}", self.path.display(), self.line(span.start));
        self.problems.push(Problem::new(place, message));
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// Returns the key of this name. A table may be said by its most important key alone: `store = "runs.db"`, `export = "none"`.
fn found(full: &str, value: &DeValue<'_>) -> Option<&'static Key> {
    match full {
        "store" if value.as_str().is_some() => key("store.address"),
        "export" if !matches!(value, DeValue::Table(_)) => key("export.to"),
        full => key(full),
    }
}

fn has_keys(table: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')))
}

/// Names the keys of the table in which a wrong one stands.
fn siblings(full: &str) -> Option<String> {
    let (table, _) = full.rsplit_once('.')?;
    let names: Vec<&str> = KEYS.iter().filter_map(|key| key.name.strip_prefix(table)?.strip_prefix('.')).collect();
    (!names.is_empty()).then(|| format!("`{table}` has `{}`", names.join("`, `")))
}
