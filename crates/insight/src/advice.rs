//! Where to look next: a few findings about a run, each with something to do about it.

use flowglass_model::{AttributeValue, SpanType, Status, conventions as names};
use serde::Serialize;

use crate::summary::{Place, Summary};
use crate::{CriticalPath, Tree, facts, failures, quantity, text};

/// A run shorter than this gets no advice about its speed, in nanoseconds.
const WORTH_SPEEDING_UP_NS: u64 = 50_000_000;

/// What an item works on is told in at most so many columns.
const ITEM_COLUMNS: usize = 60;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What it is about.
    pub topic: Topic,
    /// The finding and what to do, on one line; names stand in backticks.
    pub text: String,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Topic {
    /// Something failed.
    Failure,
    /// The run never ended.
    Interruption,
    /// One place took most of the time.
    HotSpot,
    /// One execution took far longer than the others of its place.
    Outlier,
    /// Time went into attempts that failed.
    Retries,
    /// Callbacks failed, or the run waited for them.
    Callbacks,
    /// What decided how long the run took, where work ran side by side.
    CriticalPath,
    /// What the cache did.
    Cache,
}

/// Finds what is worth saying about a run, the most useful first.
pub(crate) fn advise(tree: &Tree<'_>, summary: &Summary) -> Vec<Advice> {
    let findings = [
        (Topic::Failure, failure(tree, summary)),
        (Topic::Interruption, interruption(tree)),
        (Topic::HotSpot, hot_spot(summary)),
        (Topic::Outlier, outlier(tree, summary)),
        (Topic::Retries, retries(summary)),
        (Topic::Callbacks, callbacks(tree)),
        (Topic::CriticalPath, critical_path(tree, summary)),
        (Topic::Cache, cache(summary)),
    ];
    findings.into_iter().filter_map(|(topic, text)| Some(Advice { topic, text: text? })).collect()
}

fn failure(tree: &Tree<'_>, summary: &Summary) -> Option<String> {
    let causes = failures::origins(tree);
    let first = *causes.first()?;
    let message = facts::error(tree.nodes()[first].span).unwrap_or_default();
    let message = text::first_line(message);
    let message = text::cut(&message, 160, "…");
    let more = match causes.len() - 1 {
        0 => String::new(),
        more => format!(" ({} more failed)", quantity::count(more as u64)),
    };
    let kept = summary.places.iter().any(|place| place.asked_cache > 0);
    let next = if kept { "; once fixed, run it again: what succeeded comes from the cache" } else { "" };
    Some(format!("first failure: {}: {message}{more}{next}", named(tree, first)))
}

fn interruption(tree: &Tree<'_>) -> Option<String> {
    let interrupted = |at: usize| tree.nodes()[at].span.status == Status::Interrupted;
    let at = (0..tree.len()).find(|&at| interrupted(at) && !tree.children(at).any(interrupted))?;
    Some(format!("the process ended while {} ran; run it again to finish the work", named(tree, at)))
}

fn hot_spot(summary: &Summary) -> Option<String> {
    let place = summary.places.iter().max_by(|a, b| a.share.total_cmp(&b.share))?;
    let alone = summary.places.iter().filter(|place| place.is_work).count() < 2;
    if summary.totals.work_ns < WORTH_SPEEDING_UP_NS || place.share < 0.5 || alone {
        return None;
    }
    let above = enclosing_items(summary, place);
    // Looking into the cache one after another is no work that could be spread.
    let computed = place.count > place.cached;
    let one_by_one = computed && above.is_some_and(|items| items.lanes == 1 && items.count > 1);
    let next = if !place.is_work {
        String::new()
    } else if one_by_one {
        format!("; its {} ran one after another: run the map in parallel", quantity::counted(place.count, "execution"))
    } else if place.asked_cache == 0 {
        "; it is not cached: with a cache, the next run with the same inputs skips it".to_owned()
    } else {
        String::new()
    };
    let name = place.path.rsplit(" > ").next().unwrap_or(&place.path).trim_end_matches("[*]");
    Some(format!("`{name}` took {} of the time{next}", quantity::percent(place.share)))
}

/// Returns the items of the map that a place is in, or is.
fn enclosing_items<'a>(summary: &'a Summary, place: &Place) -> Option<&'a Place> {
    let at = summary.places.iter().position(|other| std::ptr::eq(other, place))?;
    let mut depth = place.depth + 1;
    let above = summary.places[..=at].iter().rev().filter(move |other| {
        let is_above = other.depth < depth;
        depth = depth.min(other.depth);
        is_above
    });
    above.into_iter().find(|other| other.span_type == SpanType::Item)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio shown with two digits")]
