//! SQL over a store: SQLite's tables whose rows are read from the store's blocks when a statement asks for them.
//!
//! A [`SqlConnection`] is a SQLite database in memory that holds nothing but virtual tables, so that no statement can reach,
//! let alone change, the store's file. `module` and `table` make one of ours SQLite's; `plan` says which conditions a scan
//! understands, `state` is what all scans of a connection share.

mod answering;
mod cell;
mod column;
mod connection;
mod copy;
mod index;
mod json;
mod module;
mod moment;
mod ordered;
mod plan;
mod refusal;
mod rows;
mod state;
mod table;
mod tables;
#[cfg(test)]
mod tests;

pub use connection::{SqlColumn, SqlConnection, SqlLimits, SqlTable, sql_tables};
pub use rows::{SqlRow, SqlRows, SqlStatement, SqlValue};
pub(crate) use state::Shared;
