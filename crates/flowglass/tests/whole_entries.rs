//! Entries of whole pipelines with maps inside: what one hit stands for, what it loads, and when there is none.

mod lossy;

use flowglass::model::{Span, SpanType};
use flowglass::prelude::*;
use flowglass::{Cache, DiskCache, MapMode, OnError, Setting};
use lossy::Lossy;

#[node(output = "words")]
fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[node(output = "length")]
fn measure(word: &str) -> Result<usize, String> {
    if word == "bad" { Err("a bad word".to_owned()) } else { Ok(word.len()) }
}

#[node(output = "letters")]
fn spell(word: &str) -> Vec<char> {
    word.chars().collect()
}

#[node(output = "code")]
fn encode(letter: &char) -> u32 {
    u32::from(*letter)
}

#[node(output = "total")]
fn add(lengths: Vec<usize>) -> usize {
    lengths.iter().sum()
}

#[node(output = "twice")]
fn double(length: usize) -> usize {
    length * 2
}

#[node(output = "sum")]
fn sum(codes: Vec<Vec<u32>>) -> u32 {
    codes.iter().flatten().sum()
}

#[node(output = "padded")]
fn pad(word: &str) -> String {
    word.repeat(2_000)
}

/// Splits a text and measures each word: its outputs are the words and a list that a map made.
fn measuring() -> Pipeline {
    let each = measure {}.map_over("word", "words").output("length", "lengths");
    Pipeline::builder("measuring").node(split {}).node(each).build().unwrap()
}

/// `measuring`, whose list is read as a whole and item by item.
fn reading(inner: Pipeline) -> Pipeline {
    let each = double {}.map_over("length", "lengths").output("twice", "twices");
    Pipeline::builder("reading").node(inner).node(add {}).node(each).build().unwrap()
}

/// Spells words and encodes each letter: lists in a list.
fn encoding() -> Pipeline {
    let letters = encode {}.map_over("letter", "letters").output("code", "codes");
    let word = Pipeline::builder("word").node(spell {}).node(letters).build().unwrap();
    let words = word.as_node().map_over("word", "words").output("codes", "codes");
    Pipeline::builder("encoding").node(split {}).node(words).build().unwrap()
}

fn names(trace: &[Span]) -> Vec<&str> {
    trace.iter().map(|span| span.name.as_str()).collect()
}

/// What was computed: nodes and items, by their names.
fn computed(trace: &[Span]) -> Vec<&str> {
    let is_computed =
        |span: &&Span| matches!(span.span_type, SpanType::Node | SpanType::Item) && span.text("cache.status") != Some("hit");
    trace.iter().filter(is_computed).map(|span| span.name.as_str()).collect()
}

fn memory() -> Cache {
    MemoryCache::new().into()
}

fn run(pipeline: &Pipeline, cache: &Cache, text: &str) -> Run {
    pipeline.run(inputs! { text: text }).cache(cache.clone()).wait().unwrap()
}

#[test]
fn a_pipeline_that_exposes_the_list_of_a_map_is_one_hit() {
    let (store, pipeline) = (Lossy::of(1_000), reading(measuring()));
    let first = run(&pipeline, &store.cache(), "a bc def");
    assert_eq!(first.get::<Vec<usize>>("twices").unwrap(), [2, 4, 6]);
    store.loads();
    let again = run(&pipeline, &store.cache(), "a bc def");
    let right = ["pipeline reading", "pipeline measuring", "node add", "map double", "item 0", "item 1", "item 2"];
    assert_eq!(names(&again.trace()), right, "nothing inside of it is looked at");
    assert!(computed(&again.trace()).is_empty(), "who reads the list, or its items, finds the same keys again");
    assert_eq!(store.loads(), 5, "what leaves the run: the words, a sum and three items");
    assert_eq!((again.get::<usize>("total").unwrap(), again.get::<Vec<usize>>("lengths").unwrap()), (6, vec![1, 2, 3]));
    assert_eq!(again.get::<Vec<String>>("words").unwrap(), ["a", "bc", "def"]);
}

