//! The waterfall: rows of a tree, each with a bar on one time axis.
//!
//! Thin bars hold others, thick bars are work, light ones came from the cache. Below a failed row stands why.

mod columns;
mod plot;

use flowglass_insight::waterfall::Row;
use flowglass_insight::{Guide, Waterfall, quantity, text};

use crate::Options;
use crate::branch::{below, branch, branch_columns};
use crate::ink::Ink;
use crate::line::Line;
use crate::mark::mark;
use columns::Columns;

/// What an item works on makes the labels' column wider by at most so many columns.
const ITEM_COLUMNS: usize = 40;

/// Draws a waterfall: an axis, then a line a row, and one more below what failed. Each line ends with a line break.
#[must_use]
pub fn render(waterfall: &Waterfall, options: &Options) -> String {
    if waterfall.rows().is_empty() {
        return "no spans\n".to_owned();
    }
    let drawing = Drawing::new(waterfall, *options);
    let rows = (0..waterfall.rows().len()).flat_map(|at| [Some(drawing.row(at)), drawing.error(at)]);
    let lines = std::iter::once(drawing.axis()).chain(rows.flatten());
    lines.map(|line| line.finish() + "\n").collect()
}

struct Drawing<'a> {
    waterfall: &'a Waterfall,
    guides: Vec<Guide>,
    columns: Columns,
    /// Whether a row's failure is told by a row below it.
    told_below: Vec<bool>,
    options: Options,
}

impl<'a> Drawing<'a> {
    fn new(waterfall: &'a Waterfall, options: Options) -> Self {
        let guides = waterfall.guides();
        let told_below = waterfall.told_below();
        let mut drawing = Self { columns: Columns::default(), waterfall, guides, told_below, options };
        drawing.columns = drawing.measure();
        drawing
    }

    fn measure(&self) -> Columns {
        let rows = self.waterfall.rows();
        let levels = Columns::levels(self.options.width);
        let label = |(at, row): (usize, &Row)| {
            let names = text::width(&crate::line::shown(&row.label, self.options)) + text::width(&self.suffix(row));
            branch_columns(&self.guides[at], levels) + names
        };
        let with_item = |(at, row): (usize, &Row)| {
            let item = crate::line::shown(row.item.as_deref()?, self.options);
            Some(label((at, row)) + 1 + text::width(&item).min(ITEM_COLUMNS))
        };
        let spans = || rows.iter().enumerate().filter(|(_, row)| row.folded.is_none());
        let duration = rows.iter().map(|row| text::width(&quantity::duration(row.duration_ns)));
        let (label, with_item) = (spans().map(label).max(), spans().filter_map(with_item).max());
        Columns::fit(self.options.width, label.unwrap_or(0), with_item.unwrap_or(0), duration.max().unwrap_or(0))
    }

    fn axis(&self) -> Line {
        let mut line = Line::new(self.options);
        let spans = quantity::counted(self.waterfall.spans, "span");
        line.push_cut(Ink::Dim, &spans, self.columns.label).pad_to(self.columns.bar_at);
        for tick in self.columns.ticks(self.waterfall.duration_ns) {
            let fits = tick.column + text::width(&tick.label) <= self.columns.bars;
            line.pad_to(self.columns.bar_at + tick.column);
            line.push(Ink::Dim, if fits { &tick.label } else { "" });
        }
        line
    }

    fn row(&self, at: usize) -> Line {
        let row = &self.waterfall.rows()[at];
        let mut line = Line::new(self.options);
        line.push(Ink::Dim, &branch(&self.guides[at], self.columns.levels, self.options));
        if row.folded.is_some() {
            line.push(Ink::Dim, &row.label);
            return line;
        }
        let suffix = self.suffix(row);
        let room = self.columns.label.saturating_sub(branch_columns(&self.guides[at], self.columns.levels));
        line.push_cut(label_ink(row), &row.label, room.saturating_sub(text::width(&suffix)).max(1));
        if let Some(item) = &row.item {
            line.push_item(item, self.columns.label.saturating_sub(line.used() + text::width(&suffix)));
        }
        line.push(Ink::Dim, &suffix).pad_to(self.columns.bar_at);
        plot::bar(&mut line, row, self.waterfall.duration_ns, &self.columns, self.options);
        line.push_right(Ink::Plain, &quantity::duration(row.duration_ns), self.columns.duration_end);
        let ink = Ink::of(row.status, row.is_cached());
        line.push(Ink::Plain, " ").push(ink, mark(row.status, row.is_cached(), self.options));
        line
    }

    /// Returns the line below a row that says why it failed, unless a row below says it.
    fn error(&self, at: usize) -> Option<Line> {
        let message = self.waterfall.rows()[at].error.as_deref().filter(|_| !self.told_below[at])?;
        let mut line = Line::new(self.options);
        line.push(Ink::Dim, &below(&self.guides[at], self.columns.levels, self.options));
        line.push(Ink::Failed, mark(flowglass_model::Status::Error, false, self.options)).push(Ink::Plain, " ");
        line.push(Ink::Failed, &text::first_line(message));
        Some(line)
    }

    /// Returns what stands behind a label: a map's size, the attempt, where it ran.
    fn suffix(&self, row: &Row) -> String {
        let above = row.parent.and_then(|parent| self.waterfall.rows()[parent].backend.as_deref());
        let size = row.map.map(|map| format!(" ×{}", quantity::count(map.total)));
        let attempt = row.attempt.map(|attempt| format!(" (attempt {attempt})"));
        let backend = row.backend.as_deref().filter(|&backend| row.parent.is_some() && above != Some(backend));
        let suffix = [size, attempt, backend.map(|backend| format!(" @{backend}"))].into_iter().flatten().collect::<String>();
        text::cut(&crate::line::shown(&suffix, self.options), 24, "").into_owned()
    }
}

fn label_ink(row: &Row) -> Ink {
    match row.is_bad() {
        true => Ink::of(row.status, false),
        false if row.is_container() => Ink::Strong,
        false => Ink::Plain,
    }
}

#[cfg(test)]
mod tests;
