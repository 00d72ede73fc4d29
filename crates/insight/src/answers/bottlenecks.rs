//! What takes long: the spans over a threshold, and what the runs waited for.

use std::collections::BTreeMap;

use flowglass_model::{Rollup, Span, SpanType, conventions as names};
use serde::Serialize;

use super::places::{by_trace, paths};
use crate::{CriticalPath, Tree};

/// Spans of one name and node that took longer than a threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bottleneck {
    /// The spans' name; `item *` for all items of a map.
    pub name: String,
    /// The node, or empty.
    pub node: String,
    /// How many took longer.
    pub count: u64,
    /// How long these took together, in nanoseconds.
    pub total_ns: u64,
    /// Their mean duration, in nanoseconds.
    pub mean_ns: u64,
    /// The longest duration, in nanoseconds.
    pub max_ns: u64,
}

/// Returns the spans that took longer than a threshold by their names and nodes, those first that took the longest in all. What only stands
/// around others (pipelines and maps) is no bottleneck.
#[must_use]
pub fn bottlenecks(spans: &[Span], over_ns: u64) -> Vec<Bottleneck> {
    let is_around = |span: &Span| matches!(span.span_type, SpanType::Pipeline | SpanType::Map);
    let mut sums: BTreeMap<(&str, &str), (u64, u64, u64)> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.duration_ns > over_ns && !is_around(span)) {
        let (count, total_ns, max_ns) =
            sums.entry((Rollup::name_of(&span.name), span.text(names::NODE_ID).unwrap_or_default())).or_default();
        *count += 1;
        *total_ns = total_ns.saturating_add(span.duration_ns);
        *max_ns = span.duration_ns.max(*max_ns);
    }
    let bottleneck = |((name, node), (count, total_ns, max_ns)): ((&str, &str), (u64, u64, u64))| Bottleneck {
        name: name.to_owned(),
        node: node.to_owned(),
        count,
        total_ns,
        mean_ns: total_ns / count.max(1),
        max_ns,
    };
    let mut found: Vec<Bottleneck> = sums.into_iter().map(bottleneck).collect();
    found.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| (&a.name, &a.node).cmp(&(&b.name, &b.node))));
    found
}

/// What runs waited for at one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriticalPlace {
    /// Where: `outer > inner[*] > node`.
    pub path: String,
    /// How many runs waited for it.
    pub runs: u64,
    /// How long they waited for it together, in nanoseconds: its own time on their critical paths.
    pub total_ns: u64,
    /// The part of all critical paths that it has, 0 to 1. So much sooner the runs would end if it took no time.
    pub share: f64,
}

/// Returns what the critical paths of runs are made of, what the runs waited for the longest first. The spans are those of whole runs.
#[must_use]
pub fn critical_places(spans: &[Span]) -> Vec<CriticalPlace> {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for run in by_trace(spans) {
        for (path, duration_ns) in waited_for(&Tree::of(&run)) {
            let (runs, total_ns) = sums.entry(path).or_default();
            *runs += 1;
            *total_ns = total_ns.saturating_add(duration_ns);
        }
    }
    let all_ns: u128 = sums.values().map(|(_, total_ns)| u128::from(*total_ns)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = |total_ns: u64| total_ns as f64 / all_ns.max(1) as f64;
    let place = |(path, (runs, total_ns))| CriticalPlace { path, runs, total_ns, share: share(total_ns) };
    let mut places: Vec<CriticalPlace> = sums.into_iter().map(place).collect();
    places.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.path.cmp(&b.path)));
    places
}

/// Returns how long one run waited for each place.
fn waited_for(tree: &Tree<'_>) -> BTreeMap<String, u64> {
    let (paths, mut sums) = (paths(tree), BTreeMap::new());
    for (at, duration_ns) in CriticalPath::of(tree).by_span().into_iter().filter(|(_, duration_ns)| *duration_ns > 0) {
        let sum: &mut u64 = sums.entry(paths[at].clone()).or_default();
        *sum = sum.saturating_add(duration_ns);
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};

    /// A pipeline of 10 ms: `load` 4 ms, then beside each other a map of two items (2 ms each) and `draw` 5 ms.
    fn run() -> Vec<Span> {
        let mut runs = Runs::new();
        let root = runs.add(None, SpanType::Pipeline, "demo", 0, 10);
        runs.add(Some(root), SpanType::Node, "load", 0, 4);
        let map = runs.add(Some(root), SpanType::Map, "files", 4, 4);
        for index in 0..2 {
            runs.add(Some(map), SpanType::Item, &index.to_string(), 4 + index * 2, 2);
        }
        runs.add(Some(root), SpanType::Node, "draw", 4, 5);
        runs.into_spans()
    }

    #[test]
    fn what_took_longer_is_grouped_by_name() {
        let found = bottlenecks(&run(), 1_500_000);
        let plain: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.count, one.total_ns / 1_000_000)).collect();
        assert_eq!(plain, [("node draw", 1, 5), ("item *", 2, 4), ("node load", 1, 4)]);
        assert_eq!((bottlenecks(&run(), u64::MAX), bottlenecks(&[], 0)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn runs_wait_for_what_ends_last() {
        let places = critical_places(&run());
        let plain: Vec<_> = places.iter().map(|one| (one.path.as_str(), one.runs, one.total_ns / 1_000_000)).collect();
        assert_eq!(plain, [("demo > draw", 1, 5), ("demo > load", 1, 4), ("demo", 1, 1)]);
        assert!((places[0].share - 0.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_spans_make_it_panic(spans in arbitrary_spans()) {
            let share: f64 = critical_places(&spans).iter().map(|place| place.share).sum();
            prop_assert!(share < 1.0 + 1e-9);
            let _ = bottlenecks(&spans, 5);
        }
    }
}