#[test]
fn lists_in_lists_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Cache::from(DiskCache::open(folder.path()).unwrap());
    let pipeline = Pipeline::builder("outer").node(encoding()).node(sum {}).build().unwrap();
    for (text, codes) in [("ab c", vec![vec![97, 98], vec![99]]), ("", Vec::new())] {
        run(&pipeline, &open(), text);
        let again = run(&pipeline, &open(), text);
        assert_eq!(names(&again.trace()), ["pipeline outer", "pipeline encoding", "node sum"]);
        assert_eq!(again.get::<Vec<Vec<u32>>>("codes").unwrap(), codes);
        assert_eq!(again.get::<u32>("sum").unwrap(), codes.iter().flatten().sum::<u32>());
    }
}

#[test]
fn an_item_of_a_map_with_a_map_inside_is_one_hit() {
    let (cache, pipeline) = (memory(), reading(measuring()));
    let map = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        pipeline.map(inputs! { text: texts }, ["text"]).cache(cache.clone()).wait().unwrap()
    };
    map(&["a bc", "def"]);
    let again = map(&["def", "", "a bc"]);
    assert_eq!(again.column::<usize>("total").unwrap(), [3, 0, 3]);
    assert_eq!(again.column::<Vec<usize>>("lengths").unwrap(), [vec![3], vec![], vec![1, 2]]);
    let trace = again.trace();
    let inside = trace.iter().filter(|span| !matches!(span.span_type, SpanType::Item)).count();
    assert_eq!(inside, 2 + 5, "the run, its map, and what runs for the new item: {:?}", names(&trace));
    let item = trace.iter().find(|span| span.name == "item 2").unwrap();
    assert_eq!(item.text("cache.status"), Some("hit"));
    assert!(item.attribute("cache.signature").is_some(), "so that `cache explain` finds its entry");
    assert_eq!(again.cached(), 2);
}

#[tokio::test]
async fn items_of_streams_and_chosen_items_have_entries_too() {
    let (cache, pipeline) = (memory(), measuring());
    let texts = ["a bc", "def", "gh"].map(str::to_owned);
    let all = inputs! { text: texts.to_vec() };
    let one = pipeline.map(all.clone(), ["text"]).only([1]).cache(cache.clone()).await.unwrap();
    assert_eq!((one.cached(), one.column::<Vec<usize>>("lengths").unwrap()), (0, vec![vec![3]]));
    let rest = pipeline.map(all, ["text"]).cache(cache.clone()).await.unwrap();
    assert_eq!((rest.cached(), rest.column::<Vec<usize>>("lengths").unwrap()), (1, vec![vec![1, 2], vec![3], vec![2]]));
    let stream = futures_util::stream::iter(texts);
    let stream = pipeline.map_stream(Inputs::new(), "text", stream).cache(cache).stream().unwrap();
    assert_eq!(stream.finish().await.cached(), 3);
}

#[test]
fn what_failed_is_never_an_entry() {
    let (cache, pipeline) = (memory(), measuring());
    let outer = Pipeline::builder("outer").node(measuring()).build().unwrap();
    for _ in 0..2 {
        assert!(outer.run(inputs! { text: "a bad b" }).cache(cache.clone()).wait().is_err());
        for on_error in [OnError::Continue, OnError::Stop] {
            let texts = inputs! { text: vec!["bad".to_owned(), "c".to_owned()] };
            let map = pipeline.map(texts, ["text"]).on_error(on_error).cache(cache.clone()).wait().unwrap();
            assert!(map.failed_items().contains(&0));
        }
    }
    let good = run(&outer, &cache, "a b");
    assert_eq!(good.get::<Vec<usize>>("lengths").unwrap(), [1, 1]);
}

