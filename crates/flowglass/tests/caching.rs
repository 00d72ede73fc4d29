//! The cache from end to end: what hits and what doesn't, what is loaded, what happens to results that are lost.

mod lossy;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use flowglass::model::SpanType;
use flowglass::prelude::*;
use flowglass::value::{KeyHasher, Value};
use flowglass::{
    BoxError, Cache, Call, IntoNode, Invocation, KeyedBy, Node, NodeDef, NodeSpec, Outputs, Param, Setting, type_of,
};
use lossy::Lossy;

/// The nodes of a run that were computed, in their order.
fn computed(run: &Run) -> Vec<String> {
    let is_computed = |span: &flowglass::model::Span| {
        matches!(span.span_type, SpanType::Node | SpanType::Item) && span.text("cache.status") != Some("hit")
    };
    let name = |span: &flowglass::model::Span| span.name.trim_start_matches("node ").to_owned();
    run.trace().iter().filter(|span| is_computed(span)).map(name).collect()
}

#[node]
fn next(before: u64) -> u64 {
    before + 1
}

#[node]
fn scaled(last: u64, by: u64) -> u64 {
    last * by
}

/// `v0 → v1 → … → v99`, and what comes of the last one.
fn chain() -> Pipeline {
    let link = |at: usize| {
        let (name, before) = (format!("v{at:02}"), format!("v{:02}", at - 1));
        next {}.named(&name).input("before", before).output("next", name)
    };
    let links = (1..100).map(link).collect::<Vec<_>>();
    Pipeline::builder("chain").nodes(links).node(scaled {}.input("last", "v99")).build().unwrap()
}

/// Runs a test where the stack has no room for a frame per link of a long chain.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 10).spawn(test).unwrap().join().unwrap();
}

#[test]
fn hits_that_stand_on_each_other_are_let_go_and_computed_again_without_going_deep() {
    const LINKS: usize = 100_000;
    on_a_small_stack(|| {
        let store = Lossy::of(2 * LINKS);
        let link = |at: usize| {
            next {}.named(format!("n{at}")).input("before", format!("v{at}")).output("next", format!("v{}", at + 1))
        };
        let chain = Pipeline::builder("chain").nodes((0..LINKS).map(link).collect::<Vec<_>>()).build().unwrap();
        let run = || chain.run(inputs! { v0: 0u64 }).cache(store.cache()).no_telemetry().wait().unwrap();
        let last = |run: &Run| run.get::<u64>(&format!("v{LINKS}")).unwrap();
        assert_eq!(last(&run()), LINKS as u64);

        let again = run();
        assert_eq!((last(&again), again.cache_stats().hits), (LINKS as u64, LINKS as u64));
        drop(again);

        store.damage();
        let restored = run();
        assert_eq!((last(&restored), restored.cache_stats().damaged), (LINKS as u64, LINKS as u64));
    });
}

#[test]
fn maps_that_stand_on_each_other_are_let_go_and_computed_again_without_going_deep() {
    const LINKS: usize = 3_000;
    on_a_small_stack(|| {
        let store = Lossy::of(2 * LINKS);
        let link = |at: usize| {
            let name = format!("n{at:04}");
            next {}.named(name).map_over("before", format!("v{at}")).output("next", format!("v{}", at + 1))
        };
        let chain = Pipeline::builder("chain").nodes((0..LINKS).map(link).collect::<Vec<_>>()).build().unwrap();
        let run = || chain.run(inputs! { v0: vec![0u64, 1] }).cache(store.cache()).no_telemetry().wait().unwrap();
        let last = |run: &Run| run.get::<Vec<u64>>(&format!("v{LINKS}")).unwrap();
        let right = [LINKS as u64, LINKS as u64 + 1];
        for _ in 0..2 {
            assert_eq!(last(&run()), right);
        }
        store.damage();
        assert_eq!(last(&run()), right);
    });
}

#[test]
fn a_hit_deep_in_a_chain_loads_nothing() {
    let store = Lossy::default();
    let run = |by: u64| chain().run(inputs! { v00: 0u64, by: by }).cache(store.cache()).wait().unwrap();
    assert_eq!(run(2).get::<u64>("scaled").unwrap(), 198);
    assert_eq!(store.loads(), 0);

    let again = run(2);
    assert_eq!(again.cache_stats().hits, 100);
    assert_eq!(store.loads(), 1, "what leaves the run, and nothing else");

    let changed = run(3);
    assert_eq!((changed.get::<u64>("scaled").unwrap(), computed(&changed)), (297, vec!["scaled".to_owned()]));
    assert_eq!(store.loads(), 1, "what the one node reads that runs");
}

