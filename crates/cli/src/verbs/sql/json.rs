//! Rows as a JSON array with an object a row.

use flowglass::store::{SqlHeading, SqlValue};
use serde_json::{Map, Value};

use super::RowWriter;
use super::delimited::hex;

/// Writes an object a row on a line of its own. Columns that are JSON in the table are JSON here, bytes are hexadecimal digits, and
/// of several columns with one name the later ones get a number.
#[derive(Default)]
pub(super) struct Array {
    columns: Vec<(String, bool)>,
    rows: usize,
}

impl RowWriter for Array {
    fn begin(&mut self, columns: &[SqlHeading], out: &mut Vec<u8>) {
        for SqlHeading { name, is_json } in columns {
            let name = self.free_name(name);
            self.columns.push((name, *is_json));
        }
        out.push(b'[');
    }

    fn row(&mut self, values: Vec<SqlValue>, out: &mut Vec<u8>) {
        let fields = self.columns.iter().zip(values).map(|((name, is_json), value)| (name.clone(), json(value, *is_json)));
        let object = Value::Object(fields.collect::<Map<_, _>>());
        out.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
        out.extend_from_slice(object.to_string().as_bytes());
        self.rows += 1;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.rows == 0 { b"]\n" } else { b"\n]\n" });
    }
}

impl Array {
    fn free_name(&self, name: &str) -> String {
        let is_free = |name: &str| self.columns.iter().all(|(other, _)| other != name);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|name| is_free(name)).unwrap_or_default()
    }
}

fn json(value: SqlValue, is_json: bool) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Int(number) => number.into(),
        SqlValue::Real(number) => number.into(),
        SqlValue::Text(text) if is_json => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        SqlValue::Text(text) => text.into(),
        SqlValue::Blob(bytes) => hex(&bytes).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(name: &str, is_json: bool) -> SqlHeading {
        SqlHeading { name: name.to_owned(), is_json }
    }

    #[test]
    fn rows_are_objects_whose_names_differ() {
        let (mut array, mut out) = (Array::default(), Vec::new());
        array.begin(&[heading("a", false), heading("a", false), heading("j", true)], &mut out);
        array.row(vec![1i64.into(), SqlValue::Null, "{\"k\":[1]}".into()], &mut out);
        array.row(vec![SqlValue::Real(0.5), SqlValue::Blob(vec![1]), "no json".into()], &mut out);
        array.end(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "[\n{\"a\":1,\"a_2\":null,\"j\":{\"k\":[1]}},\n{\"a\":0.5,\"a_2\":\"01\",\"j\":\"no json\"}\n]\n");
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        let (mut array, mut out) = (Array::default(), Vec::new());
        array.begin(&[heading("a", false)], &mut out);
        array.end(&mut out);
        assert_eq!(out, b"[]\n");
    }
}
