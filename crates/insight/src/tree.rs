//! The span tree of one run, in depth-first order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use flowglass_model::{Span, SpanId, TraceId};

/// The spans of one run as a tree, stored in depth-first order with siblings sorted by start.
///
/// A span given twice counts once: the later one wins, unless it is still running and the earlier one has ended. A span
/// whose parent isn't there hangs on the nearest root that had started; spans whose parents go in a circle count as such.
/// Without any real root, each of them is a root.
#[derive(Debug, Clone)]
pub struct Tree<'a> {
    nodes: Vec<TreeNode<'a>>,
    start_unix_ns: i64,
    duration_ns: u64,
}

/// A span in its place in a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub struct TreeNode<'a> {
    /// The span.
    pub span: &'a Span,
    /// The index of the node above.
    pub parent: Option<usize>,
    /// How many nodes stand above.
    pub depth: usize,
    /// The index behind the last node of this subtree.
    pub end: usize,
    /// Whether the span names a parent that isn't there.
    pub is_orphan: bool,
    /// When it started, in nanoseconds since the earliest start in the tree.
    pub offset_ns: u64,
}

impl TreeNode<'_> {
    /// Returns when the span ended, in nanoseconds since the earliest start in the tree.
    #[must_use]
    pub const fn end_ns(&self) -> u64 {
        self.offset_ns.saturating_add(self.span.duration_ns)
    }
}

impl<'a> Tree<'a> {
    /// Builds the tree of these spans.
    #[must_use]
    pub fn of(spans: &'a [Span]) -> Self {
        let spans = unique(spans);
        let mut links = links(&spans);
        cut_circles(&mut links);
        adopt_orphans(&spans, &mut links);
        let nodes = depth_first(&spans, &links);
        let start_unix_ns = spans.iter().map(|span| span.start_unix_ns).min().unwrap_or_default();
        let mut tree = Self { nodes, start_unix_ns, duration_ns: 0 };
        tree.place_in_time();
        tree
    }

    /// Returns how many spans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns all nodes, depth first; a node's index is its place here.
    #[must_use]
    pub fn nodes(&self) -> &[TreeNode<'a>] {
        &self.nodes
    }

    /// Iterates over the indexes of the roots, by start.
    pub fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        self.siblings(0, self.nodes.len())
    }

    /// Iterates over the indexes of a node's children, by start.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.nodes.get(at).map_or(0, |node| node.end);
        self.siblings(at + 1, end)
    }

    /// Returns the earliest start, in nanoseconds since 1970 UTC.
    #[must_use]
    pub const fn start_unix_ns(&self) -> i64 {
        self.start_unix_ns
    }

    /// Returns how long it is from the earliest start to the latest end, in nanoseconds.
    #[must_use]
    pub const fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    fn siblings(&self, first: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        let step = |&at: &usize| self.nodes.get(at).map(|node| node.end);
        std::iter::successors(Some(first), step).take_while(move |&at| at < end)
    }

    fn place_in_time(&mut self) {
        for node in &mut self.nodes {
            node.offset_ns = node.span.start_unix_ns.abs_diff(self.start_unix_ns);
        }
        self.duration_ns = self.nodes.iter().map(TreeNode::end_ns).max().unwrap_or_default();
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    Root,
    Orphan,
    Parent(usize),
}

fn unique(spans: &[Span]) -> Vec<&Span> {
    let mut places: HashMap<(TraceId, SpanId), usize> = HashMap::with_capacity(spans.len());
    let mut kept: Vec<&Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match places.entry((span.trace_id, span.span_id)) {
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(span);
            }
            Entry::Occupied(place) => {
                let earlier = &mut kept[*place.get()];
                if span.status.is_final() || !earlier.status.is_final() {
                    *earlier = span;
                }
            }
        }
    }
    kept
}

fn links(spans: &[&Span]) -> Vec<Link> {
    let places: HashMap<(TraceId, SpanId), usize> =
        spans.iter().enumerate().map(|(at, span)| ((span.trace_id, span.span_id), at)).collect();
    let link = |(at, span): (usize, &&Span)| match places.get(&(span.trace_id, span.parent_id)) {
        Some(&parent) if parent != at && !span.parent_id.is_none() => Link::Parent(parent),
        _ if span.parent_id.is_none() || span.is_run_root() => Link::Root,
        _ => Link::Orphan,
    };
    spans.iter().enumerate().map(link).collect()
}