#[test]
fn what_is_lost_is_computed_again_within_the_run() {
    let store = Lossy::default();
    let run = |by: u64| chain().run(inputs! { v00: 0u64, by: by }).cache(store.cache()).wait().unwrap();
    run(2);
    store.damage();
    let healed = run(3);
    assert_eq!(healed.get::<u64>("scaled").unwrap(), 297);
    assert!(healed.cache_stats().damaged > 0 && healed.cache_stats().problem.is_some());
    let whole = run(3);
    assert_eq!((whole.cache_stats().hits, whole.cache_stats().damaged), (100, 0), "it is repaired");
}

#[test]
fn a_lost_result_that_leaves_the_run_is_computed_again() {
    let store = Lossy::default();
    let run = || chain().run(inputs! { v00: 0u64, by: 2u64 }).cache(store.cache()).wait().unwrap();
    run();
    store.damage();
    let healed = run();
    store.lose();
    assert_eq!(healed.get::<u64>("scaled").unwrap(), 198, "it doesn't need the cache any more");
}

#[node]
fn halves(text: String) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[node]
fn shout(half: String) -> String {
    half.to_uppercase()
}

#[node]
fn joined(shouted: Vec<String>, by: &str) -> String {
    shouted.join(by)
}

#[test]
fn lost_lists_items_and_inner_results_are_computed_again_too() {
    let inner = Pipeline::builder("inner").node(shout {}).build().unwrap();
    for nested in [false, true] {
        let mapped = if nested { inner.as_node() } else { shout {}.into_node() };
        let mapped = mapped.output("shout", "shouted").map_over("half", "halves");
        let pipeline = Pipeline::builder("p").nodes(nodes![halves, joined]).node(mapped).build().unwrap();
        let store = Lossy::default();
        let run = |by: &str| pipeline.run(inputs! { text: "a b c", by: by }).cache(store.cache()).wait().unwrap();
        run("-");
        store.damage();
        assert_eq!(run("+").get::<String>("joined").unwrap(), "A+B+C", "nested: {nested}");
        assert_eq!(run("+").cache_stats().damaged, 0, "nested: {nested}");
    }
}

#[node]
fn length(joined: &str) -> usize {
    joined.len()
}

#[node]
fn reversed(joined: &str) -> String {
    joined.chars().rev().collect()
}

#[test]
fn a_pipeline_whose_entry_is_lost_is_computed_again() {
    let shouting = shout {}.map_over("half", "halves").output("shout", "shouted");
    let inner = Pipeline::builder("inner").nodes(nodes![halves, joined]).node(shouting).build().unwrap();
    let inner = inner.as_node().output("joined", "joined");
    let with = |node: NodeDef| Pipeline::builder("p").node(inner.clone()).node(node).build().unwrap();
    let store = Lossy::default();
    let run = |pipeline: &Pipeline| pipeline.run(inputs! { text: "a b", by: "-" }).cache(store.cache()).wait().unwrap();
    run(&with(length {}.into_node()));
    store.damage();
    let other = run(&with(reversed {}.into_node()));
    assert_eq!((other.get::<String>("reversed").unwrap().as_str(), other.cache_stats().damaged > 0), ("B-A", true));
    assert_eq!(run(&with(reversed {}.into_node())).cache_stats().damaged, 0);
}

#[test]
fn lost_items_of_a_map_are_computed_again() {
    let store = Lossy::default();
    let pipeline = Pipeline::builder("p").node(shout {}).build().unwrap();
    let map =
        || pipeline.map(inputs! { half: vec!["a".to_owned(), "b".to_owned()] }, ["half"]).cache(store.cache()).wait().unwrap();
    map();
    store.damage();
    let healed = map();
    assert_eq!(healed.column::<String>("shout").unwrap(), ["A", "B"]);
    assert_eq!((healed.cached(), map().cached()), (0, 2));
}

#[node]
fn ticks(clock: &Clock) -> u32 {
    clock.0.load(SeqCst) / 10
}

#[node]
fn told(ticks: u32) -> String {
    format!("it is {ticks}")
}

#[derive(Clone)]
struct Clock(Arc<AtomicU32>);

impl CacheKey for Clock {
    fn cache_key(&self) -> String {
        "the clock".to_owned()
    }
}

#[test]
fn what_holds_for_a_time_only_is_computed_again_and_counts_by_its_content() {
    let cache = MemoryCache::new();
    let clock = Clock(Arc::default());
    let pipeline = Pipeline::builder("p").node(ticks {}.ttl(Duration::ZERO)).node(told {}).build().unwrap();
    let run = |now: u32| {
        clock.0.store(now, SeqCst);
        let run = pipeline.run(inputs! { clock: clock.clone() }).cache(cache.clone()).wait().unwrap();
        (computed(&run), run.get::<String>("told").unwrap())
    };
    assert_eq!(run(3), (vec!["ticks".to_owned(), "told".to_owned()], "it is 0".to_owned()));
    assert_eq!(run(7), (vec!["ticks".to_owned()], "it is 0".to_owned()), "the same content is the same key");
    assert_eq!(run(12), (vec!["ticks".to_owned(), "told".to_owned()], "it is 1".to_owned()));
}

