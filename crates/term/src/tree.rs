//! A run as text in a tree: what stands below what, how long it took, what its attributes say.

use flowglass_insight::waterfall::{FoldLimits, Row};
use flowglass_insight::{Tree, Waterfall, quantity, text};
use flowglass_model::{AttributeValue, Span, Status, conventions};

use crate::Options;
use crate::branch::{below, branch};
use crate::ink::Ink;
use crate::line::Line;
use crate::mark::mark;

/// Attributes shown behind one span, at most.
const ATTRIBUTES: usize = 6;
/// Columns that what an item works on takes, at most.
const ITEM_COLUMNS: usize = 48;
/// Columns that one attribute's value takes, at most.
const VALUE_COLUMNS: usize = 32;

/// Draws a tree: a line a span, and one more below what failed. Each line ends with a line break.
#[must_use]
pub fn render(tree: &Tree<'_>, options: &Options) -> String {
    draw(tree, &Waterfall::of_tree(tree), *options)
}

/// Draws a tree as [`render`] does, but of what is too much to look at only what a waterfall folded to these limits shows.
#[must_use]
pub fn render_folded(tree: &Tree<'_>, limits: &FoldLimits, options: &Options) -> String {
    draw(tree, &Waterfall::of_tree(tree).fold(limits), *options)
}

fn draw(tree: &Tree<'_>, shown: &Waterfall, options: Options) -> String {
    if shown.rows().is_empty() {
        return "no spans\n".to_owned();
    }
    let levels = (options.width / 6).max(1);
    let mut drawn = String::new();
    for ((row, guide), is_told_below) in shown.rows().iter().zip(&shown.guides()).zip(shown.told_below()) {
        let mut line = Line::new(options);
        line.push(Ink::Dim, &branch(guide, levels, options));
        if row.folded.is_some() {
            line.push(Ink::Dim, &row.label);
        } else {
            describe(&mut line, row, tree.nodes()[row.node].span, options);
        }
        drawn.push_str(&(line.finish() + "\n"));
        if let Some(message) = row.error.as_deref().filter(|_| !is_told_below) {
            let mut line = Line::new(options);
            line.push(Ink::Dim, &below(guide, levels, options)).push(Ink::Plain, "  ");
            line.push(Ink::Failed, &text::first_line(message));
            drawn.push_str(&(line.finish() + "\n"));
        }
    }
    drawn
}

fn describe(line: &mut Line, row: &Row, span: &Span, options: Options) {
    line.push(Ink::of(row.status, row.is_cached()), mark(row.status, row.is_cached(), options)).push(Ink::Plain, " ");
    line.push(if row.is_bad() { Ink::of(row.status, false) } else { Ink::Plain }, &row.label);
    let facts = facts(row);
    if let Some(item) = &row.item {
        line.push_item(item, line.room().saturating_sub(text::width(&line.shown(&facts))).min(ITEM_COLUMNS + 1));
    }
    line.push(Ink::Dim, &facts);
    for (key, value) in of_interest(span).take(ATTRIBUTES) {
        let value = line.shown(&short(value)).into_owned();
        let value = text::cut(&value, VALUE_COLUMNS, if options.unicode { "…" } else { "~" });
        if !line.push_whole(Ink::Dim, &format!("  {key}={value}")) {
            break;
        }
    }
}

/// Returns what stands behind a label: a map's size, how long it took, what a hit saved, how it ended if not by itself.
fn facts(row: &Row) -> String {
    let size = row.map.map(|map| format!(" ×{}", quantity::count(map.total)));
    let duration = format!(" {}", quantity::duration(row.duration_ns));
    let is_worth_telling = row.is_cached() && row.saved_ms >= 1.0;
    let saved = is_worth_telling.then(|| format!(" saved {}", quantity::duration_ms(row.saved_ms)));
    let is_cut_short = matches!(row.status, Status::Running | Status::Cancelled | Status::Interrupted);
    let status = is_cut_short.then(|| format!(" {}", row.status));
    [size, Some(duration), saved, status].into_iter().flatten().collect()
}

/// Returns the attributes that the drawing doesn't say already.
fn of_interest(span: &Span) -> impl Iterator<Item = (&str, &AttributeValue)> {
    let is_said = |key: &str| key != conventions::BACKEND_NAME && conventions::ALL.contains(&key);
    span.attributes.iter().filter(move |(key, _)| !is_said(key)).map(|(key, value)| (key.as_str(), value))
}

