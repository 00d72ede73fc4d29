//! The items of `--map`: columns of values, read from arguments and files.

use std::io::ErrorKind as IoKind;
use std::path::Path;

use serde_json::{Map, Value};

use super::input_type::excerpt;
use super::{Data, InputType};
use crate::error::{Error, ErrorKind};

/// The values that one input takes, one an item.
#[derive(Debug, Clone, PartialEq)]
pub struct MapColumn {
    /// The input.
    pub name: String,
    /// Its values in the order of the items.
    pub values: Vec<Data>,
}

/// Reads one argument of `--map`.
///
/// `name=@file` takes a line an element (or a JSON array from `.json`, a JSON value a line from `.jsonl`);
/// `name=a,b` and `name=["a", "b"]` give the elements themselves; `@file` reads records, objects whose fields are
/// inputs, into a column for each field. `type_of` says the type of an input, or the error for an unknown one. Paths
/// are relative to `base`.
///
/// # Errors
/// `Value` for what can't be read that way, with file and line.
pub fn read_map_argument(
    argument: &str,
    base: &Path,
    type_of: &dyn Fn(&str) -> Result<InputType, Error>,
) -> Result<Vec<MapColumn>, Error> {
    if let Some(file) = argument.strip_prefix('@') {
        return records(&ItemFile::read(file, base)?, base, type_of);
    }
    let Some((name, source)) = argument.split_once('=') else {
        let usage = format!("`{argument}`: write `name=@file`, `name=a,b` or `@records.jsonl`");
        return Err(Error::new(ErrorKind::Value, usage));
    };
    let kind = type_of(name)?;
    let values = match source.strip_prefix('@') {
        Some(file) => ItemFile::read(file, base)?.elements(kind, base)?,
        None => inline(source, kind, base)?,
    };
    Ok(vec![MapColumn { name: name.to_owned(), values }])
}

struct ItemFile {
    name: String,
    text: String,
}

impl ItemFile {
    fn read(name: &str, base: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(base.join(name)).map_err(|error| unreadable(name, error))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        Ok(Self { name: name.to_owned(), text })
    }

