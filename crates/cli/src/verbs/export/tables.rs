//! One table of `flowglass sql` as CSV.

use flowglass::store::{Selection, SqlLimits, SqlValue, SqliteStore};

use super::arguments::Table;
use crate::failure::Failure;
use crate::printer::Output;
use crate::verbs::sql::{Csv, RowWriter};

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Spans => "spans",
            Self::Events => "events",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Attributes => "attributes",
        }
    }

    const fn time(self) -> &'static str {
        match self {
            Self::Runs | Self::Spans => "start_unix_ns",
            Self::Events | Self::Metrics | Self::Logs => "unix_ns",
            Self::Attributes => "time",
        }
    }
}

/// Writes the rows of a table, and says how many.
pub(super) fn csv(store: &SqliteStore, table: Table, selection: &Selection, output: &mut Output) -> Result<String, Failure> {
    let sql = store.sql(SqlLimits { time: None, ..SqlLimits::default() })?;
    let mut statement = sql.prepare(&statement(table, selection))?;
    let columns: Vec<String> = statement.columns().into_iter().map(str::to_owned).collect();
    let (mut out, mut count) = (Vec::new(), 0u64);
    Csv.begin(&columns, &[], &mut out);
    for values in values(table, selection) {
        let mut rows = statement.query(&values)?;
        while let Some(row) = rows.next()? {
            Csv.row((0..columns.len()).map(|column| row.value(column)).collect(), &mut out);
            count += 1;
            if !output.put(&mut out)? {
                return Ok(told(count, table));
            }
        }
    }
    output.put(&mut out)?;
    Ok(told(count, table))
}

fn told(count: u64, table: Table) -> String {
    format!("exported {count} rows of {}", table.name())
}

fn statement(table: Table, selection: &Selection) -> String {
    let (name, time) = (table.name(), table.time());
    let time = if table == Table::Attributes { "CAST(strftime('%s', time) AS INTEGER) * 1000000000" } else { time };
    let mut conditions = vec![format!("{time} >= ?1 AND {time} <= ?2")];
    if selection.start_unix_ns.is_none() && selection.end_unix_ns.is_none() {
        conditions = vec!["?1 <= ?2".to_owned()];
    }
    if selection.traces.is_some() && table != Table::Metrics {
        conditions.push("trace_id = ?3".to_owned());
    }
    format!("SELECT * FROM {name} WHERE {}", conditions.join(" AND "))
}

/// Returns the values of the statement, once for each trace.
fn values(table: Table, selection: &Selection) -> Vec<Vec<SqlValue>> {
    let start = selection.start_unix_ns.unwrap_or(i64::MIN);
    let end = selection.end_unix_ns.map_or(i64::MAX, |end| end.saturating_sub(1));
    let times = vec![SqlValue::Int(start), SqlValue::Int(end)];
    match &selection.traces {
        Some(_) if table == Table::Metrics => Vec::new(),
        Some(traces) => traces.iter().map(|trace| [times.clone(), vec![trace.to_string().into()]].concat()).collect(),
        None => vec![times],
    }
}
