//! Pipeline files: TOML in, a graph of commands out.