/// Makes one span of each circle an orphan.
fn cut_circles(links: &mut [Link]) {
    let mut walk_of = vec![usize::MAX; links.len()];
    for first in 0..links.len() {
        let mut at = first;
        while walk_of[at] == usize::MAX {
            walk_of[at] = first;
            match links[at] {
                Link::Parent(parent) if walk_of[parent] == first => links[at] = Link::Orphan,
                Link::Parent(parent) => at = parent,
                Link::Root | Link::Orphan => break,
            }
        }
    }
}

fn adopt_orphans(spans: &[&Span], links: &mut [Link]) {
    let mut roots: Vec<usize> = (0..links.len()).filter(|&at| links[at] == Link::Root).collect();
    roots.sort_by_key(|&at| spans[at].start_unix_ns);
    for (at, link) in links.iter_mut().enumerate().filter(|(_, link)| **link == Link::Orphan) {
        let started = roots.partition_point(|&root| spans[root].start_unix_ns <= spans[at].start_unix_ns);
        if let Some(&root) = roots.get(started.saturating_sub(1)) {
            *link = Link::Parent(root);
        }
    }
}

fn depth_first<'a>(spans: &[&'a Span], links: &[Link]) -> Vec<TreeNode<'a>> {
    let (first_child, children) = children_by_parent(spans, links);
    let mut nodes: Vec<TreeNode<'a>> = Vec::with_capacity(spans.len());
    let root_parent = spans.len();
    let below = |at: usize| children[first_child[at]..first_child[at + 1]].iter().rev().copied();
    let mut stack: Vec<(usize, Option<usize>)> = below(root_parent).map(|at| (at, None)).collect();
    while let Some((at, parent)) = stack.pop() {
        let place = nodes.len();
        let span = spans[at];
        let depth = parent.map_or(0, |parent: usize| nodes[parent].depth + 1);
        let named = parent.map_or(SpanId::NONE, |parent: usize| nodes[parent].span.span_id);
        let is_orphan = !span.is_run_root() && span.parent_id != named;
        nodes.push(TreeNode { span, parent, depth, end: place + 1, is_orphan, offset_ns: 0 });
        stack.extend(below(at).map(|child| (child, Some(place))));
    }
    for at in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[at].parent {
            nodes[parent].end = nodes[parent].end.max(nodes[at].end);
        }
    }
    nodes
}

