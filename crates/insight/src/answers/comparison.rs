//! Two runs, or two sets of runs, side by side: what became slower, what fails now, and what else is different.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowglass_model::{Attributes, Resource, Span, Status, conventions as names};
use serde::Serialize;

use super::nodes::part;
use super::places::{by_trace, paths};
use crate::{Distribution, Tree, facts};

/// What changed from some runs to others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How many runs there were before.
    pub runs_before: u64,
    /// How many there are after.
    pub runs_after: u64,
    /// The runs as wholes.
    pub whole: Change,
    /// Each place that both or one of them have, where the time changed most first.
    pub places: Vec<PlaceChange>,
    /// What is different about the runs themselves: versions, inputs, environment.
    pub facts: Vec<Fact>,
}

/// Numbers before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Change {
    /// The durations before.
    pub before: Distribution,
    /// The durations after.
    pub after: Distribution,
    /// How many failed before.
    pub failed_before: u64,
    /// How many fail after.
    pub failed_after: u64,
    /// How many came from the cache before.
    pub cached_before: u64,
    /// How many come from the cache after.
    pub cached_after: u64,
}

/// One place of the pipeline, before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceChange {
    /// Where: `outer > inner[*] > node`.
    pub path: String,
    /// What changed there.
    pub change: Change,
}

/// Something about the runs that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What: an attribute of the roots.
    pub key: String,
    /// Its values before; empty if it wasn't there.
    pub before: Vec<String>,
    /// Its values after; empty if it isn't there any more.
    pub after: Vec<String>,
}

impl Change {
    /// Says whether only the runs after have it.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.before.count == 0 && self.after.count > 0
    }

    /// Says whether only the runs before had it.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.after.count == 0 && self.before.count > 0
    }

    /// Says whether it fails, and did not fail before.
    #[must_use]
    pub const fn fails_newly(&self) -> bool {
        self.failed_before == 0 && self.failed_after > 0
    }

    /// Returns how much longer the median takes, as a part of what it took: 0.5 for half as long again, -0.5 for half as long.
    /// Nothing where one of both is missing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn slower_by(&self) -> Option<f64> {
        let (before, after) = (self.before.p50_ns as f64, self.after.p50_ns as f64);
        (self.before.count > 0 && self.after.count > 0 && before > 0.0).then(|| after / before - 1.0)
    }

    /// Returns the failure rates before and after, 0 to 1.
    #[must_use]
    pub fn failure_rates(&self) -> (f64, f64) {
        (part(self.failed_before, self.before.count), part(self.failed_after, self.after.count))
    }

    /// How much the time spent here changed, a run, in nanoseconds.
    fn moved_ns(&self, runs_before: u64, runs_after: u64) -> u64 {
        let a_run = |spread: &Distribution, runs: u64| spread.total_ns.checked_div(runs).unwrap_or_default();
        a_run(&self.before, runs_before).abs_diff(a_run(&self.after, runs_after))
    }
}

/// Attributes of roots that are different in every run, or that places tell better.
const ALWAYS_DIFFERENT: [&str; 12] = [
    names::NODE_COUNT,
    names::NODE_FAILED,
    names::CACHE_HITS,
    names::CACHE_SAVED_MS,
    names::CACHE_DURATION_MS,
    names::CALLBACK_DURATION_MS,
    names::CALLBACK_SLOWEST,
    names::FAILURE_PATH,
    names::FAILURE_SKIPPED,
    names::RUN_RESUMES,
    names::PROCESS_PID,
    names::SPAN_TYPE,
];

/// So many values of one attribute are told.
const MOST_VALUES: usize = 5;

