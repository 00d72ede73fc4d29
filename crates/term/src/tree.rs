//! A run as text in a tree: what stands below what, how long it took, what its attributes say.

use flowglass_insight::{Tree, TreeNode, facts, guides, quantity, text};
use flowglass_model::{AttributeValue, Span, Status, conventions};

use crate::Options;
use crate::branch::{below, branch};
use crate::ink::Ink;
use crate::line::Line;
use crate::mark::mark;

/// Attributes shown behind one span, at most.
const ATTRIBUTES: usize = 6;
/// Columns that one attribute's value takes, at most.
const VALUE_COLUMNS: usize = 32;

/// Draws a tree: a line a span, and one more below what failed. Each line ends with a line break.
#[must_use]
pub fn render(tree: &Tree<'_>, options: &Options) -> String {
    if tree.is_empty() {
        return "no spans\n".to_owned();
    }
    let levels = (options.width / 6).max(1);
    let guides = guides(tree.nodes().iter().map(|node| node.depth));
    let mut drawn = String::new();
    for (at, (node, guide)) in tree.nodes().iter().zip(&guides).enumerate() {
        let mut line = Line::new(*options);
        line.push(Ink::Dim, &branch(guide, levels, *options));
        describe(&mut line, node, *options);
        drawn.push_str(&(line.finish() + "\n"));
        let is_told_below = tree.children(at).any(|child| facts::error(tree.nodes()[child].span).is_some());
        if let Some(message) = facts::error(node.span).filter(|_| !is_told_below) {
            let mut line = Line::new(*options);
            line.push(Ink::Dim, &below(guide, levels, *options)).push(Ink::Plain, "  ");
            line.push(Ink::Failed, &text::first_line(message));
            drawn.push_str(&(line.finish() + "\n"));
        }
    }
    drawn
}

fn describe(line: &mut Line, node: &TreeNode<'_>, options: Options) {
    let span = node.span;
    let is_cached = facts::cache(span) == Some(flowglass_model::CacheStatus::Hit);
    let bad = matches!(span.status, Status::Error | Status::Interrupted);
    line.push(Ink::of(span.status, is_cached), mark(span.status, is_cached, options)).push(Ink::Plain, " ");
    line.push(if bad { Ink::of(span.status, false) } else { Ink::Plain }, &facts::label(span));
    if let Some(map) = facts::MapCounts::of(span) {
        line.push(Ink::Dim, &format!(" ×{}", quantity::count(map.total)));
    }
    line.push(Ink::Dim, &format!(" {}", quantity::duration(span.duration_ns)));
    if is_cached && facts::saved_ms(span) >= 1.0 {
        line.push(Ink::Dim, &format!(" saved {}", quantity::duration_ms(facts::saved_ms(span))));
    }
    for (key, value) in of_interest(span).take(ATTRIBUTES) {
        let value = line.shown(&short(value)).into_owned();
        let value = text::cut(&value, VALUE_COLUMNS, if options.unicode { "…" } else { "~" });
        if !line.push_whole(Ink::Dim, &format!("  {key}={value}")) {
            break;
        }
    }
}

/// Returns the attributes that the drawing doesn't say already.
fn of_interest(span: &Span) -> impl Iterator<Item = (&str, &AttributeValue)> {
    let is_said = |key: &str| key != conventions::BACKEND_NAME && conventions::ALL.contains(&key);
    span.attributes.iter().filter(move |(key, _)| !is_said(key)).map(|(key, value)| (key.as_str(), value))
}

fn short(value: &AttributeValue) -> String {
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
    use crate::fixture::{arbitrary_spans, check_width, rich};
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
        └─ ◌ store 8.0ms
        ");
    }

    proptest! {
        #[test]
        fn every_line_fits(spans in arbitrary_spans(), width in 0usize..120, color: bool, unicode: bool) {
            check_width(&render(&Tree::of(&spans), &Options { width, color, unicode }), width.max(8));
        }
    }
}
