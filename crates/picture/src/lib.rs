//! Pictures of runs as SVG: self-contained files that need no script and no font, readable in light and in dark.
//!
//! Texts of others are escaped, cut to the room there is, and never become markup.

pub mod mermaid;
pub mod svg;
