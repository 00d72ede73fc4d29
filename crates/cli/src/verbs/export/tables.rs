//! One table of `flowglass sql` as CSV.

use std::ops::ControlFlow;

use flowglass::store::{Selection, SqlHeading, SqlLimits, SqlQuestion, SqlReader, SqlValue, Store};

use super::arguments::Table;
use crate::failure::Failure;
use crate::json::start_text;
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

    /// The column of times, and a time as it is written there.
    fn time(self, unix_ns: i64) -> (&'static str, String) {
        match self {
            Self::Runs | Self::Spans => ("start_unix_ns", unix_ns.to_string()),
            Self::Events | Self::Metrics | Self::Logs => ("unix_ns", unix_ns.to_string()),
            Self::Attributes => ("time", format!("'{}'", start_text(unix_ns, true))),
        }
    }

    const fn has_traces(self) -> bool {
        !matches!(self, Self::Metrics)
    }
}

/// Writes the rows of a table, and says how many.
pub(super) fn csv(store: &dyn Store, table: Table, selection: &Selection, output: &mut Output) -> Result<String, Failure> {
    let mut lines = Lines { output, out: Vec::new(), is_begun: false, count: 0, failed: None, is_over: false };
    for statement in statements(table, selection) {
        let limits = SqlLimits { time: None, ..SqlLimits::default() };
        store.answer_sql(&SqlQuestion::new(statement).within(limits), &mut lines)?;
        if lines.is_over {
            break;
        }
    }
    let count = lines.finish()?;
    Ok(format!("exported {count} rows of {}", table.name()))
}

/// Returns the statements that find the rows: one for each trace that is asked for. Ids and times need no quoting.
fn statements(table: Table, selection: &Selection) -> Vec<String> {
    let bound = |unix_ns: Option<i64>, sign: &str| {
        unix_ns.map(|unix_ns| table.time(unix_ns)).map(|(column, time)| format!("{column} {sign} {time}"))
    };
    let times: Vec<String> =
        bound(selection.start_unix_ns, ">=").into_iter().chain(bound(selection.end_unix_ns, "<")).collect();
    let select = |conditions: Vec<String>| {
        let all = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        format!("SELECT * FROM {}{all}", table.name())
    };
    match &selection.traces {
        None => vec![select(times)],
        // No rows at all: what belongs to no trace, or to none of them.
        Some(traces) if traces.is_empty() || !table.has_traces() => vec![select(vec!["1 = 0".to_owned()])],
        Some(traces) => {
            let of = |trace: &_| select([times.clone(), vec![format!("trace_id = '{trace}'")]].concat());
            traces.iter().map(of).collect()
        }
    }
}

/// Writes rows as lines, below one line of titles.
struct Lines<'a> {
    output: &'a mut Output,
    out: Vec<u8>,
    is_begun: bool,
    count: u64,
    failed: Option<Failure>,
    /// Whether nobody reads any more, or nothing can be written.
    is_over: bool,
}

impl Lines<'_> {
    fn put(&mut self) -> ControlFlow<()> {
        match self.output.put(&mut self.out) {
            Ok(true) => return ControlFlow::Continue(()),
            Ok(false) => {}
            Err(failure) => self.failed = Some(failure),
        }
        self.is_over = true;
        ControlFlow::Break(())
    }

    fn finish(mut self) -> Result<u64, Failure> {
        if !self.is_over {
            let _ = self.put();
        }
        self.failed.map_or(Ok(self.count), Err)
    }
}

impl SqlReader for Lines<'_> {
    fn columns(&mut self, columns: &[SqlHeading]) {
        if !std::mem::replace(&mut self.is_begun, true) {
            Csv.begin(columns, &mut self.out);
        }
    }

    fn row(&mut self, values: Vec<SqlValue>) -> ControlFlow<()> {
        self.count += 1;
        Csv.row(values, &mut self.out);
        self.put()
    }
}
