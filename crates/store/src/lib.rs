//! Stores that answer questions about recorded runs.
//!
//! [`SqliteStore`] is one file that several processes may write and read at once. A program records through its
//! [`SqliteSink`]; runs come back as [`RunRecord`]s, and spans as those of the model: whole traces, or those that a
//! [`SpanFilter`] lets through.

mod block;
mod error;
mod hash;
pub mod query;
mod retention;
mod run;
mod sketch;
mod span_filter;
mod sqlite;
mod statistics;

pub use error::{StoreError, StoreErrorKind};
pub use retention::{Forgotten, RetentionPolicy};
pub use run::{RunFilter, RunRecord, StoreInfo};
pub use span_filter::SpanFilter;
pub use sqlite::{Durability, SinkOptions, SqliteSink, SqliteStore};
pub use statistics::NameStatistics;
