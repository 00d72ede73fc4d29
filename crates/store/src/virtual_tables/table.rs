//! What every table is: its name, its columns, and a scan that finds its rows chunk by chunk.

use std::sync::Arc;

use super::cell::Cell;
use super::column::{Column, Read};
use super::ordered::Order;
use super::plan::Wanted;
use super::state::Shared;
use crate::StoreError;

/// A table of the SQL connection.
pub(super) trait Table: Sized + 'static {
    /// Some rows that were read at once.
    type Chunk: 'static;
    /// What it is called.
    const NAME: &'static str;
    /// What its rows are, in a sentence.
    const MEANING: &'static str;

    /// Returns its columns, those that `*` leaves out behind the others.
    fn columns() -> &'static [Column<Self::Chunk>];

    /// Says whether a scan can find rows in this order of their times.
    fn has_order(_: Order) -> bool {
        false
    }

    /// Begins to look for rows.
    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Self::Chunk>, StoreError>;

    /// Returns the value of an attribute of a row.
    fn attribute<'a>(chunk: &'a Self::Chunk, row: usize, name: &str) -> Cell<'a>;

    /// Returns the value of a column of a row.
    fn cell(chunk: &Self::Chunk, row: usize, column: usize) -> Cell<'_> {
        match Self::columns().get(column).map(|column| &column.read) {
            Some(Read::Of(read)) => read(chunk, row),
            Some(Read::Attribute(name)) => Self::attribute(chunk, row, name),
            None => Cell::Null,
        }
    }
}

/// Finds the next rows; none when there are no more.
pub(super) type Scan<C> = Box<dyn FnMut() -> Result<Option<Rows<C>>, StoreError>>;

/// Rows of one chunk.
pub(super) struct Rows<C> {
    pub(super) chunk: Arc<C>,
    pub(super) picked: Picked,
}

/// Which rows of a chunk are meant.
pub(super) enum Picked {
    /// So many of the first.
    First(usize),
    These(Vec<u32>),
}

impl Picked {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::First(count) => *count,
            Self::These(rows) => rows.len(),
        }
    }

    pub(super) fn get(&self, at: usize) -> usize {
        match self {
            Self::First(_) => at,
            Self::These(rows) => rows.get(at).map_or(0, |row| *row as usize),
        }
    }
}

impl<C> Rows<C> {
    pub(super) fn all(chunk: Arc<C>, count: usize) -> Self {
        Self { chunk, picked: Picked::First(count) }
    }
}
