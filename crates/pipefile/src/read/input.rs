//! The `[inputs]` table.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::node::check_identifier;
use super::table::{TableReader, entries, key_text, kind_of, to_data};
use crate::data::{Data, InputType};
use crate::file::Input;

/// Reads every input; those with a problem are still there, so that their names are known.
pub(super) fn read_inputs(table: &mut TableReader<'_, '_>, inputs: &DeTable<'_>, folder: &Path) -> Vec<Input> {
    entries(inputs).into_iter().map(|(key, value)| read_input(table, key, value, folder)).collect()
}

fn read_input(
    table: &mut TableReader<'_, '_>,
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    folder: &Path,
) -> Input {
    let name = key_text(key);
    check_identifier(table, &name, "an input's name");
    let (kind, default) = match value.get_ref() {
        DeValue::Table(declaration) => declared(table, &name.text, declaration, value, folder),
        plain => (type_of(plain), default_value(table, value)),
    };
    Input { name: name.text, kind, default, span: name.span }
}

fn type_of(value: &DeValue<'_>) -> InputType {
    match value {
        DeValue::String(_) | DeValue::Datetime(_) => InputType::Text,
        DeValue::Integer(_) => InputType::Int,
        DeValue::Float(_) => InputType::Float,
        DeValue::Boolean(_) => InputType::Bool,
        DeValue::Array(_) => InputType::List,
        DeValue::Table(_) => InputType::Json,
    }
}

fn declared(
    outer: &mut TableReader<'_, '_>,
    name: &str,
    declaration: &DeTable<'_>,
    value: &Spanned<DeValue<'_>>,
    folder: &Path,
) -> (InputType, Option<Data>) {
    let source = outer.source;
    let mut table = TableReader::new(source, "an input", declaration, outer.problems);
    table.only(&["type", "default"]);
    let words = InputType::ALL.map(|kind| (kind.as_str(), kind));
    let kind = table.word("type", &words);
    let default = declaration.get("default");
    if !declaration.contains_key("type") && default.is_none() && !table.has_problem_at_key_like("type") {
        let help = format!(
            "write `{name} = {{ type = \"text\" }}`; an object as default is `{name} = {{ type = \"json\", default = {{ … }} }}`"
        );
        table.problem(value.span(), format!("the input `{name}` has no type"), help);
    }
    let kind = kind.or_else(|| default.map(|default| type_of(default.get_ref()))).unwrap_or(InputType::Json);
    let default = default.and_then(|default| typed_default(&mut table, kind, default, folder));
    (kind, default)
}

fn typed_default(
    table: &mut TableReader<'_, '_>,
    kind: InputType,
    value: &Spanned<DeValue<'_>>,
    folder: &Path,
) -> Option<Data> {
    let data = default_value(table, value)?;
    match kind.accept(data, folder) {
        Ok(data) => Some(data),
        Err(error) => {
            let help = format!("the type says `{}` and the default is {}", kind.as_str(), kind_of(value.get_ref()));
            table.problem(value.span(), error.to_string(), help);
            None
        }
    }
}

fn default_value(table: &mut TableReader<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<Data> {
    let data = to_data(value.get_ref());
    if data.is_none() {
        table.problem(value.span(), "the number is too large", "whole numbers go from -2^63 to 2^63-1");
    }
    data
}
