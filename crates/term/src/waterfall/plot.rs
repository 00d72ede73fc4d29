//! One bar on the time axis, and what is written beside it.

use flowglass_insight::waterfall::Row;
use flowglass_insight::{quantity, text};
use flowglass_model::Status;

use super::columns::Columns;
use crate::Options;
use crate::bar::{Cell, PARTS, Texture, cells};
use crate::ink::Ink;
use crate::line::Line;

/// Draws a row's bar into a line that stands at the beginning of the bars. A note stands behind the bar, else before it; where
/// neither has room, what was cut short says so within.
pub(super) fn bar(line: &mut Line, row: &Row, total_ns: u64, columns: &Columns, options: Options) {
    if columns.bars == 0 {
        return;
    }
    let whole = columns.bars as u64 * PARTS;
    let from = parts(row.offset_ns, total_ns, columns.bars).min(whole - 1);
    let to = parts(row.end_ns(), total_ns, columns.bars).clamp(from + 1, whole);
    let ink = Ink::of(row.status, row.is_cached());
    let start = columns.bar_at + column(from);
    let end = columns.bar_at + column(to + PARTS - 1);
    let note = note(row).filter(|note| !note.is_empty());
    let width = note.as_ref().map_or(0, |note| text::width(&line.shown(note)) + 1);
    let fits_after = end + width <= columns.bar_at + columns.bars;
    let fits_before = columns.bar_at + width <= start;
    if let Some(note) = note.as_ref().filter(|_| !fits_after && fits_before) {
        line.pad_to(start - width).push(Ink::Dim, note);
    }
    line.pad_to(start);
    let cells: Vec<Cell> = cells(from, to, texture(row), ink, options).collect();
    let inside = note.as_ref().filter(|_| !fits_after && !fits_before && !row.is_cached());
    match inside.and_then(|note| Some((note, cells.get(width + 2..).filter(|behind| behind.len() > 1)?))) {
        Some((note, behind)) => {
            push_cells(line, &cells[..1]);
            line.push(Ink::Plain, " ").push(Ink::Dim, note).push(Ink::Plain, " ");
            push_cells(line, behind);
        }
        None => push_cells(line, &cells),
    }
    if let Some(note) = note.filter(|_| fits_after) {
        line.push(Ink::Plain, " ").push(Ink::Dim, &note);
    }
}

fn push_cells(line: &mut Line, cells: &[Cell]) {
    for cell in cells {
        line.push_cell(cell.style, cell.glyph);
    }
}

/// Returns where a time stands on an axis of this length and width, in eighths of a column.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place on a screen")]
pub(super) fn parts(offset_ns: u64, total_ns: u64, columns: usize) -> u64 {
    (offset_ns as f64 / total_ns.max(1) as f64 * columns as f64 * PARTS as f64).round() as u64
}

fn column(parts: u64) -> usize {
    usize::try_from(parts / PARTS).unwrap_or(usize::MAX)
}

fn texture(row: &Row) -> Texture {
    match row.status {
        _ if row.is_cached() => Texture::Light,
        _ if row.is_container() => Texture::Line,
        Status::Error => Texture::Dense,
        Status::Cancelled | Status::Skipped | Status::Interrupted => Texture::Faint,
        _ => Texture::Solid,
    }
}

fn note(row: &Row) -> Option<String> {
    match row.status {
        _ if row.is_cached() && row.saved_ms >= 1.0 => Some(format!("saved {}", quantity::duration_ms(row.saved_ms))),
        _ if row.is_cached() => Some("cached".to_owned()),
        Status::Running => Some("running".to_owned()),
        Status::Cancelled => Some("cancelled".to_owned()),
        Status::Interrupted => Some("interrupted".to_owned()),
        _ => None,
    }
}
