//! Choosing the rows that are worth a look, and saying what was left out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use flowglass_model::{SpanType, Status};

use super::{Folded, Row};
use crate::Distribution;

/// How much a folded waterfall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldLimits {
    /// The most rows in all; fewer than [`FoldLimits::LEAST_ROWS`] are never enforced.
    pub rows: usize,
    /// The most items below one map: failed ones first, then the slowest.
    pub items: usize,
}

impl FoldLimits {
    /// Rows that even the tightest fold may take: a root, one row below it and what was left out of either.
    pub const LEAST_ROWS: usize = 4;
}

impl Default for FoldLimits {
    /// Shows at most 120 rows and 8 items a map.
    fn default() -> Self {
        Self { rows: 120, items: 8 }
    }
}

/// What decides between rows: something failed in it, few items stand above it, it took long, it comes first.
type Rank = (bool, Reverse<u32>, u64, Reverse<usize>);

pub(super) fn fold(rows: &[Row], limits: &FoldLimits) -> Vec<Row> {
    let mut choice = Choice::new(rows);
    choice.make(limits);
    choice.show_single_leaves();
    choice.into_rows()
}

struct Choice<'a> {
    rows: &'a [Row],
    /// The index behind the last row of each subtree.
    ends: Vec<usize>,
    /// Whether something failed in the subtree.
    bad: Vec<bool>,
    shown: Vec<bool>,
}

impl<'a> Choice<'a> {
    fn new(rows: &'a [Row]) -> Self {
        let mut ends: Vec<usize> = (1..=rows.len()).collect();
        let mut bad: Vec<bool> = rows.iter().map(Row::is_bad).collect();
        for (at, row) in rows.iter().enumerate().rev() {
            if let Some(parent) = row.parent {
                ends[parent] = ends[parent].max(ends[at]);
                bad[parent] |= bad[at];
            }
        }
        Self { rows, ends, bad, shown: vec![false; rows.len()] }
    }

    /// Takes the best row again and again, each after its parent, until the next could pass the limit.
    fn make(&mut self, limits: &FoldLimits) {
        let limit = limits.rows.max(FoldLimits::LEAST_ROWS);
        let mut best = BinaryHeap::new();
        let mut waiting = vec![0_usize; self.rows.len()];
        let mut roots_waiting = self.offer(None, 0, limits, &mut best);
        let (mut rows, mut folds) = (0, usize::from(roots_waiting > 0));
        while let Some((_, Reverse(nesting), _, Reverse(at))) = best.pop() {
            let siblings = self.rows[at].parent.map_or(&mut roots_waiting, |parent| &mut waiting[parent]);
            let has_below = self.ends[at] > at + 1 || unsampled(&self.rows[at]) > 0;
            let closes = usize::from(*siblings == 1);
            if rows + 1 + folds + usize::from(has_below) - closes > limit {
                break;
            }
            *siblings -= 1;
            self.shown[at] = true;
            let inner = nesting + u32::from(self.rows[at].span_type == SpanType::Item);
            waiting[at] = self.offer(Some(at), inner, limits, &mut best);
            rows += 1;
            folds = folds + usize::from(waiting[at] > 0) - closes;
        }
    }

    /// Puts the children that may be shown among those to choose from; returns how many things below are still unseen.
    fn offer(&self, parent: Option<usize>, nesting: u32, limits: &FoldLimits, best: &mut BinaryHeap<Rank>) -> usize {
        let children: Vec<usize> = self.children(parent).collect();
        let rank = |at: usize| (self.bad[at], Reverse(nesting), self.rows[at].duration_ns, Reverse(at));
        let is_item = |at: usize| self.rows[at].span_type == SpanType::Item;
        let mut items: Vec<Rank> = children.iter().copied().filter(|&at| is_item(at)).map(rank).collect();
        if items.len() > limits.items {
            items.sort_unstable_by_key(|rank| Reverse(*rank));
            items.truncate(limits.items);
        }
        best.extend(items);
        best.extend(children.iter().copied().filter(|&at| !is_item(at)).map(rank));
        children.len() + usize::from(parent.is_some_and(|parent| unsampled(&self.rows[parent]) > 0))
    }

    /// Shows a child that is the only thing left out below its parent and no more than a row itself.
    fn show_single_leaves(&mut self) {
        let parents = std::iter::once(None).chain((0..self.rows.len()).filter(|&at| self.shown[at]).map(Some));
        let single = |parent: Option<usize>| {
            let mut hidden = self.children(parent).filter(|&at| !self.shown[at]);
            let (first, more) = (hidden.next()?, hidden.next().is_some());
            let counts = parent.map_or(0, |parent| unsampled(&self.rows[parent])) + unsampled(&self.rows[first]);
            (!more && counts == 0 && self.ends[first] == first + 1).then_some(first)
        };
        let singles: Vec<usize> = parents.filter_map(single).collect();
        singles.into_iter().for_each(|at| self.shown[at] = true);
    }

