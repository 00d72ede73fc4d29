//! The chain of work that decided how long a run took.
//!
//! Computed on time intervals, never by adding parents to children: going back from the end of a span, its child that was
//! the last to finish is what it waited for; from that child's start on, the child that had finished last before it; what
//! no child covers is the span's own time. The parts of a run's path add up to the run's duration exactly.

use flowglass_model::SpanType;
use serde::Serialize;

use crate::{Tree, facts};

/// The critical path of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CriticalPath {
    /// The parts of the path, by time.
    pub segments: Vec<Segment>,
    /// All parts together, in nanoseconds.
    pub duration_ns: u64,
}

/// A stretch of time in which the run waited for one span's own work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The span's index in its [`Tree`].
    pub at: usize,
    /// When it begins, in nanoseconds since the earliest start in the tree.
    pub offset_ns: u64,
    /// How long it is, in nanoseconds.
    pub duration_ns: u64,
}

impl CriticalPath {
    /// Computes the critical path of a tree: of each root, in a forest.
    #[must_use]
    pub fn of(tree: &Tree<'_>) -> Self {
        let whole = |at: usize| Window { at, from_ns: tree.nodes()[at].offset_ns, until_ns: tree.nodes()[at].end_ns() };
        let mut open: Vec<Window> = tree.roots().map(whole).collect();
        let mut segments = Vec::new();
        while let Some(window) = open.pop() {
            walk_back(tree, window, &mut segments, &mut open);
        }
        segments.sort_unstable_by_key(|segment| (segment.offset_ns, segment.at));
        let duration_ns = segments.iter().fold(0_u64, |sum, segment| sum.saturating_add(segment.duration_ns));
        Self { segments, duration_ns }
    }

    /// Returns the time on the path of each span that is on it, by first appearance, in nanoseconds.
    #[must_use]
    pub fn by_span(&self) -> Vec<(usize, u64)> {
        let mut sums: Vec<(usize, u64)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for segment in &self.segments {
            let place = *places.entry(segment.at).or_insert_with(|| {
                sums.push((segment.at, 0));
                sums.len() - 1
            });
            sums[place].1 += segment.duration_ns;
        }
        sums
    }

    /// Returns the labels of the longest stretches in the order in which they happened, at most so many, and how long each
    /// took, in nanoseconds. Items of one map are one stretch, named by the map where there are several.
    #[must_use]
    pub fn steps(&self, tree: &Tree<'_>, at_most: usize) -> Vec<(String, u64)> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (at, duration_ns) in self.by_span() {
            let label = step_label(tree, at);
            let place = without_indexes(&label);
            match stretches.iter_mut().find(|stretch| stretch.place == place) {
                Some(stretch) => {
                    stretch.duration_ns += duration_ns;
                    stretch.label.clone_from(&stretch.place);
                }
                None => stretches.push(Stretch { label, place, duration_ns }),
            }
        }
        let mut by_time: Vec<u64> = stretches.iter().map(|stretch| stretch.duration_ns).collect();
        by_time.sort_unstable_by(|a, b| b.cmp(a));
        let least_ns = by_time.get(at_most.saturating_sub(1)).copied().unwrap_or(1).max(1);
        stretches.retain(|stretch| stretch.duration_ns >= least_ns);
        stretches.truncate(at_most);
        stretches.into_iter().map(|stretch| (stretch.label, stretch.duration_ns)).collect()
    }
}

/// What one place of the pipeline has of the critical path.
struct Stretch {
    label: String,
    place: String,
    duration_ns: u64,
}

/// Leaves the indexes of items out of a label: `a[3] > b` becomes `a > b`.
fn without_indexes(label: &str) -> String {
    let mut rest = label;
    let mut place = String::with_capacity(label.len());
    while let Some((before, (index, after))) =
        rest.split_once('[').and_then(|(before, tail)| Some((before, tail.split_once(']')?)))
    {
        place.push_str(before);
        if index.bytes().any(|digit| !digit.is_ascii_digit()) {
            place.push('[');
            place.push_str(index);
            place.push(']');
        }
        rest = after;
    }
    place + rest
}

