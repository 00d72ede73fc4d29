//! Records as lines of JSON: everything that a batch can hold, and what is read is what was written.
//!
//! The first line says which version of this form it is. Each other line is an object whose `type` says what it is: `resource` (who
//! recorded the lines that name it by its number), `span`, `event`, `link`, `log`, `metric` (with its points) or `graph`.
//! Attributes are objects with plain values. What plain JSON can't say is an object with one key: `{"$bytes": "00ff"}`,
//! `{"$float": "NaN"}`, and `{"$map": [[key, value]]}` for a map that would look like one of these.

mod line;
mod reader;
mod real;
mod value;
mod writer;

pub use reader::{LineError, Reader};
pub use writer::Writer;

/// The version of the form, in the first line.
const VERSION: u32 = 1;
