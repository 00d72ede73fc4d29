//! Tables that fit: columns that matter less go first, one column gives way.

use std::borrow::Cow;

use flowglass_insight::text;

use crate::Options;
use crate::ink::Ink;
use crate::line::{Line, shown};

/// Columns between two columns of a table.
const GAP: usize = 2;

/// One column of a table.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) title: Cow<'static, str>,
    /// Whether it is numbers, which end at the same place.
    pub(crate) is_right: bool,
    /// Whether it may be cut down to this many columns.
    pub(crate) least: Option<usize>,
    /// Columns of the highest rank are left out first; rank 0 always stays.
    pub(crate) rank: u8,
    pub(crate) cells: Vec<Cell>,
}

/// One cell: pieces of text, each in its ink.
pub(crate) type Cell = Vec<(Ink, String)>;

impl Column {
    pub(crate) const fn text(title: &'static str, rank: u8, cells: Vec<Cell>) -> Self {
        Self { title: Cow::Borrowed(title), is_right: false, least: None, rank, cells }
    }

    pub(crate) fn numbers(title: &'static str, rank: u8, cells: impl Iterator<Item = String>) -> Self {
        let cells = cells.map(|text| vec![(Ink::Plain, text)]).collect();
        Self { title: Cow::Borrowed(title), is_right: true, least: None, rank, cells }
    }

    pub(crate) fn flexible(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    pub(crate) fn width(&self, options: Options) -> usize {
        let cells = self.cells.iter().map(|cell| cell_width(cell, options));
        cells.max().unwrap_or(0).max(text::width(&shown(&self.title, options)))
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.iter().all(|(_, text)| text.is_empty()))
    }
}

/// Draws a table: a line of titles and a line a row.
pub(crate) fn draw(mut columns: Vec<Column>, options: Options) -> Vec<Line> {
    columns.retain(|column| column.rank == 0 || !column.is_empty());
    let mut widths: Vec<usize> = columns.iter().map(|column| column.width(options)).collect();
    leave_out(&mut columns, &mut widths, options.width);
    give_way(&columns, &mut widths, options.width);
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    let title = |column: &Column| vec![(Ink::Dim, column.title.clone().into_owned())];
    let titles = draw_row(columns.iter().map(|column| (column, title(column))), &widths, options);
    let row = |at: usize| columns.iter().map(move |column| (column, column.cells.get(at).cloned().unwrap_or_default()));
    std::iter::once(titles).chain((0..rows).map(|at| draw_row(row(at), &widths, options))).collect()
}

fn draw_row<'a>(cells: impl Iterator<Item = (&'a Column, Cell)>, widths: &[usize], options: Options) -> Line {
    let mut line = Line::new(options);
    let mut from = 0;
    for ((column, cell), &width) in cells.zip(widths) {
        let indent = if column.is_right { width.saturating_sub(cell_width(&cell, options)) } else { 0 };
        line.pad_to(from + indent);
        let mut room = width;
        for (ink, text) in cell {
            line.push_cut(ink, &text, room);
            room = room.saturating_sub(text::width(&shown(&text, options)));
        }
        from += width + GAP;
    }
    line
}

fn leave_out(columns: &mut Vec<Column>, widths: &mut Vec<usize>, width: usize) {
    let least = |columns: &[Column], widths: &[usize]| {
        let each = columns.iter().zip(widths).map(|(column, &width)| column.least.map_or(width, |least| least.min(width)));
        each.sum::<usize>() + GAP * columns.len().saturating_sub(1)
    };
    while least(columns, widths) > width {
        let last = columns.iter().enumerate().filter(|(_, column)| column.rank > 0).max_by_key(|(_, column)| column.rank);
        let Some((at, _)) = last else { return };
        columns.remove(at);
        widths.remove(at);
    }
}

fn give_way(columns: &[Column], widths: &mut [usize], width: usize) {
    let mut excess = (widths.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1)).saturating_sub(width);
    for (column, width) in columns.iter().zip(widths).rev() {
        let gives = column.least.map_or(0, |least| width.saturating_sub(least)).min(excess);
        *width -= gives;
        excess -= gives;
    }
}

fn cell_width(cell: &Cell, options: Options) -> usize {
    cell.iter().map(|(_, text)| text::width(&shown(text, options))).sum()
}
