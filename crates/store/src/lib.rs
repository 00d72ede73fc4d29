//! Stores that answer questions about recorded runs.
//!
//! [`SqliteStore`] is one file that several processes may write and read at once. A program records through its
//! [`SqliteSink`]; runs come back as [`RunRecord`]s and traces as spans of the model.

mod error;
pub mod query;
mod run;
mod segment;
mod sqlite;

pub use error::{StoreError, StoreErrorKind};
pub use run::{RunFilter, RunRecord, StoreInfo};
pub use sqlite::{Durability, SinkOptions, SqliteSink, SqliteStore};
