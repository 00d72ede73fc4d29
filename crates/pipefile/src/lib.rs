//! Pipeline files: TOML in, a graph of commands out.

pub mod data;
pub mod diagnostic;
pub mod duration;
pub mod error;
pub mod file;
mod link;
mod load;
pub mod nearest;
pub mod parse_output;
mod read;
pub mod retry;
pub mod source;
pub mod template;
