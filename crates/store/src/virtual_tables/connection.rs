//! The connection that SQL statements are asked on, and what there is to ask.

use std::cell::OnceCell;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use super::column::Column;
use super::module::{Names, register};
use super::moment;
use super::refusal::{Wrong, refusal};
use super::rows::SqlStatement;
use super::state::Shared;
use super::table::Table;
use super::tables::{Attributes, Events, Logs, Metrics, Rollups, Runs, Spans};
use crate::{SqliteStore, StoreError};

/// How often a statement is asked whether its time is over, in instructions of SQLite's machine.
const INSTRUCTIONS: i32 = 10_000;
/// What SQLite keeps of sorted and grouped rows in memory, in KiB, before it uses a temporary file.
const CACHE_KIB: i64 = 16 << 10;

/// How much a statement may ask of its computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// The longest that a statement may take; one minute by default, nothing for no end.
    pub time: Option<Duration>,
    /// The longest text, byte string or row, in bytes; 64 MiB by default. Rows that are sorted or grouped go to temporary files
    /// beyond some memory, so that this bounds what a statement takes.
    pub value_bytes: u32,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self { time: Some(Duration::from_secs(60)), value_bytes: 64 << 20 }
    }
}

/// Asks a store in SQL, and can't change it. Made by [`SqliteStore::sql`].
///
/// The tables are those of [`sql_tables`]. Each statement sees one state of the store, also while others write.
///
/// ```
/// use flowglass_store::{SqlLimits, SqlValue, SqliteStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db"))?;
/// let sql = store.sql(SqlLimits::default())?;
/// let mut statement = sql.prepare("SELECT count(*) AS failed FROM spans WHERE status = ?1")?;
/// assert_eq!(statement.columns(), ["failed"]);
/// let mut rows = statement.query(&["error".into()])?;
/// while let Some(row) = rows.next()? {
///     assert_eq!(row.value(0), SqlValue::Int(0));
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct SqlConnection {
    connection: Connection,
    /// The same tables without other names of columns, once a statement was ambiguous with them.
    own_names: OnceCell<Connection>,
    shared: Shared,
    limits: SqlLimits,
}

impl std::fmt::Debug for SqlConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlConnection").field("path", &self.shared.lock().snapshot.path()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a connection that answers SQL.
    ///
    /// # Errors
    /// `Newer`, `Corrupt`, `Busy`, `Io`.
    pub fn sql(&self, limits: SqlLimits) -> Result<SqlConnection, StoreError> {
        let shared = Shared::new(self.snapshot()?, limits.time);
        let connection =
            connect(&shared, Names::All, limits).map_err(|error| StoreError::sqlite(self.path(), "read", error))?;
        Ok(SqlConnection { connection, own_names: OnceCell::new(), shared, limits })
    }
}

impl SqlConnection {
    /// Reads a statement: one `SELECT`, `VALUES`, `WITH …` or `EXPLAIN`.
    ///
    /// # Errors
    /// `Sql`: the message shows the place and, where there is one, the name that was probably meant.
    pub fn prepare(&self, statement: &str) -> Result<SqlStatement<'_>, StoreError> {
        let read = |connection| SqlStatement::new(connection, &self.shared, statement);
        let read_otherwise = |wrong: Wrong| match self.with_own_names(&wrong) {
            Some(connection) => read(connection).map_err(|other| if other.is_ambiguous() { other } else { wrong }),
            None => Err(wrong),
        };
        read(&self.connection).or_else(read_otherwise).map_err(|wrong| refusal(statement, wrong))
    }

    /// Returns where no alias can be what makes a name ambiguous, if a name is.
    fn with_own_names(&self, wrong: &Wrong) -> Option<&Connection> {
        if !wrong.is_ambiguous() {
            return None;
        }
        if self.own_names.get().is_none() {
            // Without memory for it, the first message stands.
            let _ = self.own_names.set(connect(&self.shared, Names::Own, self.limits).ok()?);
        }
        self.own_names.get()
    }

    /// Returns how many blocks were opened so far.
    #[cfg(test)]
    pub(super) fn opened_blocks(&self) -> u64 {
        self.shared.lock().opened_blocks()
    }
}

fn connect(shared: &Shared, names: Names, limits: SqlLimits) -> rusqlite::Result<Connection> {
    let mut connection = connect_unlimited(shared, names)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(limits.value_bytes).unwrap_or(i32::MAX))?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let watched = shared.clone();
    connection.progress_handler(INSTRUCTIONS, Some(move || watched.lock().is_over()))?;
    connection.authorizer(Some(authorize))?;
    Ok(connection)
}

/// Makes a connection that has the tables, and on which everything is allowed.
pub(super) fn connect_unlimited(shared: &Shared, names: Names) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.create_collation(moment::COLLATION, moment::compare)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "FILE")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    register::<Runs>(&connection, shared, names)?;
    register::<Spans>(&connection, shared, names)?;
    register::<Events>(&connection, shared, names)?;
    register::<Metrics>(&connection, shared, names)?;
    register::<Logs>(&connection, shared, names)?;
    register::<Attributes>(&connection, shared, names)?;
    register::<Rollups>(&connection, shared, names)?;
    Ok(connection)
}

/// Lets statements look, and do nothing else: not to other files, not to settings.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => Authorization::Allow,
        // Names of columns, as `pragma_table_info('spans')` and shells ask for them.
        AuthAction::Pragma { pragma_name, .. } if is_about_tables(pragma_name) => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

fn is_about_tables(pragma: &str) -> bool {
    ["table_info", "table_xinfo"].iter().any(|known| pragma.eq_ignore_ascii_case(known))
}

/// A table that SQL statements can ask.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlTable {
    /// What it is called.
    pub name: &'static str,
    /// What its rows are.
    pub meaning: &'static str,
    /// Its columns, in their order.
    pub columns: Vec<SqlColumn>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlColumn {
    /// What it is called.
    pub name: String,
    /// What its values are: `text`, `time`, `integer`, `real`, `json`, `any`.
    pub kind: &'static str,
    /// What it tells; empty for a well-known attribute.
    pub meaning: &'static str,
    /// Whether it is the well-known attribute with this name, with `_` for each dot, which `*` leaves out.
    pub is_attribute: bool,
    /// Whether it is another name of a column, which `*` leaves out.
    pub is_alias: bool,
}

/// Returns the tables that SQL statements can ask.
#[must_use]
pub fn sql_tables() -> Vec<SqlTable> {
    vec![
        table::<Runs>(),
        table::<Spans>(),
        table::<Events>(),
        table::<Metrics>(),
        table::<Logs>(),
        table::<Attributes>(),
        table::<Rollups>(),
    ]
}

fn table<T: Table>() -> SqlTable {
    let column = |column: &Column<T::Chunk>| SqlColumn {
        name: column.name.to_string(),
        kind: column.kind.told(),
        meaning: column.meaning,
        is_attribute: column.is_attribute(),
        is_alias: column.is_alias,
    };
    SqlTable { name: T::NAME, meaning: T::MEANING, columns: T::columns().iter().map(column).collect() }
}