/// The part of a span that the span above waited for: a child may begin early or end late, by another machine's clock.
struct Window {
    at: usize,
    from_ns: u64,
    until_ns: u64,
}

fn walk_back(tree: &Tree<'_>, window: Window, segments: &mut Vec<Segment>, open: &mut Vec<Window>) {
    let Window { at, from_ns, until_ns } = window;
    let nodes = tree.nodes();
    let mut children: Vec<(u64, usize)> = tree.children(at).map(|child| (nodes[child].end_ns().min(until_ns), child)).collect();
    children.sort_unstable();
    let mut cursor_ns = until_ns;
    let own =
        |from_ns: u64, to_ns: u64| (from_ns < to_ns).then(|| Segment { at, offset_ns: from_ns, duration_ns: to_ns - from_ns });
    for (end_ns, child) in children.into_iter().rev() {
        let start_ns = nodes[child].offset_ns.max(from_ns);
        if end_ns <= cursor_ns && start_ns < end_ns {
            segments.extend(own(end_ns, cursor_ns));
            open.push(Window { at: child, from_ns: start_ns, until_ns: end_ns });
            cursor_ns = start_ns;
        }
    }
    segments.extend(own(from_ns, cursor_ns));
}

fn step_label(tree: &Tree<'_>, at: usize) -> String {
    let node = &tree.nodes()[at];
    let label = facts::label(node.span);
    let above = node.parent.map(|parent| &tree.nodes()[parent]);
    match above {
        Some(above) if label.starts_with('[') => format!("{}{label}", facts::label(above.span)),
        Some(above) if facts::label(above.span).starts_with('[') => {
            let map = above.parent.map(|map| facts::label(tree.nodes()[map].span)).unwrap_or_default();
            format!("{map}{} > {label}", facts::label(above.span))
        }
        Some(above) if node.span.span_type == SpanType::Attempt => format!("{} > {label}", facts::label(above.span)),
        _ => label.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};
    use flowglass_model::SpanType::{Item, Map, Node, Pipeline};
    use proptest::prelude::*;

    fn path_of(run: Runs) -> String {
        let spans = run.into_spans();
        let tree = Tree::of(&spans);
        let line = |segment: &Segment| {
            format!("{} {}+{}\n", step_label(&tree, segment.at), segment.offset_ns / 1_000_000, segment.duration_ns / 1_000_000)
        };
        CriticalPath::of(&tree).segments.iter().map(line).collect()
    }

    #[test]
    fn the_path_follows_who_finished_last_before_the_next_could_start() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 100);
        run.add(Some(root), Node, "load", 5, 15);
        run.add(Some(root), Node, "short", 20, 10);
        run.add(Some(root), Node, "long", 20, 50);
        run.add(Some(root), Node, "store", 70, 25);
        insta::assert_snapshot!(path_of(run), @"
        etl 0+5
        load 5+15
        long 20+50
        store 70+25
        etl 95+5
        ");
    }

    #[test]
    fn a_late_child_of_parallel_work_is_what_counts() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 60);
        let map = run.add(Some(root), Map, "words", 0, 60);
        for (index, (at, ms)) in [(0, 30), (0, 20), (20, 40), (30, 10)].into_iter().enumerate() {
            run.add(Some(map), Item, &index.to_string(), at, ms);
        }
        insta::assert_snapshot!(path_of(run), @"
        words[1] 0+20
        words[2] 20+40
        ");
    }

    #[test]
    fn children_that_outlive_their_parent_or_start_early_are_clipped() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 10, 20);
        run.add(Some(root), Node, "early", 0, 15);
        run.add(Some(root), Node, "late", 20, 100);
        insta::assert_snapshot!(path_of(run), @"
        early 10+5
        etl 15+5
        late 20+10
        ");
        assert_eq!(path_of(Runs::new()), "");
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_roots(spans in arbitrary_spans()) {
            let tree = Tree::of(&spans);
            let path = CriticalPath::of(&tree);
            let roots = tree.roots().map(|at| tree.nodes()[at]).map(|root| root.end_ns() - root.offset_ns);
            prop_assert_eq!(path.duration_ns, roots.fold(0, u64::saturating_add));
            prop_assert!(path.steps(&tree, 3).len() <= 3);
        }
    }
}
