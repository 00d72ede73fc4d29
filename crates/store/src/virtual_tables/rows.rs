//! Statements, and the rows that they find one by one.

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Batch, Connection, Statement, ToSql};

use super::refusal::{Wrong, failed};
use super::state::Shared;
use crate::StoreError;

/// A value that SQL tells or is told.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for SqlValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for SqlValue {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<ValueRef<'_>> for SqlValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

/// A statement that was read. Made by [`SqlConnection::prepare`](super::SqlConnection::prepare).
pub struct SqlStatement<'a> {
    statement: Statement<'a>,
    shared: &'a Shared,
}

impl std::fmt::Debug for SqlStatement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlStatement").field("statement", &self.statement).finish_non_exhaustive()
    }
}

impl<'a> SqlStatement<'a> {
    pub(super) fn new(connection: &'a Connection, shared: &'a Shared, text: &str) -> Result<Self, Wrong> {
        let mut statements = Batch::new(connection, text);
        let statement = statements.next()?.ok_or(Wrong::Empty)?;
        match statements.next() {
            Ok(None) if statement.readonly() => Ok(Self { statement, shared }),
            Ok(None) => Err(Wrong::Writing),
            _ => Err(Wrong::Several),
        }
    }

    /// Returns the names of the columns of its rows.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        self.statement.column_names().collect()
    }

    /// Returns which of the columns are JSON as it stands in a table: `attributes`, `resource`.
    #[must_use]
    pub fn json_columns(&self) -> Vec<bool> {
        let is_json = |column: &rusqlite::Column<'_>| column.decl_type().is_some_and(|kind| kind.starts_with("JSON"));
        self.statement.columns().map(|column| is_json(&column)).collect()
    }

    /// Finds the rows, with values for `?1`, `?2` and so on.
    ///
    /// # Errors
    /// `Sql` if there are not as many values as the statement has places for, `Corrupt`, `Busy`, `Io`.
    pub fn query(&mut self, values: &[SqlValue]) -> Result<SqlRows<'_>, StoreError> {
        let Self { statement, shared } = self;
        shared.lock().begin()?;
        let seen = Seen(shared);
        let rows = statement.query(rusqlite::params_from_iter(values)).map_err(|error| failed(shared, error))?;
        Ok(SqlRows { rows, seen })
    }
}

/// The rows of a statement, found as they are asked for.
pub struct SqlRows<'a> {
    rows: rusqlite::Rows<'a>,
    /// After the rows, so that the state of the store lasts as long as they do.
    seen: Seen<'a>,
}

impl std::fmt::Debug for SqlRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlRows").finish_non_exhaustive()
    }
}

impl SqlRows<'_> {
    /// Finds the next row; none when there are no more.
    ///
    /// # Errors
    /// `Limit` if it took too long or a value is too large, `Sql` if a function was given what it can't take, `Corrupt`,
    /// `Busy`, `Io`.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from the rows, which no iterator can say")]
    pub fn next(&mut self) -> Result<Option<SqlRow<'_>>, StoreError> {
        let row = self.rows.next().map_err(|error| failed(self.seen.0, error))?;
        Ok(row.map(|row| SqlRow { row }))
    }
}

/// One row.
#[derive(Debug)]
pub struct SqlRow<'a> {
    row: &'a rusqlite::Row<'a>,
}

impl SqlRow<'_> {
    /// Returns the value of a column, from 0; nothing beyond the last.
    #[must_use]
    pub fn value(&self, column: usize) -> SqlValue {
        self.row.get_ref(column).map_or(SqlValue::Null, SqlValue::from)
    }
}

/// Holds on to a state of the store while it lives.
struct Seen<'a>(&'a Shared);

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        self.0.lock().end();
    }
}
