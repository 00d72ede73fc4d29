//! The order of an answer, as the server makes it.

use super::super::condition::{Value, Values};
use super::super::json::storable;
use crate::query::{Field, Query, Select, SortKey};

/// Returns the column that a query is sorted by; nothing where the server has none, and all that matches must be looked at.
pub(super) fn column(query: &Query) -> Option<&'static str> {
    Some(match (query.select, &query.sort.field) {
        (Select::Runs | Select::Spans, Field::Started) => "s.start_unix_ns",
        (Select::Runs | Select::Spans, Field::Duration) => "s.duration_ns",
        (Select::Runs, Field::Name) => "s.run",
        (_, Field::Started) => "s.unix_ns",
        (_, Field::Name) => "s.name",
        _ => return None,
    })
}

/// Returns what sorts rows by a column.
pub(super) fn by(column: &str, descending: bool) -> String {
    format!(" ORDER BY {column} {}", if descending { "DESC" } else { "ASC" })
}

/// As [`by`], but the server takes it for another order than its index has, and finds the rows by something else.
pub(super) fn afterwards(column: &str, descending: bool) -> String {
    let nothing = if matches!(column, "s.run" | "s.name") { "|| ''" } else { "+ 0" };
    by(&format!("({column} {nothing})"), descending)
}

/// Returns a condition that leaves out what stands before the cursor of a query, but for things with an equal key.
pub(super) fn behind_cursor(query: &Query, column: &str, values: &mut Values) -> Option<String> {
    let sign = if query.sort.descending { "<=" } else { ">=" };
    let is_text = query.sort.field == Field::Name;
    let value = match &query.after.as_ref()?.key {
        SortKey::Int(number) if !is_text => Value::Int(*number),
        SortKey::Text(text) if is_text => Value::Text(storable(text).into_owned()),
        SortKey::Missing if is_text => Value::Text(String::new()),
        _ => return None,
    };
    Some(format!("{column} {sign} {}", values.add(value)))
}
