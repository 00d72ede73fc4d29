//! The layer between SQLite and the operating system: each page of a store's file carries a checksum, which is made when the page
//! is written and checked when it is read.
//!
//! SQLite finds only damage that breaks its own structures, and a row with a flipped bit is not among that. The layer passes
//! everything on to SQLite's own one for the platform (locks, shared memory, names) and looks only at whole pages of the main
//! file. The checksum stands in the last eight bytes of a page, which the header reserves, so that any SQLite can read the file.
//! Pages in the log are not touched: SQLite keeps checksums of its own there.

#[cfg(test)]
pub(crate) mod faults;
mod header;
mod page_sum;
#[cfg(test)]
pub(crate) mod power;
mod scan;
mod shim;
mod state;

pub(crate) use header::APPLICATION_ID;
pub(crate) use scan::damaged_pages;
pub(crate) use shim::{name, reserve};
