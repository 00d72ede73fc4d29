//! What events, logs and points have in common: blocks that hold some of them, and rows that a condition lets through.

use flowglass_model::{AttributeColumns, Batch};

use crate::SpanFilter;
use crate::StoreError;
use crate::sketch::zones::Zone;
use crate::sqlite::Depth;
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::json::pairs;
use crate::virtual_tables::ordered::{self, By, TimeOf};
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::Shared;
use crate::virtual_tables::table::{Picked, Rows, Scan};

/// How the rows of one kind of record are found in a block.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Whether the name that is asked for is that of a metric.
    pub(super) is_metric: bool,
    /// Returns the rows of a block that a filter lets through.
    pub(super) pick: fn(&Batch, &SpanFilter) -> Vec<u32>,
    /// Returns when a record happened.
    pub(super) time: TimeOf<Batch>,
}

/// Walks over the blocks that may hold what is wanted.
pub(super) fn scan(shared: &Shared, wanted: Wanted, kind: Kind) -> Result<Scan<Batch>, StoreError> {
    let Wanted { filter, order, .. } = wanted;
    let name = filter.name.as_deref().filter(|_| kind.is_metric);
    let times = filter.min_start_unix_ns..filter.end_start_unix_ns;
    let zones = shared.lock().snapshot.blocks_with_others(times, filter.trace_id, name)?;
    let shared = shared.clone();
    let load = move |zone: &Zone| {
        let chunk = shared.lock().load(zone.block, Depth::Whole)?;
        let picked = Picked::These((kind.pick)(&chunk, &filter));
        Ok(Rows { chunk, picked })
    };
    if let Some(order) = order {
        let times = |zone: &Zone| (zone.bounds.others.min_unix_ns, zone.bounds.others.max_unix_ns);
        return Ok(ordered::scan(By { order, times, time: kind.time }, Vec::new(), zones, load));
    }
    let mut zones = zones.into_iter();
    Ok(Box::new(move || zones.next().map(|zone| load(&zone)).transpose()))
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