impl Comparison {
    /// Compares the spans of one run, or of several, with those of others.
    #[must_use]
    pub fn of(before: &[Span], after: &[Span]) -> Self {
        let (old, new) = (Side::of(before), Side::of(after));
        let paths: BTreeSet<&String> = old.places.keys().chain(new.places.keys()).collect();
        let place = |path: &&String| {
            let change = Change::between(old.places.get(*path), new.places.get(*path));
            PlaceChange { path: (*path).clone(), change }
        };
        let mut places: Vec<PlaceChange> = paths.iter().map(place).collect();
        let moved = |place: &PlaceChange| place.change.moved_ns(old.runs, new.runs);
        places.sort_by_key(|place| std::cmp::Reverse(moved(place)));
        let whole = Change::between(Some(&old.whole), Some(&new.whole));
        Self { runs_before: old.runs, runs_after: new.runs, whole, places, facts: facts(&old, &new) }
    }

    /// Compares who recorded the runs, too: the environment, the host, the version of the service.
    #[must_use]
    pub fn with_resources(mut self, before: &[Arc<Resource>], after: &[Arc<Resource>]) -> Self {
        let side = |resources: &[Arc<Resource>]| {
            let mut side = Side::default();
            resources.iter().for_each(|resource| side.add_facts(&resource.attributes));
            side
        };
        self.facts.extend(facts(&side(before), &side(after)));
        self.facts.sort_by(|a, b| a.key.cmp(&b.key));
        self.facts.dedup_by(|a, b| a.key == b.key);
        self
    }

    /// Returns the places that fail and did not fail before.
    pub fn fails_newly(&self) -> impl Iterator<Item = &PlaceChange> {
        self.places.iter().filter(|place| place.change.fails_newly())
    }
}

impl Change {
    fn between(before: Option<&Tally>, after: Option<&Tally>) -> Self {
        let none = Tally::default();
        let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
        Self {
            before: before.spread(),
            after: after.spread(),
            failed_before: before.failed,
            failed_after: after.failed,
            cached_before: before.cached,
            cached_after: after.cached,
        }
    }
}

/// What is known of one side.
#[derive(Default)]
struct Side {
    runs: u64,
    whole: Tally,
    places: BTreeMap<String, Tally>,
    facts: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Default)]
struct Tally {
    durations_ns: Vec<u64>,
    failed: u64,
    cached: u64,
}

impl Tally {
    fn add(&mut self, span: &Span) {
        self.durations_ns.push(span.duration_ns);
        self.failed += u64::from(span.status == Status::Error);
        self.cached += u64::from(facts::cache(span) == Some(flowglass_model::CacheStatus::Hit));
    }

    fn spread(&self) -> Distribution {
        Distribution::of(&mut self.durations_ns.clone())
    }
}

impl Side {
    fn of(spans: &[Span]) -> Self {
        let mut side = Self::default();
        by_trace(spans).iter().for_each(|spans| side.add(&Tree::of(spans)));
        side
    }

    fn add(&mut self, tree: &Tree<'_>) {
        for (node, path) in tree.nodes().iter().zip(paths(tree)) {
            match node.parent {
                None => self.add_root(node.span),
                Some(_) => self.places.entry(path).or_default().add(node.span),
            }
        }
    }

    fn add_root(&mut self, root: &Span) {
        self.runs += 1;
        self.whole.add(root);
        self.add_facts(&root.attributes);
    }

    fn add_facts(&mut self, attributes: &Attributes) {
        for (key, value) in attributes.iter().filter(|(key, _)| !ALWAYS_DIFFERENT.contains(&key.as_str())) {
            let text = value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned);
            self.facts.entry(key.clone()).or_default().insert(text);
        }
    }
}

