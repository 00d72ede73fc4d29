//! Asking any store in SQL: one statement that only reads, whose rows are handed out as they are found.

use std::ops::ControlFlow;

use crate::{SqlLimits, SqlValue};

/// A statement, the values for its places, and how much it may ask of the store.
///
/// ```
/// use flowglass_store::SqlQuestion;
///
/// let question = SqlQuestion::new("SELECT count(*) FROM spans WHERE status = ?1").with(["error".into()]);
/// assert_eq!(question.values.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SqlQuestion {
    /// One statement that only reads.
    pub statement: String,
    /// The values of its places: `?1`, `?2`, … in a file, `$1`, `$2`, … in PostgreSQL.
    pub values: Vec<SqlValue>,
    /// How much it may ask of the store.
    pub limits: SqlLimits,
}

impl SqlQuestion {
    /// Asks a statement that has no places, within the usual limits.
    #[must_use]
    pub fn new(statement: impl Into<String>) -> Self {
        Self { statement: statement.into(), values: Vec::new(), limits: SqlLimits::default() }
    }

    /// Adds values for the places.
    #[must_use]
    pub fn with(mut self, values: impl IntoIterator<Item = SqlValue>) -> Self {
        self.values.extend(values);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub const fn within(mut self, limits: SqlLimits) -> Self {
        self.limits = limits;
        self
    }
}

/// The name of a column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlHeading {
    /// What the column is called.
    pub name: String,
    /// Whether its texts are JSON as it stands in a table: `attributes`, `resource`.
    pub is_json: bool,
}

/// Takes the answer of a statement: its columns once, then row by row.
pub trait SqlReader {
    /// Takes the columns, before the first row and also where there is none.
    fn columns(&mut self, columns: &[SqlHeading]);

    /// Takes a row, a value for each column, and says whether to go on.
    fn row(&mut self, values: Vec<SqlValue>) -> ControlFlow<()>;
}

/// A whole answer in memory: for statements that find little.
///
/// ```
/// use flowglass_store::{SqlAnswer, SqlQuestion, SqlValue, SqliteStore, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SqliteStore::create_or_open(&folder.path().join("a.db"))?);
/// let mut answer = SqlAnswer::default();
/// store.answer_sql(&SqlQuestion::new("SELECT count(*) AS spans FROM spans"), &mut answer)?;
/// assert_eq!((answer.columns[0].name.as_str(), &answer.rows[0][0]), ("spans", &SqlValue::Int(0)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlAnswer {
    /// The columns.
    pub columns: Vec<SqlHeading>,
    /// The rows, a value for each column.
    pub rows: Vec<Vec<SqlValue>>,
}

impl SqlReader for SqlAnswer {
    fn columns(&mut self, columns: &[SqlHeading]) {
        self.columns = columns.to_vec();
    }

    fn row(&mut self, values: Vec<SqlValue>) -> ControlFlow<()> {
        self.rows.push(values);
        ControlFlow::Continue(())
    }
}