#[test]
fn a_cache_a_node_or_a_pipeline_inside_can_bound_the_time() {
    let hour = Duration::from_secs(3_600);
    let pipeline = |inner: Option<Duration>, node: Option<Duration>| {
        let shouting = node.map_or(shout {}.into_node(), |ttl| shout {}.ttl(ttl));
        let nested = Pipeline::builder("inner").node(shouting).build().unwrap().as_node();
        let nested = inner.map_or(nested.clone(), |ttl| nested.ttl(ttl));
        Pipeline::builder("p").node(nested).build().unwrap()
    };
    let hits = |cache: Cache, inner, node| {
        let run = || pipeline(inner, node).run(inputs! { half: "a" }).cache(cache.clone()).wait().unwrap().cache_stats().hits;
        run();
        run()
    };
    let cache = || Cache::from(MemoryCache::new());
    assert_eq!(hits(cache(), None, None), 1);
    assert_eq!(hits(cache().ttl(Duration::ZERO), None, None), 0);
    assert_eq!(hits(cache().ttl(Duration::ZERO), None, Some(hour)), 1, "the node knows better");
    assert_eq!(hits(cache().ttl(hour), Some(Duration::ZERO), None), 0);
    assert_eq!(hits(cache(), Some(Duration::ZERO), Some(hour)), 1);
}

#[node(ttl = "0s")]
fn stale(text: String) -> String {
    text
}

#[test]
fn a_function_says_for_how_long_its_results_hold() {
    let pipeline = Pipeline::builder("p").node(stale {}).cache(MemoryCache::new()).build().unwrap();
    let hits = || pipeline.run(inputs! { text: "a" }).wait().unwrap().cache_stats().hits;
    assert_eq!([hits(), hits()], [0, 0]);
}

/// Counts how often its key is asked for.
#[derive(Clone)]
struct Counted(Arc<AtomicU32>);

impl CacheKey for Counted {
    fn cache_key(&self) -> String {
        self.0.fetch_add(1, SeqCst);
        "counted".to_owned()
    }
}

#[node]
fn first(counted: &Counted) -> usize {
    size_of_val(counted)
}

#[node]
fn second(counted: &Counted) -> usize {
    size_of_val(counted)
}

#[test]
fn an_input_is_hashed_once_however_many_read_it_and_never_without_a_cache() {
    let counted = Counted(Arc::default());
    let inner = Pipeline::builder("inner").node(second {}.named("third").output("second", "third")).build().unwrap();
    let pipeline = Pipeline::builder("p").nodes(nodes![first, second]).node(inner).build().unwrap();
    let run = |cache: Setting<Cache>| {
        let inputs = inputs! { counted: counted.clone() };
        pipeline.with_cache(cache).run(inputs).wait().unwrap();
        counted.0.swap(0, SeqCst)
    };
    assert_eq!(run(Setting::Off), 0);
    assert_eq!(run(Setting::Set(MemoryCache::new().into())), 1);
}

#[node]
fn passed(counted: &Counted) -> Counted {
    counted.clone()
}

#[node]
fn of_item(number: u64, counted: &Counted) -> usize {
    size_of_val(counted) + size_of_val(&number)
}

#[test]
fn what_is_the_same_for_all_items_is_hashed_once() {
    let counted = Counted(Arc::default());
    let item = of_item {}.map_over("number", "numbers").input("counted", "passed");
    let each = Pipeline::builder("p").node(passed {}.cache(false)).node(item).build().unwrap();
    let top = Pipeline::builder("p").node(of_item {}).build().unwrap();
    let cache = Cache::from(MemoryCache::new());
    for hits in [0, 50, 50] {
        let run = each.run(inputs! { numbers: (0..50u64).collect::<Vec<_>>(), counted: counted.clone() });
        assert_eq!((run.cache(cache.clone()).wait().unwrap().cache_stats().hits, counted.0.swap(0, SeqCst)), (hits, 1));
        let inputs = inputs! { number: (0..50u64).collect::<Vec<_>>(), counted: counted.clone() };
        let map = top.map(inputs, ["number"]).cache(cache.clone()).wait().unwrap();
        assert_eq!((map.cache_stats().hits, counted.0.swap(0, SeqCst)), (50, 1), "as in the other form");
    }
}

/// Is keyed by the values that it reads, and counts how often it looks at them.
#[derive(Clone, Default)]
struct ByValue(Arc<AtomicU32>);