fn facts(old: &Side, new: &Side) -> Vec<Fact> {
    let keys: BTreeSet<&String> = old.facts.keys().chain(new.facts.keys()).collect();
    let values = |side: &Side, key: &str| {
        side.facts.get(key).map(|values| values.iter().take(MOST_VALUES).cloned().collect()).unwrap_or_default()
    };
    let differs = |key: &&&String| old.facts.get(**key) != new.facts.get(**key);
    let fact = |key: &String| Fact { key: key.clone(), before: values(old, key), after: values(new, key) };
    keys.iter().filter(differs).map(|key| fact(key)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};
    use flowglass_model::SpanType;

    fn run(clean_ms: u64, version: &str, fails: bool) -> Vec<Span> {
        let mut runs = Runs::new();
        let root = runs.add(None, SpanType::Pipeline, "demo", 0, clean_ms + 5);
        runs.set(root, names::PIPELINE_VERSION, version);
        runs.set(root, names::NODE_COUNT, clean_ms.cast_signed());
        runs.add(Some(root), SpanType::Node, "clean", 0, clean_ms);
        let map = runs.add(Some(root), SpanType::Map, "files", clean_ms, 4);
        for index in 0..2 {
            let item = runs.add(Some(map), SpanType::Item, &index.to_string(), clean_ms, 2);
            runs.set(item, names::MAP_INDEX, index);
        }
        if fails {
            let node = runs.add(Some(root), SpanType::Node, "report", clean_ms + 4, 1);
            runs.fail(node, "broken");
        }
        runs.into_spans()
    }

    #[test]
    fn what_changed_comes_first() {
        let comparison = Comparison::of(&run(10, "1", false), &run(30, "2", true));
        assert_eq!((comparison.runs_before, comparison.runs_after), (1, 1));
        let paths: Vec<&str> = comparison.places.iter().map(|place| place.path.as_str()).collect();
        assert_eq!(paths, ["demo > clean", "demo > report", "demo > files", "demo > files[*]"]);
        let clean = &comparison.places[0].change;
        assert!((clean.slower_by().unwrap() - 2.0).abs() < 1e-9, "{clean:?}");
        assert!(comparison.places[1].change.is_new());
        assert_eq!(comparison.fails_newly().map(|place| place.path.as_str()).collect::<Vec<_>>(), ["demo > report"]);
        let [fact] = comparison.facts.as_slice() else { panic!("{:?}", comparison.facts) };
        assert_eq!(
            (fact.key.as_str(), &fact.before[..], &fact.after[..]),
            (names::PIPELINE_VERSION, &["1".to_owned()][..], &["2".to_owned()][..])
        );
    }

    #[test]
    fn environments_are_told_apart() {
        let of = |environment: &str, pid: i64| {
            let named = |key: &str, value: flowglass_model::AttributeValue| (key.to_owned(), value);
            let attributes = vec![
                named("deployment.environment.name", environment.into()),
                named(names::PROCESS_PID, pid.into()),
                named("host.name", "box".into()),
            ];
            Arc::new(Resource { attributes, ..Resource::default() })
        };
        let compared = Comparison::of(&run(10, "1", false), &run(10, "2", false));
        let compared = compared.with_resources(&[of("staging", 1), of("staging", 2)], &[of("production", 3)]);
        let told: Vec<_> =
            compared.facts.iter().map(|fact| (fact.key.as_str(), fact.before.join(","), fact.after.join(","))).collect();
        assert_eq!(
            told,
            [
                ("deployment.environment.name", "staging".to_owned(), "production".to_owned()),
                (names::PIPELINE_VERSION, "1".to_owned(), "2".to_owned())
            ]
        );
    }

    #[test]
    fn nothing_and_the_same_are_fine() {
        let same = Comparison::of(&run(10, "1", true), &run(10, "1", true));
        assert!(same.facts.is_empty() && same.fails_newly().next().is_none());
        assert!(same.places.iter().all(|place| place.change.slower_by() == Some(0.0)));
        let gone = Comparison::of(&run(10, "1", false), &[]);
        assert!(gone.places.iter().all(|place| place.change.is_gone() && place.change.slower_by().is_none()));
        assert_eq!(Comparison::of(&[], &[]).places, []);
    }

    proptest! {
        #[test]
        fn no_spans_make_it_panic(before in arbitrary_spans(), after in arbitrary_spans()) {
            let comparison = Comparison::of(&before, &after);
            prop_assert!(comparison.runs_before as usize <= before.len());
        }
    }
}