#[test]
fn other_outputs_are_another_entry_and_inputs_that_nobody_reads_do_not_count() {
    let alone = Pipeline::builder("both").node(measuring()).node(encode {}).build().unwrap();
    let cache = memory();
    let map = |letter: char, outputs: &[&str]| {
        let inputs = inputs! { text: vec!["a bc".to_owned()], letter: letter };
        alone.map(inputs, ["text"]).outputs(outputs.iter().copied()).cache(cache.clone()).wait().unwrap()
    };
    let cached = |run: &MapRun| run.trace().iter().filter(|span| span.text("cache.status") == Some("hit")).count();
    map('a', &["lengths"]);
    let other = map('b', &["lengths"]);
    assert_eq!((other.cached(), other.trace().len()), (1, 3), "the letter is read by nothing that is needed");
    let more = map('b', &["lengths", "code"]);
    assert_eq!((more.cached(), more.column::<u32>("code").unwrap()), (0, vec![98]));
    assert_eq!(cached(&more), 1, "but the pipeline inside is known");
}

#[test]
fn a_list_that_has_grown_takes_what_it_had_into_the_next_entry() {
    let (store, pipeline) = (Lossy::of(1_000), reading(measuring()));
    run(&pipeline, &store.cache(), "a bc");
    store.loads();
    let grown = run(&pipeline, &store.cache(), "a bc def");
    assert_eq!(computed(&grown.trace()), ["node split", "item 2", "node add", "item 2"]);
    store.loads();
    let again = run(&pipeline, &store.cache(), "a bc def");
    assert_eq!(names(&again.trace())[1..3], ["pipeline measuring", "node add"]);
    assert!(computed(&again.trace()).is_empty());
    assert_eq!(again.get::<usize>("total").unwrap(), 6);
}

#[test]
fn each_level_has_its_own_cache_and_the_outer_one_is_enough() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [around, inside] = folders.each_ref().map(|folder| DiskCache::open(folder.path()).unwrap());
    let long = "x".repeat(20_000);
    let text = format!("a {long}");
    let spelling = spell {}.map_over("word", "words").output("letters", "letters");
    let inner = Pipeline::builder("inner").node(split {}).node(spelling).build().unwrap();
    let pipeline = Pipeline::builder("outer").node(inner.with_cache(Setting::Set(inside.clone().into()))).build().unwrap();
    run(&pipeline, &around.clone().into(), &text);
    inside.clear().unwrap();
    let again = run(&pipeline, &around.into(), &text);
    assert_eq!(names(&again.trace()), ["pipeline outer", "pipeline inner"]);
    assert_eq!(again.get::<Vec<Vec<char>>>("letters").unwrap()[1].len(), 20_000, "what is large lies in the outer cache, too");
}

#[test]
fn what_a_hit_has_lost_is_computed_again() {
    let (store, pipeline) = (Lossy::of(1_000), reading(measuring()));
    run(&pipeline, &store.cache(), "a bc");
    store.damage();
    let again = run(&pipeline, &store.cache(), "a bc");
    assert_eq!(again.get::<Vec<usize>>("twices").unwrap(), [2, 4]);
    assert_eq!(again.get::<Vec<usize>>("lengths").unwrap(), [1, 2]);
    assert!(again.cache_stats().damaged > 0);

    let map = || pipeline.map(inputs! { text: vec!["a bc".to_owned()] }, ["text"]).cache(store.cache()).wait().unwrap();
    map();
    store.lose();
    let again = map();
    assert_eq!((again.cached(), again.column::<Vec<usize>>("lengths").unwrap()), (0, vec![vec![1, 2]]));
    store.damage();
    assert_eq!(map().column::<Vec<usize>>("lengths").unwrap(), vec![vec![1, 2]]);
    assert_eq!(map().cached(), 1, "and is known from then on");
}

#[test]
fn very_long_lists_stay_in_the_entries_of_their_items() {
    let (entries, cache) = (MemoryCache::new(), DiskCache::open(tempfile::tempdir().unwrap().path()).unwrap());
    let each = pad {}.map_over("word", "words").output("padded", "pads");
    let inner = Pipeline::builder("inner").node(split {}).node(each).build().unwrap();
    let outer = Pipeline::builder("outer").node(inner).build().unwrap();
    let text = "word ".repeat(1_500);
    let padded = |run: &Run| run.get::<Vec<String>>("pads").unwrap().len();
    assert_eq!(padded(&run(&outer, &entries.clone().into(), &text)), 1_500);
    assert_eq!(entries.len(), 2, "one of the words, one of the item that they all are");
    for _ in 0..2 {
        let run = run(&outer, &cache.clone().into(), &text);
        assert_eq!((padded(&run), run.cache_stats().problem.as_deref()), (1_500, None), "nobody is told of it");
    }
}