impl Node for ByValue {
    fn spec(&self) -> NodeSpec {
        NodeSpec {
            params: vec![Param::new("words", type_of!(Vec<String>))],
            code: Some([1; 32]),
            keyed_by: KeyedBy::Values,
            ..NodeSpec::new("by_value", "function", type_of!(usize))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let count = call.borrow::<Vec<String>>(0).map(Vec::len);
        Call::Ready(count.map(|count| Outputs::from_elem(Arc::new(count) as Value, 1)).map_err(Into::into))
    }

    fn cache_key(&self, inputs: &[Value], key: &mut KeyHasher) -> Result<(), BoxError> {
        self.0.fetch_add(1, SeqCst);
        Ok(type_of!(Vec<String>).key(&inputs[0], key)?)
    }
}

#[test]
fn a_node_keyed_by_values_is_asked_for_its_key_once_a_run() {
    let (node, store) = (ByValue::default(), Lossy::default());
    let shouted = shout {}.map_over("half", "halves").output("shout", "words");
    for (words, is_mapped) in [(Pipeline::builder("p").node(shouted.clone()), true), (Pipeline::builder("p"), false)] {
        let pipeline = words.node(node.clone()).build().unwrap();
        let run = |cache: Cache| {
            let words = vec!["a".to_owned(), "b".to_owned()];
            let inputs = if is_mapped {
                inputs! { halves: words }
            } else {
                inputs! { words: words }
            };
            let run = pipeline.run(inputs).cache(cache).wait().unwrap();
            (run.get::<usize>("by_value").unwrap(), run.cache_stats().misses, node.0.swap(0, SeqCst))
        };
        let (first, again) = (run(store.cache()), run(store.cache()));
        assert_eq!((first.0, first.2, again), (2, 1, (2, 0, 1)));
        store.damage();
        assert_eq!(run(store.cache()).0, 2, "what it read is computed again");
    }
}

#[node]
fn nothing(text: String) {
    drop(text);
}

#[node]
fn perhaps(text: String) -> Option<u32> {
    text.parse().ok()
}

#[node]
fn after(nothing: (), perhaps: Option<u32>) -> u32 {
    let () = nothing;
    perhaps.unwrap_or(7)
}

#[test]
fn unit_and_none_are_results_like_others() {
    let cache = MemoryCache::new();
    let pipeline = Pipeline::builder("p").nodes(nodes![nothing, perhaps, after]).build().unwrap();
    let run = || pipeline.run(inputs! { text: "x" }).cache(cache.clone()).wait().unwrap();
    assert_eq!(run().cache_stats().writes, 3);
    let again = run();
    assert_eq!((again.cache_stats().hits, again.get::<u32>("after").unwrap()), (3, 7));
    assert_eq!(again.get::<Option<u32>>("perhaps").unwrap(), None);
}

#[node]
fn of_batch(batch: u32, texts: Vec<String>) -> Vec<String> {
    let _ = batch;
    texts
}

#[test]
fn equal_items_of_different_batches_share_an_entry() {
    let cache = MemoryCache::new();
    let each = shout {}.output("shout", "shouted").map_over("half", "of_batch");
    let pipeline = Pipeline::builder("p").nodes(nodes![of_batch]).node(each).build().unwrap();
    let run = |batch: u32, texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let run = pipeline.run(inputs! { batch: batch, texts: texts }).cache(cache.clone()).wait().unwrap();
        (run.cache_stats().hits, run.get::<Vec<String>>("shouted").unwrap().concat())
    };
    assert_eq!(run(1, &["a", "b"]), (0, "AB".to_owned()));
    assert_eq!(run(2, &["b", "c", "a"]), (2, "BCA".to_owned()));
    assert_eq!(run(2, &["b", "c", "a"]), (4, "BCA".to_owned()));
    let thousand: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let texts = |n: usize| thousand.iter().map(|text| if text.len() * n > 5 { "new" } else { text }).collect::<Vec<_>>();
    run(3, &texts(1));
    assert_eq!(run(4, &texts(1)).0, 1_000, "another corpus with the same documents");
}

#[test]
fn the_statistics_of_what_is_inside_count_outside() {
    let inner = Pipeline::builder("inner").node(shout {}).build().unwrap();
    let mapped = inner.as_node().output("shout", "shouted").map_over("half", "halves");
    let pipeline = Pipeline::builder("p").nodes(nodes![halves, joined]).node(mapped).build().unwrap();
    let cache = MemoryCache::new();
    let run = || pipeline.run(inputs! { text: "a b c", by: "-" }).cache(cache.clone()).wait().unwrap();
    let first = run();
    let stats = first.cache_stats();
    assert_eq!((stats.hits, stats.misses, stats.writes), (0, 5, 5));
    let again = run();
    let stats = again.cache_stats();
    assert_eq!((stats.hits, stats.misses, stats.writes), (5, 0, 0));
    assert!(stats.saved_ns > 0 && stats.problem.is_none());
    let root = &again.trace()[0];
    assert_eq!(root.text("cache.status"), Some("hit"));
}