    fn has_ending(&self, ending: &str) -> bool {
        Path::new(&self.name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
    }

    fn elements(&self, kind: InputType, base: &Path) -> Result<Vec<Data>, Error> {
        if self.has_ending("json") || self.has_ending("jsonl") {
            let accept = |(place, value)| kind.accept(Data::from_json(value), base).map_err(|error| self.at(place, &error));
            return self.json_values()?.into_iter().map(accept).collect();
        }
        let parse = |(line, text)| kind.parse(text, base).map_err(|error| self.at(line, &error));
        self.text.lines().enumerate().map(|(index, text)| (index + 1, text)).map(parse).collect()
    }

    /// The values of the file, each with its line (or, in one JSON array, its number), from 1.
    fn json_values(&self) -> Result<Vec<(usize, Value)>, Error> {
        if self.has_ending("json") {
            let values: Vec<Value> = serde_json::from_str(&self.text).map_err(|error| self.at(error.line(), &error))?;
            return Ok(values.into_iter().enumerate().map(|(index, value)| (index + 1, value)).collect());
        }
        let lines = self.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = |(index, line)| Ok((index + 1, serde_json::from_str(line).map_err(|error| self.at(index + 1, &error))?));
        lines.map(read).collect()
    }

    fn at(&self, place: usize, problem: &dyn std::fmt::Display) -> Error {
        let unit = if self.has_ending("json") { "element" } else { "line" };
        Error::new(ErrorKind::Value, format!("{}, {unit} {place}: {problem}", self.name))
    }
}

fn unreadable(name: &str, error: std::io::Error) -> Error {
    let why = match error.kind() {
        IoKind::NotFound => "no such file".to_owned(),
        IoKind::InvalidData => "the file is not UTF-8".to_owned(),
        IoKind::IsADirectory => "this is a folder".to_owned(),
        _ => error.to_string(),
    };
    Error::new(ErrorKind::Value, format!("{name}: {why}")).with_source(error)
}

fn inline(source: &str, kind: InputType, base: &Path) -> Result<Vec<Data>, Error> {
    let Data::List(elements) = InputType::List.parse(source, base)? else { return Ok(Vec::new()) };
    // Elements between commas are texts that still have to become what the input is.
    let typed = |element| match (&element, source.trim_start().starts_with('[')) {
        (Data::Text(text), false) => kind.parse(text, base),
        _ => kind.accept(element, base),
    };
    elements.into_iter().map(typed).collect()
}

fn records(file: &ItemFile, base: &Path, type_of: &dyn Fn(&str) -> Result<InputType, Error>) -> Result<Vec<MapColumn>, Error> {
    if !file.has_ending("json") && !file.has_ending("jsonl") {
        return Err(Error::new(ErrorKind::Value, format!("{}: records are read from .json and .jsonl files", file.name)));
    }
    let mut columns: Vec<(MapColumn, InputType)> = Vec::new();
    for (row, (place, value)) in file.json_values()?.into_iter().enumerate() {
        let Value::Object(record) = value else {
            return Err(file.at(place, &format!("`{}` is no object of inputs", excerpt(&value.to_string()))));
        };
        if row == 0 {
            columns = start_columns(&record, type_of).map_err(|error| file.at(place, &error))?;
        }
        push_record(&mut columns, record, base).map_err(|error| file.at(place, &error))?;
    }
    Ok(columns.into_iter().map(|(column, _)| column).collect())
}

fn start_columns(
    record: &Map<String, Value>,
    type_of: &dyn Fn(&str) -> Result<InputType, Error>,
) -> Result<Vec<(MapColumn, InputType)>, Error> {
    record.keys().map(|name| Ok((MapColumn { name: name.clone(), values: Vec::new() }, type_of(name)?))).collect()
}

fn push_record(columns: &mut [(MapColumn, InputType)], mut record: Map<String, Value>, base: &Path) -> Result<(), Error> {
    for (column, kind) in columns {
        let value = record.remove(&column.name).ok_or_else(|| missing_field(&column.name))?;
        let value = kind.accept(Data::from_json(value), base);
        let named = |error| Error::new(ErrorKind::Value, format!("field `{}`: {error}", column.name));
        column.values.push(value.map_err(named)?);
    }
    match record.keys().next() {
        Some(name) => Err(Error::new(ErrorKind::Value, format!("the first record has no field `{name}`: all need the same"))),
        None => Ok(()),
    }
}

fn missing_field(name: &str) -> Error {
    Error::new(ErrorKind::Value, format!("the field `{name}` of the first record is missing: all need the same"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_of(name: &str) -> Result<InputType, Error> {
        match name {
            "n" => Ok(InputType::Int),
            "p" => Ok(InputType::Path),
            "t" => Ok(InputType::Text),
            _ => Err(Error::new(ErrorKind::Value, format!("unknown input `{name}`"))),
        }
    }

    fn read(argument: &str, files: &[(&str, &str)]) -> Result<Vec<(String, Vec<Data>)>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let columns = read_map_argument(argument, folder.path(), &type_of).map_err(|error| error.to_string())?;
        Ok(columns.into_iter().map(|column| (column.name, column.values)).collect())
    }

    fn ints(numbers: &[i64]) -> Vec<Data> {
        numbers.iter().copied().map(Data::Int).collect()
    }

    #[test]
    fn a_line_is_an_element() {
        assert_eq!(read("n=@a.txt", &[("a.txt", "1\r\n2\n3\n")]), Ok(vec![("n".into(), ints(&[1, 2, 3]))]));
        assert_eq!(read("t=@a", &[("a", "a\n\nb")]), Ok(vec![("t".into(), vec!["a".into(), "".into(), "b".into()])]));
        assert_eq!(read("t=@a", &[("a", "")]), Ok(vec![("t".into(), vec![])]));
    }

    #[test]
    fn json_by_its_ending() {
        assert_eq!(read("n=@a.json", &[("a.json", "[1, 2]")]), Ok(vec![("n".into(), ints(&[1, 2]))]));
        assert_eq!(read("n=@a.jsonl", &[("a.jsonl", "1\n\n2\n")]), Ok(vec![("n".into(), ints(&[1, 2]))]));
    }

    #[test]
    fn elements_in_the_argument() {
        assert_eq!(read("n=1,2", &[]), Ok(vec![("n".into(), ints(&[1, 2]))]));
        assert_eq!(read("n=[1, 2]", &[]), Ok(vec![("n".into(), ints(&[1, 2]))]));
        assert_eq!(read("t=", &[]), Ok(vec![("t".into(), vec![])]));
    }

    #[test]
    fn records_become_columns() {
        let read = read("@a.jsonl", &[("a.jsonl", "{\"n\": 1, \"t\": \"x\"}\n{\"t\": \"y\", \"n\": 2}\n")]);
        assert_eq!(read, Ok(vec![("n".into(), ints(&[1, 2])), ("t".into(), vec!["x".into(), "y".into()])]));
    }

    #[test]
    fn problems_name_file_and_line() {
        let problem = |argument: &str, text: &str| read(argument, &[("a.txt", text), ("a.jsonl", text)]).unwrap_err();
        assert!(problem("n=@a.txt", "1\nx\n").contains("a.txt, line 2: `x` is no int"));
        assert!(problem("n=@a.jsonl", "1\n{\n").contains("a.jsonl, line 2"));
        assert!(problem("@a.jsonl", "{\"n\": 1}\n{}\n").contains("line 2: the field `n` of the first record is missing"));
        assert!(problem("@a.jsonl", "{\"n\": 1}\n{\"n\": 1, \"t\": \"x\"}\n").contains("no field `t`"));
        assert!(problem("@a.jsonl", "[1]\n").contains("no object"));
        assert!(problem("@a.jsonl", "{\"zz\": 1}").contains("unknown input `zz`"));
        assert!(problem("@a.txt", "").contains("records are read"));
        assert!(problem("n=@none", "").contains("no such file"));
        assert!(problem("n", "").contains("name=@file"));
    }
}
