//! Where each span lies, by its id: made for a statement that asks for spans by their ids alone, as joins do.

use flowglass_model::{Batch, SpanId};

use crate::StoreError;
use crate::sketch::zones::Zone;

/// An index takes 12 bytes a span; of more spans than this none is made, and blocks are looked through.
const MOST_ENTRIES: u64 = 5_000_000;

/// Which id of a span is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum IdKind {
    Span,
    Parent,
}

/// The blocks of all spans, in the order of an id.
pub(super) struct Index {
    zones: Vec<Zone>,
    /// Ids in their order, and in parallel the places of their blocks in `zones`.
    ids: Vec<SpanId>,
    places: Vec<u32>,
}

impl Index {
    /// Makes the index of these blocks; none if they hold too many spans.
    pub(super) fn make(
        kind: IdKind,
        zones: Vec<Zone>,
        mut load: impl FnMut(i64) -> Result<Batch, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        if zones.iter().map(|zone| zone.bounds.spans).sum::<u64>() > MOST_ENTRIES {
            return Ok(None);
        }
        let mut entries: Vec<(SpanId, u32)> = Vec::new();
        for (place, zone) in (0..).zip(&zones) {
            let spans = load(zone.block)?.spans;
            let mut ids = if kind == IdKind::Span { spans.span_id } else { spans.parent_id };
            ids.sort_unstable();
            ids.dedup();
            entries.extend(ids.into_iter().filter(|id| !id.is_none()).map(|id| (id, place)));
        }
        entries.sort_unstable();
        let (ids, places) = entries.into_iter().unzip();
        Ok(Some(Self { zones, ids, places }))
    }

    /// Returns the blocks that hold a span with this id.
    pub(super) fn blocks(&self, id: SpanId) -> Vec<Zone> {
        let start = self.ids.partition_point(|other| *other < id);
        let count = self.ids[start..].iter().take_while(|other| **other == id).count();
        self.places[start..start + count].iter().filter_map(|place| self.zones.get(*place as usize).copied()).collect()
    }
}