#[test]
fn a_list_that_a_map_made_keeps_its_signatures_on_its_way_into_a_pipeline() {
    let each = double {}.map_over("length", "lengths").output("twice", "twices");
    let inner = Pipeline::builder("inner").node(add {}).node(each).build().unwrap();
    let pipeline = Pipeline::builder("outer").node(measuring()).node(inner.with_environment(Setting::Set("b".into())));
    let (store, pipeline) = (Lossy::of(1_000), pipeline.build().unwrap());
    run(&pipeline, &store.cache(), "a bc");
    store.loads();
    let again = pipeline.run(inputs! { text: "a bc" }).outputs(["twices"]).cache(store.cache()).wait().unwrap();
    assert!(computed(&again.trace()).is_empty());
    assert_eq!(store.loads(), 2, "the two items that leave the run, and not the list that they were made of");
}

#[node(output = "cell")]
fn cell(row: usize, column: usize) -> usize {
    10 * row + column
}

#[node(output = "all")]
fn gather(cells: Vec<usize>) -> Vec<usize> {
    cells
}

#[test]
fn how_lists_are_combined_and_which_output_is_taken_counts() {
    let table = |mode: MapMode| {
        let cells = cell {}.map_over("row", "rows").map_over("column", "columns").map_mode(mode).output("cell", "cells");
        Pipeline::builder("table").node(cells).node(gather {}).build().unwrap()
    };
    let cache = memory();
    let run = |inner: &Pipeline, output: &str| {
        let pipeline = Pipeline::builder("outer").node(inner.as_node().output(output, "out")).build().unwrap();
        let again = pipeline.as_node().named("again").output("out", "out");
        let pipeline = Pipeline::builder("outermost").node(again).build().unwrap();
        let run =
            pipeline.run(inputs! { rows: vec![1usize, 2], columns: vec![3usize, 4] }).cache(cache.clone()).wait().unwrap();
        let items = computed(&run.trace()).into_iter().filter(|name| name.starts_with("item")).count();
        (run.get::<Vec<usize>>("out").unwrap(), pipeline.fingerprint(), items)
    };
    let (zipped, zip, _) = run(&table(MapMode::Zip), "all");
    let (crossed, product, items) = run(&table(MapMode::Product), "all");
    assert_eq!((zipped, crossed), (vec![13, 24], vec![13, 14, 23, 24]));
    assert_eq!(items, 2, "an item is the same however it was combined");
    let (listed, other, _) = run(&table(MapMode::Zip), "cells");
    assert_eq!(listed, [13, 24]);
    assert!(zip != product && zip != other, "workers know pipelines by their fingerprints");
}

#[test]
fn items_in_another_order_are_another_list() {
    let cells = cell {}.map_over("row", "rows").output("cell", "cells");
    let pipeline = Pipeline::builder("row").node(cells).node(gather {}).build().unwrap();
    let outer = Pipeline::builder("outer").node(pipeline.clone()).build().unwrap();
    for pipeline in [pipeline, outer] {
        let cache = memory();
        let run = |rows: [usize; 2]| {
            let run = pipeline.run(inputs! { rows: rows.to_vec(), column: 0usize }).cache(cache.clone()).wait().unwrap();
            (run.get::<Vec<usize>>("all").unwrap(), computed(&run.trace()).len())
        };
        assert_eq!(run([1, 2]), (vec![10, 20], 3));
        assert_eq!(run([2, 1]), (vec![20, 10], 1), "its items are known, who reads it isn't");
        assert_eq!(run([2, 1]), (vec![20, 10], 0));
    }
}
