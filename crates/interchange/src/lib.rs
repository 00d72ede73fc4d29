//! Records as files that other programs read, and back.
//!
//! [`jsonl`] writes everything that a batch can hold, a record a line, and reads it back as it was. [`chrome`] writes runs for viewers of
//! traces. [`Documents`] takes a file of JSON apart, however it is laid out, without holding more than one document.

pub mod chrome;
mod documents;
pub mod jsonl;

pub use documents::{DocumentError, Documents};