fn outlier(tree: &Tree<'_>, summary: &Summary) -> Option<String> {
    let stands_out = |place: &&Place| {
        let spread = place.durations;
        let excess_ns = spread.max_ns - spread.p50_ns;
        place.span_type == SpanType::Item
            && spread.count >= 4
            && spread.p50_ns > 0
            && spread.max_ns / spread.p50_ns >= 8
            && excess_ns >= WORTH_SPEEDING_UP_NS.max(summary.totals.duration_ns / 5)
    };
    let spread = summary.places.iter().find(stands_out)?.durations;
    let is_it = |at: &usize| {
        let span = tree.nodes()[*at].span;
        span.span_type == SpanType::Item && span.duration_ns == spread.max_ns
    };
    let at = (0..tree.len()).find(is_it)?;
    let factor = spread.max_ns as f64 / spread.p50_ns as f64;
    Some(format!(
        "{} took {}, {factor:.0} times the median of its map: look at its input",
        named(tree, at),
        quantity::duration(spread.max_ns)
    ))
}

fn retries(summary: &Summary) -> Option<String> {
    let attempts = summary.places.iter().filter(|place| place.span_type == SpanType::Attempt);
    let place = attempts.filter(|place| place.failed > 0).max_by_key(|place| place.failed)?;
    let node = place.path.rsplit(" > ").nth(1).unwrap_or(&place.path);
    Some(format!(
        "{} of `{node}` failed and cost a retry: see what they have in common",
        quantity::counted(place.failed, "attempt")
    ))
}

#[expect(clippy::cast_precision_loss, reason = "a share shown with two digits")]
/// A callback that failed, and one for which the run waited a good part of its time.
fn callbacks(tree: &Tree<'_>) -> Option<String> {
    let root = tree.nodes().first()?.span;
    if let Some(failed) = root.text(names::CALLBACK_FAILED) {
        return Some(format!("{} (the run did not notice)", text::first_line(failed)));
    }
    let took_ms = root.attribute(names::CALLBACK_DURATION_MS).and_then(AttributeValue::as_f64)?;
    let share = took_ms * 1e6 / tree.duration_ns().max(1) as f64;
    let slowest = text::clean(root.text(names::CALLBACK_SLOWEST)?).into_owned();
    let is_slow = share >= 0.05 && tree.duration_ns() >= WORTH_SPEEDING_UP_NS;
    let took = quantity::duration_ms(took_ms);
    is_slow.then(|| {
        format!("the run waited {took} for its callbacks, mostly for `{slowest}`: {} of its time", quantity::percent(share))
    })
}

fn critical_path(tree: &Tree<'_>, summary: &Summary) -> Option<String> {
    let totals = summary.totals;
    let side_by_side = totals.work_ns as f64 > totals.duration_ns as f64 * 1.2;
    if totals.duration_ns < WORTH_SPEEDING_UP_NS || !side_by_side {
        return None;
    }
    let path = CriticalPath::of(tree);
    let steps = path.steps(tree, 4);
    let longest_ns = steps.iter().map(|(_, duration_ns)| *duration_ns).max()?;
    let share = longest_ns as f64 / path.duration_ns as f64;
    let steps: Vec<String> = steps.iter().map(|(step, _)| format!("`{step}`")).collect();
    (steps.len() > 1).then(|| {
        format!(
            "the critical path is {}: only shortening these shortens the run (the longest is {} of it)",
            steps.join(" → "),
            quantity::percent(share)
        )
    })
}

fn cache(summary: &Summary) -> Option<String> {
    let totals = summary.totals;
    if totals.cached == 0 {
        return None;
    }
    let saved =
        if totals.saved_ms >= 1.0 { format!(" and saved {}", quantity::duration_ms(totals.saved_ms)) } else { String::new() };
    let of = if totals.nodes >= totals.cached { format!(" of {}", quantity::count(totals.nodes)) } else { String::new() };
    Some(format!("{}{of} nodes came from the cache{saved}", quantity::count(totals.cached)))
}

/// Returns a span's path in backticks and what the item works on that it is, or is in.
fn named(tree: &Tree<'_>, at: usize) -> String {
    let mut above = std::iter::successors(Some(at), |&at| tree.nodes()[at].parent);
    let name = format!("`{}`", path(tree, at));
    match above.find_map(|at| facts::item(tree.nodes()[at].span)) {
        Some(item) => format!("{name} ({})", text::shorten(&text::clean(item), ITEM_COLUMNS, "…")),
        None => name,
    }
}

