//! Stores that answer questions about recorded runs.
//!
//! A [`Store`] takes batches through its sinks and answers queries (see [`query`]). [`SqliteStore`] is one file that several
//! processes may write and read at once, [`MemoryStore`] keeps things as long as its process lives; [`open`] and
//! [`create_or_open`] find the one that an address names.

mod address;
mod answer;
mod block;
mod check;
pub mod conformance;
mod copying;
mod error;
mod export;
mod file_layer;
mod hash;
mod import;
mod kept;
mod memory;
mod naming;
mod postgres;
pub mod query;
mod remembering;
mod retention;
mod rollup;
mod run;
mod selection;
mod sketch;
mod span_filter;
mod spooled;
mod sql;
mod sqlite;
mod statistics;
mod store;
mod virtual_tables;

pub use address::{create_or_open, create_or_open_with, open, open_with};
pub use answer::{FoundEvent, FoundLog, FoundPoint, FoundSpan, Page, Rows};
pub use check::{StoreCheck, StoreProblem};
pub(crate) use error::NAMED_RUNS;
pub use error::{StoreError, StoreErrorKind};
pub use export::Batches;
pub use import::{ImportTimes, Imported, Importer};
pub use memory::MemoryStore;
pub use postgres::{PostgresOptions, PostgresStore};
pub use remembering::RememberingStore;
pub use retention::{Forgotten, RetentionPolicy};
pub use rollup::RollupFilter;
pub use run::{Migration, RunFilter, RunRecord, StoreDetails, StoreInfo, WriterInfo};
pub use selection::Selection;
pub use span_filter::SpanFilter;
pub use sql::{SqlAnswer, SqlHeading, SqlQuestion, SqlReader};
pub use sqlite::{Durability, SinkOptions, SqliteSink, SqliteStore};
pub use statistics::NameStatistics;
pub use store::{Capabilities, Exported, Store, Survives};
pub use virtual_tables::{SqlColumn, SqlConnection, SqlLimits, SqlRow, SqlRows, SqlStatement, SqlTable, SqlValue, sql_tables};
