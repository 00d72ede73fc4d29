//! The columns of a waterfall: labels, bars, durations, marks.

use flowglass_insight::axis;

use crate::branch::LEVEL_COLUMNS;

/// Columns between two marks of the axis, at least.
const TICK_COLUMNS: usize = 11;
/// Bars narrower than this say nothing and are left out.
const LEAST_BARS: usize = 8;
/// The mark at the end, and a space before it.
const MARK_COLUMNS: usize = 3;

/// Where the columns of a waterfall stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// How wide labels may be, lines of the tree included.
    pub(super) label: usize,
    /// How many levels of the tree are drawn.
    pub(super) levels: usize,
    /// Where bars begin.
    pub(super) bar_at: usize,
    /// How wide the bars' column is.
    pub(super) bars: usize,
    /// Behind the last column of the durations.
    pub(super) duration_end: usize,
}

/// A mark of the axis on its column, counted from the beginning of the bars.
pub(super) struct PlacedTick {
    pub(super) column: usize,
    pub(super) label: String,
}

impl Columns {
    /// Returns how many levels of a tree are drawn in this width.
    pub(super) const fn levels(width: usize) -> usize {
        let levels = width / 4 / LEVEL_COLUMNS;
        if levels == 0 { 1 } else { levels }
    }

    /// Divides a width among the columns, given how wide the widest label is, alone and with what its item works on, and how
    /// wide the widest duration is. For what items work on, bars give up less room than for names.
    pub(super) fn fit(width: usize, label: usize, with_item: usize, duration: usize) -> Self {
        let fixed = 1 + 1 + duration + MARK_COLUMNS;
        let label = label.min(width * 9 / 20).max(with_item.min(width * 2 / 5));
        let label = label.max(10).min(width.saturating_sub(fixed + LEAST_BARS));
        let bars = width.saturating_sub(label + fixed);
        let bars = if bars < LEAST_BARS { 0 } else { bars };
        Self { label, levels: Self::levels(width), bar_at: label + 1, bars, duration_end: width.saturating_sub(MARK_COLUMNS) }
    }

    /// Returns the marks of an axis of this length.
    pub(super) fn ticks(&self, duration_ns: u64) -> Vec<PlacedTick> {
        let ticks = axis::ticks(duration_ns, self.bars / TICK_COLUMNS);
        let parts = |offset_ns| super::plot::parts(offset_ns, duration_ns, self.bars);
        let place = |tick: axis::Tick| PlacedTick { column: column(parts(tick.offset_ns)), label: tick.label };
        ticks.into_iter().map(place).filter(|tick| tick.column < self.bars).collect()
    }
}

fn column(parts: u64) -> usize {
    usize::try_from(parts / crate::bar::PARTS).unwrap_or(usize::MAX)
}
