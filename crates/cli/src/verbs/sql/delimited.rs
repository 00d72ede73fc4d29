//! Rows as text with a delimiter: tab-separated values as databases copy them, and CSV.

use flowglass::store::{SqlHeading, SqlValue};

use super::RowWriter;

/// Tab-separated values: a header, then a line a row. A tab, a line break or a backslash in a text is written as `\t`, `\n`,
/// `\r` or `\\`, so that a line is a row; what isn't there is empty.
pub(super) struct Tsv;

impl RowWriter for Tsv {
    fn begin(&mut self, columns: &[SqlHeading], out: &mut Vec<u8>) {
        put_line(out, "\t", "\n", columns.iter().map(|column| tab_separated(&column.name)));
    }

    fn row(&mut self, values: Vec<SqlValue>, out: &mut Vec<u8>) {
        put_line(out, "\t", "\n", values.iter().map(|value| tab_separated(&plain(value))));
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

/// CSV as RFC 4180 has it.
pub(crate) struct Csv;

impl RowWriter for Csv {
    fn begin(&mut self, columns: &[SqlHeading], out: &mut Vec<u8>) {
        put_line(out, ",", "\r\n", columns.iter().map(|column| quoted(&column.name)));
    }

    fn row(&mut self, values: Vec<SqlValue>, out: &mut Vec<u8>) {
        put_line(out, ",", "\r\n", values.iter().map(|value| quoted(&plain(value))));
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

fn put_line(out: &mut Vec<u8>, delimiter: &str, end: &str, fields: impl Iterator<Item = String>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.extend_from_slice(delimiter.as_bytes());
        }
        out.extend_from_slice(field.as_bytes());
    }
    out.extend_from_slice(end.as_bytes());
}

/// Writes a value: bytes in hexadecimal digits, nothing as nothing.
fn plain(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Real(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Blob(bytes) => hex(bytes),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tab_separated(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn quoted(text: &str) -> String {
    let needs_quotes = text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ');
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(names: &[&str]) -> Vec<SqlHeading> {
        names.iter().map(|name| SqlHeading { name: (*name).to_owned(), is_json: false }).collect()
    }

    fn written(mut writer: impl RowWriter) -> String {
        let mut out = Vec::new();
        writer.begin(&headings(&["a", "b,c"]), &mut out);
        writer.row(vec!["x\ty\\z\r\n".into(), SqlValue::Null], &mut out);
        writer.row(vec!["say \"hi\", you".into(), SqlValue::Blob(vec![0, 255])], &mut out);
        writer.row(vec![SqlValue::Int(-1), SqlValue::Real(0.5)], &mut out);
        writer.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_a_row_in_tab_separated_values() {
        assert_eq!(written(Tsv), "a\tb,c\nx\\ty\\\\z\\r\\n\t\nsay \"hi\", you\t00ff\n-1\t0.5\n");
    }

    #[test]
    fn csv_quotes_what_needs_quotes() {
        assert_eq!(written(Csv), "a,\"b,c\"\r\n\"x\ty\\z\r\n\",\r\n\"say \"\"hi\"\", you\",00ff\r\n-1,0.5\r\n");
    }
}
