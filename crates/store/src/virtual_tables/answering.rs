//! One statement from its text to its last row.

use std::ops::ControlFlow;

use super::SqlConnection;
use crate::{SqlHeading, SqlQuestion, SqlReader, StoreError};

impl SqlConnection {
    /// Prepares a statement and hands out its rows until there are no more, or none are wanted.
    pub(crate) fn answer(&self, question: &SqlQuestion, reader: &mut dyn SqlReader) -> Result<(), StoreError> {
        let mut statement = self.prepare(&question.statement)?;
        let names = statement.columns().into_iter().map(str::to_owned);
        let columns: Vec<SqlHeading> =
            names.zip(statement.json_columns()).map(|(name, is_json)| SqlHeading { name, is_json }).collect();
        reader.columns(&columns);
        let mut rows = statement.query(&question.values)?;
        while let Some(row) = rows.next()? {
            let values = (0..columns.len()).map(|column| row.value(column)).collect();
            if let ControlFlow::Break(()) = reader.row(values) {
                break;
            }
        }
        Ok(())
    }
}
