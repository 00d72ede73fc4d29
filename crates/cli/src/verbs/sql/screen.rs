//! Rows for people: a table, or a list where that doesn't fit.

use flowglass::store::{SqlHeading, SqlValue};
use flowglass::term::Options;
use flowglass::term::grid::{Value, render};

use super::RowWriter;
use super::delimited::hex;

/// So many rows are laid out together; more are drawn as several tables, so that a long answer appears while it is found.
const ROWS: usize = 1000;

/// Draws tables.
pub(super) struct Screen {
    options: Options,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    is_first: bool,
}

impl Screen {
    pub(super) const fn new(options: Options) -> Self {
        Self { options, columns: Vec::new(), rows: Vec::new(), is_first: true }
    }

    fn draw(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.is_first) {
            out.push(b'\n');
        }
        out.extend_from_slice(render(&self.columns, &self.rows, &self.options).as_bytes());
        self.rows.clear();
    }
}

impl RowWriter for Screen {
    fn begin(&mut self, columns: &[SqlHeading], _: &mut Vec<u8>) {
        self.columns = columns.iter().map(|column| column.name.clone()).collect();
    }

    fn row(&mut self, values: Vec<SqlValue>, out: &mut Vec<u8>) {
        self.rows.push(values.into_iter().map(shown).collect());
        if self.rows.len() == ROWS {
            self.draw(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.is_first || !self.rows.is_empty() {
            self.draw(out);
        }
    }
}

fn shown(value: SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Nothing,
        SqlValue::Int(number) => Value::Number(number.to_string()),
        SqlValue::Real(number) => Value::Number(rounded(number)),
        SqlValue::Text(text) => Value::Text(text),
        SqlValue::Blob(bytes) => Value::Text(format!("x'{}'", hex(&bytes))),
    }
}

/// Shows a number with three decimals, or with all digits where they would be nothing but zeros.
fn rounded(number: f64) -> String {
    let text = format!("{number:.3}");
    if number != 0.0 && number.abs() < 0.01 { number.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_and_small_ones_are_not() {
        let shown = [1.0, 1234.56789, 0.0, 0.001_234, -0.5, 1e9].map(rounded);
        assert_eq!(shown, ["1.000", "1234.568", "0.000", "0.001234", "-0.500", "1000000000.000"]);
    }

    #[test]
    fn a_long_answer_is_several_tables() {
        let (mut screen, mut out) = (Screen::new(Options::plain(80)), Vec::new());
        screen.begin(&[SqlHeading { name: "n".into(), is_json: false }], &mut out);
        (0..1001).for_each(|number| screen.row(vec![SqlValue::Int(number)], &mut out));
        screen.end(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!((text.matches("   n\n").count(), text.lines().count()), (1, 1004));
    }
}