/// Returns where each span's children begin, and all children, by parent and start; roots belong to a parent behind the last.
fn children_by_parent(spans: &[&Span], links: &[Link]) -> (Vec<usize>, Vec<usize>) {
    let parent_of = |at: usize| match links[at] {
        Link::Parent(parent) => parent,
        Link::Root | Link::Orphan => spans.len(),
    };
    let mut children: Vec<usize> = (0..spans.len()).collect();
    children.sort_unstable_by_key(|&at| (parent_of(at), spans[at].start_unix_ns, spans[at].span_id));
    let mut first_child = vec![0; spans.len() + 2];
    for at in 0..spans.len() {
        first_child[parent_of(at) + 1] += 1;
    }
    for at in 1..first_child.len() {
        first_child[at] += first_child[at - 1];
    }
    (first_child, children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};
    use flowglass_model::{SpanType, Status};
    use proptest::prelude::*;

    fn shape(tree: &Tree<'_>) -> String {
        tree.nodes().iter().map(|node| format!("{}{}\n", "  ".repeat(node.depth), node.span.name)).collect()
    }

    #[test]
    fn children_are_sorted_by_start_whatever_the_order_given() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 100);
        let late = run.add(Some(root), SpanType::Node, "late", 50, 10);
        run.add(Some(root), SpanType::Node, "early", 10, 10);
        run.add(Some(late), SpanType::Node, "inner", 51, 2);
        let mut spans = run.into_spans();
        spans.reverse();
        let tree = Tree::of(&spans);
        insta::assert_snapshot!(shape(&tree), @"
        pipeline etl
          node early
          node late
            node inner
        ");
        assert_eq!(tree.children(0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(tree.roots().collect::<Vec<_>>(), [0]);
        assert_eq!(tree.duration_ns(), 100_000_000);
    }

    #[test]
    fn orphans_hang_on_the_root_and_circles_are_cut() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 100);
        let orphan = run.add(Some(root), SpanType::Node, "orphan", 5, 10);
        let (a, b) = (run.add(Some(root), SpanType::Node, "a", 20, 5), run.add(Some(root), SpanType::Node, "b", 21, 5));
        let own = run.add(Some(root), SpanType::Node, "own parent", 30, 5);
        run.span_mut(orphan).parent_id = SpanId::from_u64(9_999_999);
        run.span_mut(a).parent_id = run.span(b).span_id;
        run.span_mut(b).parent_id = run.span(a).span_id;
        run.span_mut(own).parent_id = run.span(own).span_id;
        let spans = run.into_spans();
        let tree = Tree::of(&spans);
        insta::assert_snapshot!(shape(&tree), @"
        pipeline etl
          node orphan
          node b
            node a
          node own parent
        ");
        assert!(tree.nodes()[1].is_orphan);
        assert!(!tree.nodes()[0].is_orphan);
    }

    #[test]
    fn a_run_inside_of_a_span_stands_below_it_and_alone_is_a_root() {
        let mut run = Runs::new();
        let request = run.add(None, SpanType::Custom, "request", 0, 100);
        let inner = run.add(Some(request), SpanType::Pipeline, "etl", 1, 10);
        run.add(Some(inner), SpanType::Node, "clean", 2, 3);
        run.span_mut(inner).flags = flowglass_model::flags::IS_RUN_ROOT;
        let mut spans = run.into_spans();
        insta::assert_snapshot!(shape(&Tree::of(&spans)), @"
        request
          pipeline etl
            node clean
        ");
        spans.remove(0);
        let tree = Tree::of(&spans);
        insta::assert_snapshot!(shape(&tree), @"
        pipeline etl
          node clean
        ");
        assert!(!tree.nodes()[0].is_orphan, "what is around it isn't missed");
    }

    #[test]
    fn a_span_written_twice_counts_once_and_its_end_wins() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 100);
        let ended = run.span(root).clone();
        run.span_mut(root).status = Status::Running;
        let running = run.span(root).clone();
        for spans in [vec![running.clone(), ended.clone()], vec![ended, running]] {
            let tree = Tree::of(&spans);
            assert_eq!(tree.len(), 1);
            assert_eq!(tree.nodes()[0].span.status, Status::Ok);
        }
    }

    #[test]
    fn without_a_root_each_span_without_parent_is_one() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 100);
        run.add(Some(root), SpanType::Node, "a", 1, 1);
        run.add(Some(root), SpanType::Node, "b", 2, 1);
        let spans = run.into_spans().split_off(1);
        assert_eq!(Tree::of(&spans).roots().count(), 2);
        assert!(Tree::of(&[]).is_empty());
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_no_deep_recursion() {
        let mut run = Runs::new();
        let mut above = run.add(None, SpanType::Pipeline, "etl", 0, 100);
        for _ in 0..100_000 {
            above = run.add(Some(above), SpanType::Node, "n", 0, 100);
        }
        let spans = run.into_spans();
        let tree = Tree::of(&spans);
        assert_eq!(tree.nodes()[100_000].depth, 100_000);
        assert_eq!(tree.nodes()[0].end, 100_001);
    }

    proptest! {
        #[test]
        fn every_span_has_exactly_one_place(spans in arbitrary_spans()) {
            let tree = Tree::of(&spans);
            let ids: std::collections::HashSet<_> = spans.iter().map(|span| span.span_id).collect();
            prop_assert_eq!(tree.len(), ids.len());
            for (at, node) in tree.nodes().iter().enumerate() {
                prop_assert!(node.parent.is_none_or(|parent| parent < at && tree.nodes()[parent].end >= node.end));
            }
            let below: usize = (0..tree.len()).map(|at| tree.children(at).count()).sum();
            prop_assert_eq!(below + tree.roots().count(), tree.len());
        }
    }
}
