//! What there is to ask: the tables and their columns.

use flowglass::store::{SqlTable, sql_tables};
use flowglass::term::Options;
use flowglass::term::grid::{Value, render as grid};

/// Lists the tables with their columns.
pub(super) fn render(options: &Options) -> String {
    let tables = sql_tables();
    let mut parts: Vec<String> = tables.iter().map(|table| of(table, options)).collect();
    parts.push(attributes(&tables));
    parts.join("\n")
}

fn of(table: &SqlTable, options: &Options) -> String {
    let titles = [table.name, "", table.meaning].map(str::to_owned);
    let columns = table.columns.iter().filter(|column| !column.is_attribute);
    let row = |name: &str, kind: &str, meaning: &str| [name, kind, meaning].map(|text| Value::Text(text.to_owned())).to_vec();
    let rows: Vec<_> = columns.map(|column| row(&column.name, column.kind, column.meaning)).collect();
    grid(&titles, &rows, options)
}

fn attributes(tables: &[SqlTable]) -> String {
    let columns = tables.iter().filter(|table| table.name == "spans").flat_map(|table| &table.columns);
    let names: Vec<&str> = columns.filter(|column| column.is_attribute).map(|column| column.name.as_str()).collect();
    format!(
        "Spans, events, logs and metrics have columns for well-known attributes, too, which `*` leaves out: {}.\n\
        All others: attributes ->> 'some.name'.\n",
        names.join(", ")
    )
}
