//! Rows of any columns, as SQL finds them: a table where it fits, else a row below the other.

use flowglass_insight::text;

use crate::Options;
use crate::ink::Ink;
use crate::line::{Line, shown};
use crate::table::{Column, draw};

/// A text column is cut down to no less than this.
const LEAST_TEXT: usize = 12;
/// Columns between two columns of a table.
const GAP: usize = 2;

/// The value of one column of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// There is none.
    Nothing,
    /// A number, as it is to be shown.
    Number(String),
    /// A text.
    Text(String),
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Self::Nothing => "",
            Self::Number(text) | Self::Text(text) => text,
        }
    }
}

/// Draws rows: a line of titles and a line a row where they fit the width, else each row as a list of its columns. Texts of several
/// lines show their first one in a table, and all in a list. Each line ends with a line break.
#[must_use]
pub fn render(titles: &[String], rows: &[Vec<Value>], options: &Options) -> String {
    let columns: Vec<Column> = (0..titles.len()).map(|at| column(&titles[at], rows, at)).collect();
    let lines =
        if least_width(&columns, *options) <= options.width { draw(columns, *options) } else { list(titles, rows, *options) };
    lines.into_iter().map(|line| line.finish() + "\n").collect()
}

fn column(title: &str, rows: &[Vec<Value>], at: usize) -> Column {
    let values = || rows.iter().map(|row| row.get(at).unwrap_or(&Value::Nothing));
    let is_right = values().all(|value| !matches!(value, Value::Text(_))) && values().any(|value| *value != Value::Nothing);
    let cells = values().map(|value| vec![(Ink::Plain, text::first_line(value.text()).into_owned())]).collect();
    let least = (!is_right).then_some(LEAST_TEXT);
    Column { title: title.to_owned().into(), is_right, least, rank: 0, cells }
}

fn least_width(columns: &[Column], options: Options) -> usize {
    let each =
        columns.iter().map(|column| column.least.map_or(column.width(options), |least| least.min(column.width(options))));
    each.sum::<usize>() + GAP * columns.len().saturating_sub(1)
}

/// Draws each row as a list: titles in front, an empty line behind.
fn list(titles: &[String], rows: &[Vec<Value>], options: Options) -> Vec<Line> {
    let widest = titles.iter().map(|title| text::width(&shown(title, options))).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            lines.push(Line::new(options));
        }
        for (title, value) in titles.iter().zip(row).filter(|(_, value)| **value != Value::Nothing) {
            push_value(&mut lines, title, value.text(), widest, options);
        }
    }
    lines
}

fn push_value(lines: &mut Vec<Line>, title: &str, value: &str, widest: usize, options: Options) {
    let mut title = title;
    for part in value.split('\n') {
        let mut line = Line::new(options);
        line.push(Ink::Dim, title).pad_to(widest + GAP).push(Ink::Plain, part);
        lines.push(line);
        title = "";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{HOSTILE, check_width};
    use proptest::prelude::*;

    fn rows() -> (Vec<String>, Vec<Vec<Value>>) {
        let titles = ["name", "count", "message"].map(str::to_owned).to_vec();
        let row =
            |name: &str, count: &str, message: Value| vec![Value::Text(name.into()), Value::Number(count.into()), message];
        let rows = vec![
            row("node encode", "12", Value::Nothing),
            row("node fetch", "1042", Value::Text("no answer from the server after 30 s\nand once more".into())),
        ];
        (titles, rows)
    }

    #[test]
    fn a_table_where_it_fits() {
        let (titles, rows) = rows();
        insta::assert_snapshot!(render(&titles, &rows, &Options::plain(60)), @"
        name         count  message
        node encode     12
        node fetch    1042  no answer from the server after 30 s
        ");
        insta::assert_snapshot!(render(&titles, &rows, &Options::plain(40)), @"
        name         count  message
        node encode     12
        node fetch    1042  no answer from the …
        ");
    }

    #[test]
    fn a_list_where_it_does_not() {
        let (titles, rows) = rows();
        insta::assert_snapshot!(render(&titles, &rows, &Options::plain(30)), @"
        name     node encode
        count    12

        name     node fetch
        count    1042
        message  no answer from the s…
                 and once more
        ");
        assert_eq!(render(&titles, &[], &Options::plain(30)), "name  count  message\n");
        assert_eq!(render(&[], &[], &Options::plain(30)), "\n");
    }

    proptest! {
        #[test]
        fn every_line_fits(width in 0usize..120, color: bool, unicode: bool, at in 0..HOSTILE.len(), name: String) {
            let (mut titles, mut rows) = rows();
            titles.push(name.clone());
            rows.push(vec![Value::Text(HOSTILE[at].to_owned()), Value::Number(name), Value::Nothing, Value::Nothing]);
            check_width(&render(&titles, &rows, &Options { width, color, unicode }), width);
        }
    }
}