    fn into_rows(self) -> Vec<Row> {
        let mut folded = Vec::new();
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        while at < self.rows.len() {
            self.close(&mut open, &mut folded, at);
            if self.shown[at] {
                let parent = open.last().map(|&(_, place)| place);
                open.push((at, folded.len()));
                folded.push(Row { parent, ..self.rows[at].clone() });
                at += 1;
            } else {
                at = self.ends[at];
            }
        }
        self.close(&mut open, &mut folded, usize::MAX);
        folded.extend(self.left_out(None, None));
        folded
    }

    fn close(&self, open: &mut Vec<(usize, usize)>, folded: &mut Vec<Row>, at: usize) {
        while let Some((row, place)) = open.pop_if(|(row, _)| self.ends[*row] <= at) {
            folded.extend(self.left_out(Some(row), Some(place)));
        }
    }

    /// Returns the row that says what was left out below a row, if anything was.
    fn left_out(&self, parent: Option<usize>, place: Option<usize>) -> Option<Row> {
        let hidden: Vec<usize> = self.children(parent).filter(|&at| !self.shown[at]).collect();
        let above = parent.map(|parent| &self.rows[parent]);
        let without_span = above.map_or(0, unsampled);
        if hidden.is_empty() && without_span == 0 {
            return None;
        }
        let folded = self.count(parent, &hidden, without_span);
        let model = hidden.first().map(|&at| &self.rows[at]).or(above)?;
        let offset_ns = hidden.first().map_or(model.offset_ns, |&at| self.rows[at].offset_ns);
        let end_ns = hidden.iter().map(|&at| self.rows[at].end_ns()).max().unwrap_or_else(|| model.end_ns());
        Some(Row {
            label: folded.text(),
            path: above.map_or_else(String::new, |above| above.path.clone()),
            item: None,
            depth: above.map_or(0, |above| above.depth + 1),
            parent: place,
            span_id: above.unwrap_or(model).span_id,
            span_type: if folded.are_items { SpanType::Item } else { SpanType::Custom },
            status: if folded.failed > 0 { Status::Error } else { Status::Ok },
            cache: None,
            saved_ms: 0.0,
            offset_ns,
            duration_ns: end_ns - offset_ns,
            lane: 0,
            lanes: 0,
            map: None,
            attempt: None,
            backend: None,
            error: None,
            folded: Some(folded),
            node: above.unwrap_or(model).node,
        })
    }

    fn count(&self, parent: Option<usize>, hidden: &[usize], without_span: u64) -> Folded {
        let mut durations_ns: Vec<u64> = hidden.iter().map(|&at| self.rows[at].duration_ns).collect();
        let spread = Distribution::of(&mut durations_ns);
        let counts = parent.and_then(|parent| self.rows[parent].map).filter(|_| without_span > 0);
        let seen = |test: &dyn Fn(&Row) -> bool, among_shown: bool| {
            let rows = self.children(parent).filter(|&at| self.shown[at] == among_shown);
            rows.filter(|&at| test(&self.rows[at])).count() as u64
        };
        let exact = |total: Option<u64>, test: &dyn Fn(&Row) -> bool| match total {
            Some(total) => total.saturating_sub(seen(test, true)),
            None => seen(test, false),
        };
        let measured = (!hidden.is_empty()).then_some(spread);
        Folded {
            children: without_span.saturating_add(hidden.len() as u64),
            spans: hidden.iter().map(|&at| (self.ends[at] - at) as u64).sum(),
            are_items: without_span > 0 || hidden.iter().any(|&at| self.rows[at].span_type == SpanType::Item),
            failed: exact(counts.map(|counts| counts.failed), &|row| row.status == Status::Error),
            cached: exact(counts.map(|counts| counts.cached), &Row::is_cached),
            p50_ns: counts.and_then(|counts| counts.p50_ns).or(measured.map(|spread| spread.p50_ns)),
            max_ns: counts.and_then(|counts| counts.max_ns).or(measured.map(|spread| spread.max_ns)),
        }
    }

    fn children(&self, parent: Option<usize>) -> impl Iterator<Item = usize> + '_ {
        let (first, end) = parent.map_or((0, self.rows.len()), |parent| (parent + 1, self.ends[parent]));
        std::iter::successors(Some(first), |&at| self.ends.get(at).copied()).take_while(move |&at| at < end)
    }
}

fn unsampled(row: &Row) -> u64 {
    row.map.map_or(0, |counts| counts.unsampled)
}
