//! Pipeline files: TOML in, a graph of commands out.

mod bind;
mod command_node;
pub mod content_key;
pub mod data;
pub mod diagnostic;
pub mod error;
pub mod file;
mod link;
mod load;
pub mod parse_output;
mod paths;
pub mod pipeline;
mod prepare;
pub mod process;
mod read;
pub mod retry;
pub mod source;
pub mod template;
