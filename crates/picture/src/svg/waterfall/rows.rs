//! The rows: tree lines, labels, bars, durations, marks, messages.

use flowglass_insight::waterfall::Row;
use flowglass_insight::{quantity, text};
use flowglass_model::Status;

use super::card::Card;
use super::icon::{class, icon};
use super::layout::{FONT, ICON, INDENT, LEVELS, MESSAGE, PADDING, ROW, SMALL, indent, item, suffix};
use crate::svg::markup::{Escaped, Px, columns_in, text_px};

/// Height of a bar that is work.
const WORK: f64 = 14.0;
/// Height of a bar that holds others.
const HOLDER: f64 = 5.0;
/// A bar is never narrower than this, however short the span was.
const LEAST: f64 = 2.0;

impl Card<'_> {
    /// Draws one row that begins at `top`.
    pub(super) fn row(&self, at: usize, top: f64) -> String {
        let row = &self.waterfall.rows()[at];
        let middle = top + ROW / 2.0;
        if row.folded.is_some() {
            return self.folded(row, middle);
        }
        let duration = quantity::duration(row.duration_ns);
        let parts = [
            label(row, self.layout.label_end, middle),
            self.bar(row, middle),
            format!(
                r#"<text class="dim end" x="{}" y="{}">{duration}</text>"#,
                Px(self.layout.duration_end - 4.0),
                Px(middle + 4.5)
            ),
            icon(row.status, row.is_cached(), self.layout.duration_end + ICON / 2.0, middle),
            self.message(at).map(|message| self.message_below(row, &message, top + ROW)).unwrap_or_default(),
        ];
        format!("<g><title>{}</title>{}</g>", Escaped(&tooltip(row)), parts.concat())
    }

    /// Returns why a row failed, unless a row below says it.
    pub(super) fn message(&self, at: usize) -> Option<String> {
        let message = self.waterfall.rows()[at].error.as_deref().filter(|_| !self.told_below[at])?;
        Some(text::first_line(message).into_owned())
    }

    /// Draws the lines of the tree: one from each row that has others below it, and one to each of those.
    pub(super) fn connectors(&self, tops: &[f64]) -> String {
        let rows = self.waterfall.rows();
        let mut lines = String::new();
        let mut last_child: Vec<Option<usize>> = vec![None; rows.len()];
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.depth <= LEVELS) {
            let Some(parent) = row.parent else { continue };
            last_child[parent] = Some(at);
            let from = PADDING + indent(&rows[parent]) + INDENT / 2.0 - 2.0;
            lines += &format!("M{} {}H{}", Px(from), Px(tops[at] + ROW / 2.0), Px(from + INDENT / 2.0));
        }
        for (parent, child) in last_child.into_iter().enumerate().filter_map(|(parent, child)| Some((parent, child?))) {
            let x = PADDING + indent(&rows[parent]) + INDENT / 2.0 - 2.0;
            lines += &format!("M{} {}V{}", Px(x), Px(tops[parent] + ROW - 4.0), Px(tops[child] + ROW / 2.0));
        }
        if lines.is_empty() { lines } else { format!(r#"<path class="tree" d="{lines}"/>"#) }
    }

    fn folded(&self, row: &Row, middle: f64) -> String {
        let x = PADDING + indent(row);
        let label = text::cut(&row.label, self.layout.columns_to_edge(x), "…").into_owned();
        format!(r#"<text class="dim small" x="{}" y="{}">{}</text>"#, Px(x), Px(middle + 4.0), Escaped(&label))
    }

    fn bar(&self, row: &Row, middle: f64) -> String {
        let layout = &self.layout;
        let from = layout.x(row.offset_ns).min(layout.bars_to - LEAST);
        let width = (layout.x(row.end_ns()) - from).max(LEAST);
        let height = if row.is_container() { HOLDER } else { WORK };
        let shape = format!(
            r#"x="{}" y="{}" width="{}" height="{height}" rx="{}""#,
            Px(from),
            Px(middle - height / 2.0),
            Px(width),
            Px((width / 2.0).min(height / 2.0).min(3.0))
        );
        let class = class(row.status, row.is_cached());
        let faint = if row.is_container() { r#" fill-opacity=".55""# } else { "" };
        let bar = format!(r#"<rect class="{class}" {shape}{faint}/>"#);
        let stripes =
            if row.status == Status::Running { format!(r#"<rect fill="url(#stripes)" {shape}/>"#) } else { String::new() };
        bar + &stripes + &self.note(row, from, width, middle)
    }

    /// Writes what a hit saved, or why a bar ends, beside the bar where there is room.
    fn note(&self, row: &Row, from: f64, width: f64, middle: f64) -> String {
        let note = match row.status {
            _ if row.is_cached() && row.saved_ms >= 1.0 => format!("saved {}", quantity::duration_ms(row.saved_ms)),
            _ if row.is_cached() => "cached".to_owned(),
            Status::Cancelled => "cancelled".to_owned(),
            Status::Interrupted => "interrupted".to_owned(),
            Status::Running => "running".to_owned(),
            _ => return String::new(),
        };
        let room = text_px(&note, SMALL) + 6.0;
        let y = Px(middle + 4.0);
        if from + width + room <= self.layout.bars_to {
            format!(r#"<text class="dim small" x="{}" y="{y}">{note}</text>"#, Px(from + width + 6.0))
        } else if from - room >= self.layout.bars_from {
            format!(r#"<text class="dim small end" x="{}" y="{y}">{note}</text>"#, Px(from - 6.0))
        } else {
            String::new()
        }
    }

    fn message_below(&self, row: &Row, message: &str, top: f64) -> String {
        let x = PADDING + indent(row) + if row.depth == 0 { INDENT } else { 0.0 };
        let message = text::cut(message, self.layout.columns_to_edge(x), "…");
        format!(r#"<text class="failed small" x="{}" y="{}">{}</text>"#, Px(x), Px(top + MESSAGE / 2.0), Escaped(&message))
    }
}

fn label(row: &Row, end: f64, middle: f64) -> String {
    let x = PADDING + indent(row);
    let suffix = suffix(row);
    let suffix_px = if suffix.is_empty() { 0.0 } else { text_px(&suffix, SMALL) + 6.0 };
    let clean = text::clean(&row.label);
    let label = text::cut(&clean, columns_in(end - x - suffix_px, FONT).max(2), "…");
    let color = if row.is_bad() { class(row.status, false) } else { "text" };
    let weight = if row.is_container() { " strong" } else { "" };
    let y = Px(middle + 4.5);
    let mut behind = x + text_px(&label, FONT) + 6.0;
    let mut drawn = format!(r#"<text class="{color}{weight}" x="{}" y="{y}">{}</text>"#, Px(x), Escaped(&label));
    let item = item(row, columns_in(end - behind - suffix_px, SMALL));
    for small in item.into_iter().chain((!suffix.is_empty()).then_some(suffix)) {
        drawn += &format!(r#"<text class="dim small" x="{}" y="{y}">{}</text>"#, Px(behind), Escaped(&small));
        behind += text_px(&small, SMALL) + 6.0;
    }
    drawn
}

fn tooltip(row: &Row) -> String {
    let times = format!("{} from {}", quantity::duration(row.duration_ns), quantity::duration(row.offset_ns));
    let cache = row.cache.map(|cache| format!("cache {cache}"));
    let backend = row.backend.as_deref().map(|backend| format!("on {backend}"));
    let error = row.error.as_deref().map(|error| text::first_line(error).into_owned());
    let facts = [Some(row.path.clone()), row.item.clone(), Some(format!("{}, {times}", row.status)), cache, backend, error];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" — ")
}
