//! A run laid out as rows on a time axis: data for terminals, pictures and pages.

mod fold;
mod row;

pub use fold::FoldLimits;
pub use row::{Folded, Row};

use flowglass_model::{Span, SpanId, SpanType};
use serde::Serialize;

use crate::lanes::lanes;
use crate::{Guide, Tree, facts, guides};

/// Levels of a path that are spelt out; what is deeper adds only its own label.
const PATH_LEVELS: usize = 48;

/// A run as rows in depth-first order, each with its place on one time axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waterfall {
    rows: Vec<Row>,
    /// When the axis begins, in nanoseconds since 1970 UTC.
    pub start_unix_ns: i64,
    /// How long the axis is, in nanoseconds.
    pub duration_ns: u64,
    /// How many spans the rows stand for, folded ones included.
    pub spans: u64,
}

impl Waterfall {
    /// Lays out these spans, a row each.
    #[must_use]
    pub fn of(spans: &[Span]) -> Self {
        Self::of_tree(&Tree::of(spans))
    }

    /// Lays out a tree, a row for each span.
    #[must_use]
    pub fn of_tree(tree: &Tree<'_>) -> Self {
        let mut rows: Vec<Row> = Vec::with_capacity(tree.len());
        for (at, node) in tree.nodes().iter().enumerate() {
            let mut row = Row::of(at, node);
            row.path = path(tree, at, &rows);
            rows.push(row);
        }
        assign_lanes(tree, &mut rows);
        Self { rows, start_unix_ns: tree.start_unix_ns(), duration_ns: tree.duration_ns(), spans: tree.len() as u64 }
    }

