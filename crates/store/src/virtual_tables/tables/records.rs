//! What events, logs and points have in common: blocks that hold some of them, and rows that a condition lets through.

use flowglass_model::{AttributeColumns, Batch};

use crate::SpanFilter;
use crate::StoreError;
use crate::sqlite::Depth;
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::json::pairs;
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::Shared;
use crate::virtual_tables::table::{Picked, Rows, Scan};

/// Walks over the blocks that may hold what is wanted, and picks rows of each by `pick`, which gets the filter.
pub(super) fn scan(
    shared: &Shared,
    wanted: Wanted,
    metric: bool,
    pick: fn(&Batch, &SpanFilter) -> Vec<u32>,
) -> Result<Scan<Batch>, StoreError> {
    let name = wanted.filter.name.as_deref().filter(|_| metric);
    let zones = shared.lock().snapshot.blocks_with_others(wanted.filter.trace_id, name)?;
    let (shared, mut zones) = (shared.clone(), zones.into_iter());
    Ok(Box::new(move || {
        let Some(zone) = zones.next() else { return Ok(None) };
        let chunk = shared.lock().load(zone.block, Depth::Whole)?;
        let picked = Picked::These(pick(&chunk, &wanted.filter));
        Ok(Some(Rows { chunk, picked }))
    }))
}

/// Returns the rows of a table with so many for which something holds.
pub(super) fn rows_where(count: usize, holds: impl Fn(usize) -> bool) -> Vec<u32> {
    (0..u32::try_from(count).unwrap_or(u32::MAX)).filter(|row| holds(*row as usize)).collect()
}

/// Says whether a time lies where the filter wants it.
pub(super) fn is_timely(filter: &SpanFilter, unix_ns: i64) -> bool {
    (filter.min_start_unix_ns..filter.end_start_unix_ns).contains(&unix_ns)
}

/// Returns the value of an attribute of a row; the last, if it has several of this name.
pub(super) fn attribute_of<'a>(batch: &'a Batch, columns: &'a AttributeColumns, row: usize, name: &str) -> Cell<'a> {
    let found = pairs(columns, row).filter(|(key, _)| batch.arena.bytes(*key) == name.as_bytes()).last();
    found.map_or(Cell::Null, |(_, value)| Cell::scalar(batch, value))
}

/// Shows who recorded a batch, as JSON.
pub(super) fn resource(batch: &Batch) -> Cell<'_> {
    Cell::Text(crate::virtual_tables::json::owned(&batch.resource.attributes).into())
}
