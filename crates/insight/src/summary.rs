//! What a run did, place by place: counts, times, shares, cache hits, failures, and where to look next.

mod gather;

use flowglass_model::{Span, SpanType, Status, conventions as names};
use serde::Serialize;

use crate::advice::{self, Advice};
use crate::facts::{self, MapCounts};
use crate::{Distribution, Tree};

/// A run in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The run's name.
    pub name: String,
    /// How the run stands; none where there are no spans.
    pub status: Option<Status>,
    /// The run as a whole.
    pub totals: Totals,
    /// Each place of the pipeline, depth first; all items of a map are one place.
    pub places: Vec<Place>,
    /// Nodes that never started because an input failed. Spans don't tell of them: who has followed the run fills them in.
    pub skipped: Vec<String>,
    /// Where to look next, the most useful first. Empty where there is nothing to say.
    pub advice: Vec<Advice>,
}

/// Numbers of a whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Totals {
    /// How long the run took by the clock, in nanoseconds.
    pub duration_ns: u64,
    /// The self times of all spans together, in nanoseconds: what the run would take with nothing side by side.
    pub work_ns: u64,
    /// How many spans there are.
    pub spans: u64,
    /// How many executions of nodes there were, cached ones included.
    pub nodes: u64,
    /// How many executions of nodes, or whole items, came from the cache.
    pub cached: u64,
    /// How many executions of nodes failed.
    pub failed: u64,
    /// How many items of maps there are.
    pub items: u64,
    /// How many items of maps failed.
    pub items_failed: u64,
    /// What cache hits saved, in milliseconds, as far as spans tell.
    pub saved_ms: f64,
}

/// Numbers of one place of a pipeline: of every execution there, in every item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// What it is called below the place above.
    pub label: String,
    /// Where it stands: `a > b > c[*]`.
    pub path: String,
    /// How many places stand above it.
    pub depth: usize,
    /// What stands here.
    pub span_type: SpanType,
    /// Whether work was done here: a node, or an item of a map over one, that isn't a pipeline itself.
    pub is_work: bool,
    /// How many executions there were; estimated where [`is_estimate`](Self::is_estimate) says so.
    pub count: u64,
    /// Whether a map above kept spans of only some items: counts and times are scaled up by what was left out.
    pub is_estimate: bool,
    /// The spread of the executions that have spans: of those that computed, else of cache look-ups.
    pub durations: Distribution,
    /// All durations together, children included, in nanoseconds.
    pub total_ns: u64,
    /// All durations together without what children cover, in nanoseconds.
    pub self_ns: u64,
    /// The part of the run's work done here itself, 0 to 1: self time over the self time of all places. The shares of a run
    /// add up to 1 however much ran side by side, which shares of its clock time would not.
    pub share: f64,
    /// The most that ran at one moment below one parent.
    pub lanes: u32,
    /// How many came from the cache.
    pub cached: u64,
    /// How many asked the cache: hits, misses and writes.
    pub asked_cache: u64,
    /// What cache hits saved, in milliseconds.
    pub saved_ms: f64,
    /// How many failed.
    pub failed: u64,
}

impl Summary {
    /// Sums up these spans.
    #[must_use]
    pub fn of(spans: &[Span]) -> Self {
        Self::of_tree(&Tree::of(spans))
    }

    /// Sums up a tree.
    #[must_use]
    pub fn of_tree(tree: &Tree<'_>) -> Self {
        let Some(root) = tree.nodes().first() else { return Self::default() };
        let places = gather::places(tree);
        let mut summary = Self {
            name: facts::label(root.span).into_owned(),
            status: Some(root.span.status),
            totals: totals(tree, &places),
            places,
            skipped: Vec::new(),
            advice: Vec::new(),
        };
        summary.advice = advice::advise(tree, &summary);
        summary
    }
}

fn totals(tree: &Tree<'_>, places: &[Place]) -> Totals {
    let root = tree.nodes()[0].span;
    let sum = |of: fn(&Place) -> u64, which: fn(&Place) -> bool| {
        places.iter().filter(|place| which(place)).fold(0_u64, |sum, place| sum.saturating_add(of(place)))
    };
    let is_item = |place: &Place| place.span_type == SpanType::Item;
    let maps = tree.nodes().iter().filter_map(|node| MapCounts::of(node.span));
    let (items, items_failed) =
        maps.fold((0_u64, 0_u64), |(all, bad), map| (all.saturating_add(map.total), bad.saturating_add(map.failed)));
    let cached = facts::natural(root, names::CACHE_HITS);
    let told = facts::natural(root, names::NODE_COUNT).map(|computed| computed.saturating_add(cached.unwrap_or_default()));
    Totals {
        duration_ns: tree.duration_ns(),
        work_ns: sum(|place| place.self_ns, |_| true),
        spans: tree.len() as u64,
        nodes: told.unwrap_or_else(|| sum(|place| place.count, |place| place.is_work)),
        cached: cached.unwrap_or_else(|| sum(|place| place.cached, |_| true)),
        failed: facts::natural(root, names::NODE_FAILED).unwrap_or_else(|| sum(|place| place.failed, |place| place.is_work)),
        items: items.max(sum(|place| place.count, is_item)),
        items_failed: items_failed.max(sum(|place| place.failed, is_item)),
        saved_ms: saved_ms(tree),
    }
}