pub(crate) fn short(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Str(text) => text.chars().take(2 * VALUE_COLUMNS).collect(),
        AttributeValue::Bytes(bytes) => quantity::bytes(bytes.len() as u64),
        AttributeValue::List(values) => quantity::counted(values.len() as u64, "value"),
        AttributeValue::Map(entries) => quantity::counted(entries.len() as u64, "entry").replace("entrys", "entries"),
        other => other.to_json().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{arbitrary_spans, check_width, interrupted, mapped, over_files, rich};
    use proptest::prelude::*;

    #[test]
    fn a_tree_says_what_it_can_in_the_width() {
        let mut spans = rich();
        let model = AttributeValue::Str("a-model-with-a-very-long-name-that-nobody-needs-to-see".to_owned());
        spans[1].attributes = vec![("gen_ai.request.model".to_owned(), model), ("rows".to_owned(), 12_i64.into())];
        insta::assert_snapshot!(render(&Tree::of(&spans), &Options::plain(80)), @"
        ✗ corpus 1.24s  backend.name=local
          1 of 6 items failed
        ├─ ✓ load 118ms  gen_ai.request.model=a-model-with-a-very-long-name-t…  rows=12
        ├─ ⚡ clean 1.0ms saved 3.21s
        ├─ ✓ embed 800ms  backend.name=gpu
        │  ├─ ✓ tokenize 300ms
        │  ├─ ✓ fetch_weights 420ms
        │  │  ├─ ✗ attempt 1 150ms
        │  │  │    connection reset by peer
        │  │  └─ ✓ attempt 2 196ms
        │  └─ ✓ encode 376ms
        ├─ ✓ digest ×6 300ms
        │  ├─ ✓ [0] 130ms
        │  ├─ ⚡ [1] 300µs saved 140ms
        │  ├─ ✓ [2] 130ms
        │  ├─ ✓ [3] 130ms
        │  ├─ ✗ [4] 130ms
        │  │  └─ ✗ hash 120ms
        │  │       invalid utf-8 sequence of 1 bytes from index 7
        │  └─ ✓ [5] 130ms
        └─ ◌ store 8.0ms cancelled
        ");
    }

    #[test]
    fn what_was_cut_short_says_how() {
        insta::assert_snapshot!(render(&Tree::of(&interrupted()), &Options::plain(80)), @"
        ⚠ etl 900ms interrupted
        ├─ ✓ load 300ms
        ├─ ⚠ train 600ms interrupted
        └─ … watch 500ms running
        ");
    }

    #[test]
    fn items_say_what_they_work_on() {
        insta::assert_snapshot!(render(&Tree::of(&over_files()), &Options::plain(80)), @"
        ✓ etl 400ms
        └─ ✓ words ×4 400ms
           ├─ ✓ [0] src/a.rs 100ms
           ├─ ✓ [1] crates/insight/src/waterfall/row.rs 100ms
           ├─ ✓ [2] a text that is no path and rather long 100ms
           └─ ✓ [3] ␛[2Jx y 100ms
        ");
        insta::assert_snapshot!(render(&Tree::of(&over_files()), &Options::plain(34)), @"
        ✓ etl 400ms
        └─ ✓ words ×4 400ms
           ├─ ✓ [0] src/a.rs 100ms
           ├─ ✓ [1] …/row.rs 100ms
           ├─ ✓ [2] a text that is … 100ms
           └─ ✓ [3] ␛[2Jx y 100ms
        ");
    }

    #[test]
    fn a_long_map_is_folded_as_in_a_waterfall() {
        let spans = mapped(400);
        let tree = Tree::of(&spans);
        let limits = FoldLimits { rows: 40, items: 2 };
        insta::assert_snapshot!(render_folded(&tree, &limits, &Options::plain(80)), @"
        ✓ etl 4.00s
        └─ ✓ words ×400 4.00s
           ├─ ✓ [6] 26ms
           │  └─ ✓ stem 18ms
           ├─ ✓ [13] 26ms
           │  └─ ✓ stem 18ms
           └─ … 398 more items (p50 23ms, max 26ms)
        ");
        assert_eq!(render(&tree, &Options::plain(80)).lines().count(), spans.len());
        assert_eq!(render_folded(&Tree::of(&[]), &limits, &Options::plain(80)), "no spans\n");
    }

    proptest! {
        #[test]
        fn every_line_fits(spans in arbitrary_spans(), width in 0usize..120, color: bool, unicode: bool) {
            let (tree, options) = (Tree::of(&spans), Options { width, color, unicode });
            check_width(&render(&tree, &options), width.max(8));
            check_width(&render_folded(&tree, &FoldLimits { rows: 9, items: 2 }, &options), width.max(8));
        }
    }
}
