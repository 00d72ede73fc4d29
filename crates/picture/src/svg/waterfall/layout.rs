//! Where things stand on the card, in pixels.

use flowglass_insight::waterfall::Row;
use flowglass_insight::{Waterfall, quantity, text};

use crate::svg::markup::{columns_in, text_px};

/// Space between the card's edge and what is on it.
pub(super) const PADDING: f64 = 24.0;
/// Height of the header, above the axis.
pub(super) const HEADER: f64 = 68.0;
/// Height of the axis, above the rows.
pub(super) const AXIS: f64 = 28.0;
/// Height of a row.
pub(super) const ROW: f64 = 26.0;
/// Height of a message below a row.
pub(super) const MESSAGE: f64 = 18.0;
/// Size of labels.
pub(super) const FONT: f64 = 12.5;
/// Size of small text.
pub(super) const SMALL: f64 = 11.0;
/// Width of one level of the tree.
pub(super) const INDENT: f64 = 16.0;
/// Levels of the tree that are indented; what is deeper stands below each other.
pub(super) const LEVELS: usize = 10;
/// Columns that what an item works on takes, at most.
const ITEM_COLUMNS: usize = 40;
/// Fewer columns than this of what an item works on say nothing.
const LEAST_ITEM: usize = 6;
/// Room for the mark behind a duration.
pub(super) const ICON: f64 = 20.0;

/// The columns of a card.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) width: f64,
    /// Where labels end.
    pub(super) label_end: f64,
    pub(super) bars_from: f64,
    pub(super) bars_to: f64,
    /// Where durations end.
    pub(super) duration_end: f64,
    total_ns: u64,
}

impl Layout {
    pub(super) fn new(waterfall: &Waterfall, width: u32) -> Self {
        let width = f64::from(width.max(480));
        let spans = waterfall.rows().iter().filter(|row| row.folded.is_none());
        let label = spans.map(|row| {
            let item = item(row, ITEM_COLUMNS).map_or(0.0, |item| text_px(&item, SMALL) + 6.0);
            indent(row) + text_px(&text::clean(&row.label), FONT) + item + text_px(&suffix(row), SMALL) + 8.0
        });
        let durations = waterfall.rows().iter().map(|row| text_px(&quantity::duration(row.duration_ns), FONT));
        let label_end = PADDING + label.fold(90.0, f64::max).min(width * 0.36);
        let duration_end = width - PADDING - ICON;
        let bars_from = label_end + 16.0;
        let bars_to = duration_end - durations.fold(40.0, f64::max) - 14.0;
        Self { width, label_end, bars_from, bars_to, duration_end, total_ns: waterfall.duration_ns }
    }

    /// Returns where a time stands on the axis.
    #[expect(clippy::cast_precision_loss, reason = "a place on a picture")]
    pub(super) fn x(&self, offset_ns: u64) -> f64 {
        let share = offset_ns as f64 / self.total_ns.max(1) as f64;
        self.bars_from + share.min(1.0) * (self.bars_to - self.bars_from)
    }

    /// Returns how many marks the axis has room for.
    pub(super) fn ticks(&self) -> usize {
        columns_in(self.bars_to - self.bars_from, SMALL) / 12
    }

    /// Returns how many columns of text have room from a place to the right edge.
    pub(super) fn columns_to_edge(&self, from: f64) -> usize {
        columns_in(self.width - PADDING - from, SMALL)
    }
}

/// Returns how far a row is indented.
#[expect(clippy::cast_precision_loss, reason = "ten levels at most")]
pub(super) fn indent(row: &Row) -> f64 {
    row.depth.min(LEVELS) as f64 * INDENT
}

/// Returns what an item works on, in at most so many columns; none where they are too few to say anything.
pub(super) fn item(row: &Row, columns: usize) -> Option<String> {
    let item = text::clean(row.item.as_deref()?);
    let says_something = columns >= LEAST_ITEM.min(text::width(&item));
    says_something.then(|| text::shorten(&item, columns.min(ITEM_COLUMNS), "…").into_owned())
}

/// Returns what stands small behind a label: a map's size, the attempt.
pub(super) fn suffix(row: &Row) -> String {
    let size = row.map.map(|map| format!("×{}", quantity::count(map.total)));
    let attempt = row.attempt.map(|attempt| format!("attempt {attempt}"));
    [size, attempt].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