/// Returns a span's path without the run's own name.
fn path(tree: &Tree<'_>, at: usize) -> String {
    let mut labels = Vec::new();
    let mut place = Some(at);
    while let Some(at) = place.filter(|_| labels.len() < 12) {
        labels.push(facts::label(tree.nodes()[at].span));
        place = tree.nodes()[at].parent;
    }
    if place.is_none() && labels.len() > 1 {
        labels.pop();
    }
    let mut path = String::new();
    for label in labels.iter().rev() {
        let separator = if path.is_empty() || label.starts_with('[') { "" } else { " > " };
        path.push_str(separator);
        path.push_str(label);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Runs;
    use flowglass_model::SpanType::{Attempt, Item, Map, Node, Pipeline};
    use flowglass_model::conventions as names;

    fn advice(run: Runs) -> String {
        Summary::of(&run.into_spans()).advice.into_iter().map(|advice| advice.text + "\n").collect()
    }

    #[test]
    fn a_fast_healthy_run_needs_no_advice() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 4);
        run.add(Some(root), Node, "load", 0, 4);
        assert_eq!(advice(run), "");
        assert_eq!(advice(Runs::new()), "");
    }

    #[test]
    fn a_hot_node_without_a_cache_is_named() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 1_000);
        run.add(Some(root), Node, "load", 0, 170);
        run.add(Some(root), Node, "encode", 170, 830);
        insta::assert_snapshot!(advice(run), @"`encode` took 83 % of the time; it is not cached: with a cache, the next run with the same inputs skips it");
    }

    #[test]
    fn items_one_after_another_and_failures_are_told() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 700);
        run.add(Some(root), Node, "load", 0, 100);
        let map = run.add(Some(root), Map, "digest", 100, 600);
        for index in 0..4_u64 {
            let item = run.add(Some(map), Item, &index.to_string(), 100 + index * 150, 150);
            let node = run.add(Some(item), Node, "hash", 100 + index * 150, 150);
            run.set(node, names::CACHE_STATUS, if index == 1 { "hit" } else { "write" });
            run.set(node, names::CACHE_SAVED_MS, if index == 1 { 3_200.0 } else { 0.0 });
            if index > 1 {
                run.fail(node, "bad utf-8\nat byte 7");
                run.fail(item, "bad utf-8");
            }
        }
        insta::assert_snapshot!(advice(run), @"
        first failure: `digest[2] > hash`: bad utf-8 (1 more failed); once fixed, run it again: what succeeded comes from the cache
        `hash` took 86 % of the time; its 4 executions ran one after another: run the map in parallel
        1 of 5 nodes came from the cache and saved 3.20s
        ");
    }

    #[test]
    fn a_map_over_a_plain_node_is_named_by_its_node() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 700);
        run.add(Some(root), Node, "load", 0, 100);
        let map = run.add(Some(root), Map, "digest", 100, 600);
        for index in 0..4_u64 {
            run.add(Some(map), Item, &index.to_string(), 100 + index * 150, 150);
        }
        insta::assert_snapshot!(advice(run), @"`digest` took 86 % of the time; its 4 executions ran one after another: run the map in parallel");
    }

    #[test]
    fn hits_one_after_another_are_no_work_to_spread() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 700);
        run.add(Some(root), Node, "load", 0, 100);
        let map = run.add(Some(root), Map, "digest", 100, 600);
        for index in 0..4_u64 {
            let item = run.add(Some(map), Item, &index.to_string(), 100 + index * 150, 150);
            run.set(item, names::CACHE_STATUS, "hit");
        }
        let advice = advice(run);
        assert!(advice.contains("4 of 5 nodes came from the cache") && !advice.contains("parallel"), "{advice}");
    }

    #[test]
    fn parallel_work_shows_its_critical_path_and_its_outlier() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 1_000);
        run.add(Some(root), Node, "load", 0, 100);
        let map = run.add(Some(root), Map, "digest", 100, 900);
        for (index, ms) in [90, 900, 95, 100, 400].into_iter().enumerate() {
            run.add(Some(map), Item, &index.to_string(), 100, ms);
        }
        insta::assert_snapshot!(advice(run), @"
        `digest` took 94 % of the time; it is not cached: with a cache, the next run with the same inputs skips it
        `digest[1]` took 900ms, 9 times the median of its map: look at its input
        the critical path is `load` → `digest[1]`: only shortening these shortens the run (the longest is 90 % of it)
        ");
    }

    #[test]
    fn advice_about_an_item_says_what_it_works_on() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 1_000);
        let map = run.add(Some(root), Map, "twins", 0, 1_000);
        for (index, ms) in [90, 1_000, 95, 100, 105].into_iter().enumerate() {
            let item = run.add(Some(map), Item, &index.to_string(), 0, ms);
            run.set(item, names::MAP_ITEM, format!("crates/{}src/y{index}.rs", "long/".repeat(20)));
        }
        let hash = run.add(Some(2), Node, "hash", 0, 90);
        run.fail(hash, "bad utf-8");
        run.span_mut(2).attributes = vec![(names::MAP_ITEM.to_owned(), "a\u{1b}[31m\nb".into())];
        let advice = advice(run);
        assert!(advice.contains("first failure: `twins[0] > hash` (a␛[31m b): bad utf-8"), "{advice}");
        let end = "long/long/long/long/long/long/long/long/long/src/y1.rs";
        assert!(advice.contains(&format!("`twins[1]` (…/{end}) took 1.00s, ")), "{advice}");
    }

    #[test]
    fn interruptions_and_retries_are_told() {
        let mut run = Runs::new();
        let root = run.add(None, Pipeline, "etl", 0, 30);
        let node = run.add(Some(root), Node, "fetch", 0, 30);
        let attempt = run.add(Some(node), Attempt, "1", 0, 10);
        run.fail(attempt, "timed out");
        for at in [root, node] {
            run.span_mut(at).status = Status::Interrupted;
        }
        insta::assert_snapshot!(advice(run), @"
        the process ended while `fetch` ran; run it again to finish the work
        1 attempt of `fetch` failed and cost a retry: see what they have in common
        ");
    }
}