/// What hits saved: the root knows it, else the innermost hits do.
fn saved_ms(tree: &Tree<'_>) -> f64 {
    match facts::saved_ms(tree.nodes()[0].span) {
        0.0 => gather::saved_ms(tree),
        saved_ms => saved_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};
    use proptest::prelude::*;

    fn table(summary: &Summary) -> String {
        let line = |place: &Place| {
            let (spread, ms) = (place.durations, |ns: u64| ns / 1_000_000);
            let marks = format!("{}{}", if place.is_estimate { "~" } else { "" }, place.count);
            format!(
                "{} ×{marks} share {:.0} % p50 {} p95 {} max {} hits {} failed {}\n",
                place.path,
                place.share * 100.0,
                ms(spread.p50_ns),
                ms(spread.p95_ns),
                ms(spread.max_ns),
                place.cached,
                place.failed
            )
        };
        summary.places.iter().map(line).collect()
    }

    fn mapped() -> Runs {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 100);
        run.add(Some(root), SpanType::Node, "load", 0, 20);
        let map = run.add(Some(root), SpanType::Map, "words", 20, 70);
        for index in 0..4_u64 {
            let item = run.add(Some(map), SpanType::Item, &index.to_string(), 20 + index % 2 * 30, 30);
            let node = run.add(Some(item), SpanType::Node, "stem", 20 + index % 2 * 30, 20 + index);
            if index == 3 {
                run.fail(node, "bad");
                run.set(node, names::CACHE_STATUS, "miss");
            } else if index == 0 {
                run.set(node, names::CACHE_STATUS, "hit");
                run.set(node, names::CACHE_SAVED_MS, 500.0);
            }
        }
        run
    }

    #[test]
    fn all_items_of_a_map_are_one_place() {
        let summary = Summary::of(&mapped().into_spans());
        insta::assert_snapshot!(table(&summary), @"
        etl ×1 share 6 % p50 100 p95 100 max 100 hits 0 failed 0
        etl > load ×1 share 12 % p50 20 p95 20 max 20 hits 0 failed 0
        etl > words ×1 share 6 % p50 70 p95 70 max 70 hits 0 failed 0
        etl > words[*] ×4 share 21 % p50 30 p95 30 max 30 hits 0 failed 0
        etl > words[*] > stem ×4 share 54 % p50 22 p95 22 max 23 hits 1 failed 1
        ");
        let totals = summary.totals;
        assert_eq!((totals.nodes, totals.cached, totals.failed, totals.items), (5, 1, 1, 4));
        assert!((totals.saved_ms - 500.0).abs() < 1e-9);
        assert_eq!(summary.places[3].lanes, 2);
    }

    #[test]
    fn what_was_not_sampled_is_scaled_up() {
        let mut run = mapped();
        run.set(2, names::MAP_TOTAL, 40);
        run.set(2, names::MAP_UNSAMPLED, 36);
        let summary = Summary::of(&run.into_spans());
        assert_eq!((summary.places[4].count, summary.places[4].is_estimate), (40, true));
        assert_eq!(summary.places[2].self_ns, 0);
        assert_eq!(summary.totals.items, 40);
    }

    #[test]
    fn what_is_around_a_hit_repeats_its_saving() {
        let mut run = mapped();
        for at in [0, 2, 3] {
            run.set(at, names::CACHE_STATUS, "hit");
        }
        run.set(2, names::CACHE_SAVED_MS, 500.0);
        run.set(3, names::CACHE_SAVED_MS, 500.0);
        let whole = run.add(Some(2), SpanType::Item, "4", 80, 1);
        run.set(whole, names::CACHE_STATUS, "hit");
        run.set(whole, names::CACHE_SAVED_MS, 70.0);
        let saved_ms = Summary::of(&run.into_spans()).totals.saved_ms;
        assert!((saved_ms - 570.0).abs() < 1e-9, "{saved_ms}");
    }

    #[test]
    fn a_root_that_knows_its_counts_is_believed() {
        let mut run = mapped();
        run.set(0, names::NODE_COUNT, 30);
        run.set(0, names::CACHE_HITS, 10);
        let totals = Summary::of(&run.into_spans()).totals;
        assert_eq!((totals.nodes, totals.cached), (40, 10));
    }

    #[test]
    fn an_empty_run_has_an_empty_summary() {
        assert_eq!(Summary::of(&[]), Summary::default());
    }

    proptest! {
        #[test]
        fn shares_add_up_to_one(spans in arbitrary_spans()) {
            let summary = Summary::of(&spans);
            let sum: f64 = summary.places.iter().map(|place| place.share).sum();
            prop_assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-6);
        }
    }
}
