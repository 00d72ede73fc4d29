//! The tables as plain ones in a SQLite file that any shell reads.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::connection::{SqlTable, connect_unlimited, sql_tables};
use super::module::Names;
use super::state::Shared;
use crate::{Selection, SqliteStore, StoreError, StoreErrorKind};

impl SqliteStore {
    /// Writes what is selected as plain tables into a new SQLite file, and returns how many rows there are: the tables of
    /// [`sql_tables`](super::sql_tables) without the columns of well-known attributes, and with indexes on ids, names and times.
    ///
    /// # Errors
    /// `NotWritable` if the file is there already or can't be written, `Corrupt`, `Full`, `Busy`, `Io`.
    pub fn copy_to_sqlite(&self, path: &Path, selection: &Selection) -> Result<u64, StoreError> {
        Self::refuse_to_replace(path)?;
        let shared = Shared::new(self.snapshot()?, None);
        shared.lock().begin()?;
        let copied = copy(&shared, path, selection).map_err(|error| {
            let reason = shared.lock().take_failure();
            reason.unwrap_or_else(|| StoreError::sqlite(path, "write to", error))
        });
        shared.lock().end();
        if copied.is_err() {
            // Half a copy is worth nothing; what was wrong is told in any case.
            let _ = std::fs::remove_file(path);
        }
        copied
    }

    /// A copy never takes the place of what is there.
    pub(crate) fn refuse_to_replace(path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            let message = format!("{} is there already; name a new file, or remove it", path.display());
            return Err(StoreError::new(StoreErrorKind::NotWritable, message));
        }
        Ok(())
    }
}

fn copy(shared: &Shared, path: &Path, selection: &Selection) -> rusqlite::Result<u64> {
    let connection = connect_unlimited(shared, Names::All)?;
    connection.execute("ATTACH ?1 AS copy", [path.to_string_lossy()])?;
    // The file is new: there is nothing to protect until it is whole.
    connection.execute_batch("PRAGMA copy.journal_mode = OFF; PRAGMA copy.synchronous = OFF; BEGIN")?;
    let mut rows = 0;
    for plan in sql_tables().into_iter().map(Plan::of) {
        rows += plan.copy(&connection, selection)?;
    }
    connection.execute_batch("COMMIT; PRAGMA copy.synchronous = FULL")?;
    Ok(rows)
}

/// How one table is copied.
struct Plan {
    name: &'static str,
    /// Names, and the types of the copy.
    columns: Vec<(String, &'static str)>,
}

impl Plan {
    fn of(table: SqlTable) -> Self {
        let shown = table.columns.into_iter().filter(|column| !column.is_attribute && !column.is_alias);
        Self { name: table.name, columns: shown.map(|column| (column.name, affinity(column.kind))).collect() }
    }

    fn copy(&self, connection: &Connection, selection: &Selection) -> rusqlite::Result<u64> {
        connection.execute_batch(&self.declaration())?;
        let (statement, times) = self.statement(selection);
        let mut insert = connection.prepare(&statement)?;
        let mut rows = 0;
        match (&selection.traces, self.has("trace_id")) {
            (Some(traces), true) => {
                for trace in traces {
                    let values = [times.clone(), vec![Value::Text(trace.to_string())]].concat();
                    rows += insert.execute(rusqlite::params_from_iter(values))?;
                }
            }
            // Metrics and roll-ups belong to no trace.
            (Some(_), false) => {}
            (None, _) => rows += insert.execute(rusqlite::params_from_iter(times))?,
        }
        for column in ["trace_id", "span_id", "name", "start", "time"].into_iter().filter(|column| self.has(column)) {
            connection.execute_batch(&format!("CREATE INDEX copy.{}_{column} ON {} ({column})", self.name, self.name))?;
        }
        Ok(rows as u64)
    }

    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    fn declaration(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|(name, kind)| format!("\"{name}\" {kind}")).collect();
        format!("CREATE TABLE copy.{} ({})", self.name, columns.join(", "))
    }

    /// Returns the statement that copies, and the values of its times.
    fn statement(&self, selection: &Selection) -> (String, Vec<Value>) {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let time = ["unix_ns", "start_unix_ns"].into_iter().find(|name| self.has(name));
        let is_bound = selection.start_unix_ns.is_some() || selection.end_unix_ns.is_some();
        let mut conditions = vec!["?1 <= ?2".to_owned()];
        conditions.extend(time.filter(|_| is_bound).map(|time| format!("{time} >= ?1 AND {time} < ?2")));
        if selection.traces.is_some() && self.has("trace_id") {
            conditions.push("trace_id = ?3".to_owned());
        }
        let name = self.name;
        let text =
            format!("INSERT INTO copy.{name} SELECT {} FROM main.{name} WHERE {}", names.join(", "), conditions.join(" AND "));
        let start = Value::Integer(selection.start_unix_ns.unwrap_or(i64::MIN));
        let end = Value::Integer(selection.end_unix_ns.unwrap_or(i64::MAX));
        (text, vec![start, end])
    }
}

/// Returns the type of a column of the copy.
fn affinity(kind: &str) -> &'static str {
    match kind {
        "integer" => "INTEGER",
        "real" => "REAL",
        "any" => "",
        // Moments are in their order as texts, too.
        _ => "TEXT",
    }
}