    /// Returns the rows, depth first.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the row of the run itself, if there are any rows.
    #[must_use]
    pub fn root(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// Returns the row of a span.
    #[must_use]
    pub fn row(&self, span_id: SpanId) -> Option<&Row> {
        self.rows.iter().find(|row| row.folded.is_none() && row.span_id == span_id)
    }

    /// Returns the tree lines left of each row.
    #[must_use]
    pub fn guides(&self) -> Vec<Guide> {
        guides(self.rows.iter().map(|row| row.depth))
    }

    /// Says of each row whether a row right below it fails too and so tells why it did.
    #[must_use]
    pub fn told_below(&self) -> Vec<bool> {
        let mut told_below = vec![false; self.rows.len()];
        for parent in self.rows.iter().filter(|row| row.error.is_some()).filter_map(|row| row.parent) {
            told_below[parent] = true;
        }
        told_below
    }

    /// Folds what is too much to look at: long maps keep their failed and slowest items, and whatever passes the number of
    /// rows keeps its failed and longest parts. One row says what was left out below each parent.
    #[must_use]
    pub fn fold(&self, limits: &FoldLimits) -> Self {
        Self { rows: fold::fold(&self.rows, limits), ..*self }
    }
}

fn path(tree: &Tree<'_>, at: usize, rows: &[Row]) -> String {
    let node = &tree.nodes()[at];
    let label = facts::label(node.span);
    let Some(parent) = node.parent else { return label.into_owned() };
    let above = &rows[parent].path;
    match node.span.span_type {
        _ if facts::repeats(node.span, tree.nodes()[parent].span) => above.clone(),
        SpanType::Item if node.depth < PATH_LEVELS => format!("{above}{label}"),
        _ if node.depth < PATH_LEVELS => format!("{above} > {label}"),
        _ if node.depth == PATH_LEVELS => format!("{above} > … > {label}"),
        _ => format!("{} > … > {label}", above.rsplit_once(" > … > ").map_or(above.as_str(), |(shown, _)| shown)),
    }
}

fn assign_lanes(tree: &Tree<'_>, rows: &mut [Row]) {
    let nodes = tree.nodes();
    let interval = |&at: &usize| (nodes[at].offset_ns, nodes[at].end_ns());
    for parent in 0..nodes.len() {
        if nodes[parent].end == parent + 1 {
            continue;
        }
        let children: Vec<usize> = tree.children(parent).collect();
        let (assigned, count) = lanes(children.iter().map(interval));
        rows[parent].lanes = count;
        for (child, lane) in children.into_iter().zip(assigned) {
            rows[child].lane = lane;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};
    use flowglass_model::conventions as names;
    use proptest::prelude::*;

    fn mapped(items: u64) -> Vec<Span> {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, items * 10);
        let map = run.add(Some(root), SpanType::Map, "words", 0, items * 10);
        run.set(map, names::MAP_TOTAL, i64::try_from(items).unwrap());
        for index in 0..items {
            let item = run.add(Some(map), SpanType::Item, &index.to_string(), index * 5, 8 + index % 7);
            run.set(item, names::MAP_INDEX, i64::try_from(index).unwrap());
            let node = run.add(Some(item), SpanType::Node, "stem", index * 5, 8);
            if index % 40 == 39 {
                run.fail(node, "bad word");
                run.fail(item, "bad word");
            }
        }
        run.into_spans()
    }

    fn shape(waterfall: &Waterfall) -> String {
        let line = |row: &Row| format!("{}{} {}ms\n", "  ".repeat(row.depth), row.label, row.duration_ns / 1_000_000);
        waterfall.rows().iter().map(line).collect()
    }

    #[test]
    fn rows_carry_path_offset_and_lane() {
        let waterfall = Waterfall::of(&mapped(3));
        let node = &waterfall.rows()[5];
        assert_eq!(node.path, "etl > words[1] > stem");
        assert_eq!((node.offset_ns, node.duration_ns), (5_000_000, 8_000_000));
        assert_eq!(waterfall.rows()[1].lanes, 2);
        assert_eq!(waterfall.rows()[4].lane, 1);
        assert_eq!(waterfall.row(node.span_id), Some(node));
    }

    #[test]
    fn rows_say_what_an_item_works_on_and_which_node_they_are() {
        let mut spans = mapped(80);
        spans[2].attributes.push((names::MAP_ITEM.to_owned(), "a/b.txt".into()));
        let waterfall = Waterfall::of(&spans);
        let items: Vec<_> = waterfall.rows().iter().filter_map(|row| row.item.as_deref()).collect();
        assert_eq!(items, ["a/b.txt"]);
        let tree = Tree::of(&spans);
        for row in waterfall.fold(&FoldLimits { rows: 40, items: 4 }).rows() {
            assert_eq!(tree.nodes()[row.node].span.span_id, row.span_id);
        }
    }

    #[test]
    fn a_failure_is_told_by_the_row_below() {
        let waterfall = Waterfall::of(&mapped(40));
        let told: Vec<_> = waterfall.rows().iter().zip(waterfall.told_below()).filter(|(row, _)| row.error.is_some()).collect();
        assert_eq!(told.iter().map(|(row, told)| (&*row.label, *told)).collect::<Vec<_>>(), [("[39]", true), ("stem", false)]);
    }

    #[test]
    fn long_maps_keep_failed_and_slow_items() {
        let folded = Waterfall::of(&mapped(80)).fold(&FoldLimits { rows: 40, items: 4 });
        insta::assert_snapshot!(shape(&folded), @"
        etl 800ms
          words 800ms
            [6] 14ms
              stem 8ms
            [13] 14ms
              stem 8ms
            [39] 12ms
              stem 8ms
            [79] 10ms
              stem 8ms
            … 76 more items (p50 11ms, max 14ms) 399ms
        ");
        assert_eq!(folded.rows()[10].parent, Some(1));
        assert_eq!(folded.rows()[10].folded.as_ref().map(|folded| folded.spans), Some(152));
    }

    #[test]
    fn items_without_spans_are_counted_below_their_map() {
        let mut run = Runs::new();
        let map = run.add(None, SpanType::Map, "words", 0, 100);
        for (key, value) in [(names::MAP_TOTAL, 9_990), (names::MAP_UNSAMPLED, 9_990), (names::MAP_FAILED, 7)] {
            run.set(map, key, value);
        }
        let folded = Waterfall::of(&run.into_spans()).fold(&FoldLimits::default());
        assert_eq!(folded.rows()[1].label, "… 9,990 more items (7 failed)");
    }

    #[test]
    fn a_small_run_is_left_as_it_is() {
        let waterfall = Waterfall::of(&mapped(3));
        assert_eq!(waterfall.fold(&FoldLimits::default()), waterfall);
        assert_eq!(Waterfall::of(&[]).fold(&FoldLimits::default()).rows(), []);
    }

    #[test]
    fn rows_without_items_are_folded_too() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Custom, "GET /", 0, 500);
        for at in 0..50 {
            run.add(Some(root), SpanType::Custom, "query", at * 10, at);
        }
        let folded = Waterfall::of(&run.into_spans()).fold(&FoldLimits { rows: 5, items: 4 });
        insta::assert_snapshot!(shape(&folded), @"
        GET / 500ms
          query 47ms
          query 48ms
          query 49ms
          … 47 more spans (p50 23ms, max 46ms) 506ms
        ");
    }

    #[test]
    fn paths_of_very_deep_trees_stay_short() {
        let mut run = Runs::new();
        let mut above = run.add(None, SpanType::Pipeline, "p", 0, 100);
        for _ in 0..5_000 {
            above = run.add(Some(above), SpanType::Node, "n", 0, 100);
        }
        let waterfall = Waterfall::of(&run.into_spans());
        assert!(waterfall.rows().iter().all(|row| row.path.len() < 300));
        assert!(waterfall.fold(&FoldLimits { rows: 50, items: 8 }).rows().len() <= 50);
    }

    proptest! {
        #[test]
        fn folding_keeps_to_its_limit_and_counts_every_span(spans in arbitrary_spans(), rows in 1usize..30, items in 0usize..6) {
            let waterfall = Waterfall::of(&spans);
            let folded = waterfall.fold(&FoldLimits { rows, items });
            let stand_for = |row: &Row| row.folded.as_ref().map_or(1, |folded| folded.spans);
            prop_assert_eq!(folded.rows().iter().map(stand_for).sum::<u64>(), waterfall.spans);
            prop_assert!(folded.rows().len() <= rows.max(FoldLimits::LEAST_ROWS));
            for (at, row) in folded.rows().iter().enumerate() {
                let depth = row.parent.map_or(0, |parent| folded.rows()[parent].depth + 1);
                prop_assert!(row.parent.is_none_or(|parent| parent < at) && depth == row.depth);
            }
        }
    }
}
