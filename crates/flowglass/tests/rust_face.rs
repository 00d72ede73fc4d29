//! The Rust face from end to end: functions become nodes, nodes a pipeline, a pipeline runs, and the run can be seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use flowglass::model::{EventVerb, SpanType, Status};
use flowglass::prelude::*;
use flowglass::{BoxError, Callbacks, CancelToken, Capture, ErrorKind, LocalBackend, MapMode, OnError};

#[node(output = "cleaned")]
fn clean(text: String) -> String {
    text.trim().to_lowercase()
}

#[node(output = "words")]
fn split(cleaned: &str) -> Vec<String> {
    cleaned.split_whitespace().map(str::to_owned).collect()
}

#[node(output = "length")]
async fn count(words: &[String]) -> usize {
    tokio::task::yield_now().await;
    words.len()
}

#[node(outputs("shortest", "longest"))]
fn extremes(words: Vec<String>) -> Result<(String, String), String> {
    let by_length = |word: &&String| word.len();
    let shortest = words.iter().min_by_key(by_length).ok_or("there are no words")?;
    let longest = words.iter().max_by_key(by_length).ok_or("there are no words")?;
    Ok((shortest.clone(), longest.clone()))
}

fn words() -> Pipeline {
    Pipeline::builder("words").version("1").nodes(nodes![count, extremes, split, clean]).build().unwrap()
}

#[test]
fn functions_stay_functions() {
    assert_eq!(clean("  A ".into()), "a");
    assert_eq!(split("a b"), ["a", "b"]);
}

#[test]
fn a_run_gives_outputs_by_name_and_its_trace() {
    let run = words().run(inputs! { text: "  The quick brown FOX " }).wait().unwrap();
    assert_eq!(run.get::<usize>("length").unwrap(), 4);
    assert_eq!(run.get::<String>("longest").unwrap(), "brown");
    assert_eq!(run.status(), Status::Ok);
    let names: Vec<String> = run.trace().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["pipeline words", "node clean", "node split", "node count", "node extremes"]);
    assert_eq!(run.waterfall().rows().len(), 5);
    assert!(run.waterfall().to_string().contains("extremes"), "{}", run.waterfall());
    let outputs: Vec<&str> = run.outputs().filter(|(_, consumed)| !consumed).map(|(name, _)| name).collect();
    assert_eq!(outputs, ["length", "shortest", "longest"]);
}

#[tokio::test]
async fn a_run_is_awaited_where_there_is_a_runtime() {
    let run = words().run(inputs! { text: "one two" }).outputs(["length"]).await.unwrap();
    assert_eq!(run.get::<usize>("length").unwrap(), 2);
    assert_eq!(run.trace().len(), 4, "extremes isn't needed");
    let error = words().run(inputs! { text: "x" }).wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Environment);
}

#[test]
fn an_error_names_node_path_and_cause() {
    let run = words().run(inputs! { text: "  " });
    let error = run.wait().err().unwrap();
    let text = error.to_string();
    assert!(text.starts_with("words > extremes: there are no words\n  inputs: words = []\n  around: in words: "), "{text}");
    assert_eq!((error.kind(), error.node()), (ErrorKind::Node, Some("extremes")));
}

#[tokio::test]
async fn a_failed_run_still_has_its_trace() {
    let run = words().run(inputs! { text: "" }).settle().await.unwrap();
    assert_eq!(run.status(), Status::Error);
    let spans = run.trace();
    let failed: Vec<&str> = spans.iter().filter(|span| span.status == Status::Error).map(|span| span.name.as_str()).collect();
    assert_eq!(failed, ["pipeline words", "node extremes"]);
    assert!(spans.iter().any(|span| span.events.iter().any(|event| event.name == "exception")));
    assert!(run.get::<Vec<String>>("words").unwrap().is_empty(), "what was finished is kept");
    assert!(run.get::<String>("longest").is_err());
}

#[node(output = "opened")]
fn open(path: &str, password: &str) -> usize {
    path.len() + password.len()
}

#[test]
fn items_say_what_they_work_on_and_no_secrets() {
    let pipeline = Pipeline::builder("p").node(open {}).build().unwrap();
    let lists = || inputs! { path: vec!["a.txt".to_owned()], password: vec!["hunter2".to_owned()] };
    let map = |capture| pipeline.map(lists(), ["path", "password"]).capture(capture).wait().unwrap();
    let shown = |map: MapRun| {
        let item = map.trace().into_iter().find(|span| span.span_type == SpanType::Item).unwrap();
        item.text("map.item").map(str::to_owned)
    };
    assert_eq!(shown(map(Capture::Previews)).as_deref(), Some("path=a.txt, password=[redacted]"));
    assert_eq!(shown(map(Capture::Types)).as_deref(), Some("path=<String>, password=<String>"));
    assert_eq!(shown(map(Capture::Off)), None);
}

#[node(output = "read")]
fn read(note: &str) -> Result<usize, String> {
    Err(format!("can't read {note}"))
}

#[node(output = "refused")]
fn refuse(note: &str) -> Result<usize, String> {
    if note.is_empty() { Ok(0) } else { Err("refused".to_owned()) }
}

#[test]
fn a_node_says_itself_what_is_shown_of_its_values() {
    let notes = || inputs! { note: vec!["a plain note".to_owned()] };
    let shown = |of_node, of_run| {
        let inner = Pipeline::builder("inner").node(refuse {}.capture(of_node)).build().unwrap();
        let used = inner.as_node().map_over("note", "note").capture(of_node);
        let outer = Pipeline::builder("outer").node(used).build().unwrap();
        let run = outer.run(notes()).capture(of_run).settle();
        let run = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run).unwrap();
        format!("{:?} {:?}", run.trace(), run.error()).contains("a plain note")
    };
    assert!(shown(Capture::Previews, Capture::Off) && !shown(Capture::Off, Capture::Full), "the node says more than its run");
}

#[test]
fn no_secret_of_a_failure_is_told() {
    let secret = "sk-q7XkP2mV9sT4wB8nL6cR3dF1hJ5gZ0yA";
    let pipeline = Pipeline::builder("p").node(read {}).build().unwrap();
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let hears = std::sync::Arc::clone(&heard);
    let run = pipeline.run(inputs! { note: format!("of {secret}") }).observe(move |event| {
        *hears.lock().unwrap() += &format!("{event:?}");
    });
    let run = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run.settle()).unwrap();
    let told = format!("{:?} {}", run.trace(), heard.lock().unwrap());
    assert!(!told.contains(secret) && told.contains("can't read of [redacted]"), "{told}");
    let inputs = run.error().unwrap().report().inputs;
    assert_eq!(inputs, [("note".to_owned(), "\"of [redacted]\"".to_owned())]);
}

#[test]
fn a_long_map_prints_as_its_slowest_items() {
    let pipeline = Pipeline::builder("p").node(open {}).build().unwrap();
    let paths: Vec<String> = (0..40).map(|at| format!("{at}.txt")).collect();
    let map = pipeline.map(inputs! { path: paths, password: "" }, ["path"]).wait().unwrap();
    for printed in [map.tree().to_string(), map.waterfall().to_string()] {
        assert!(printed.contains("… 32 more items (p50 ") && printed.contains(".txt"), "{printed}");
    }
    assert_eq!(map.waterfall().rows().iter().filter(|row| row.item.is_some()).count(), 40);
}

#[test]
fn wrong_inputs_are_named_with_the_nearest_right_one() {
    let error = |inputs| words().run(inputs).wait().err().unwrap().to_string();
    assert_eq!(error(inputs! { txt: "x" }), "pipeline `words` has no input `txt`; did you mean `text`?");
    assert_eq!(error(inputs! {}), "pipeline `words` needs the input `text` (a String, read by node `clean`)");
    assert_eq!(error(inputs! { text: 3 }), "input `text` is a `i32`, but node `clean` reads it as `String`");
    let error = words().run(inputs! { text: "x" }).outputs(["lenght"]).wait().err().unwrap();
    assert_eq!(error.to_string(), "pipeline `words` has no output `lenght`; did you mean `length`?");
}

#[node(output = "a")]
fn a_from_b(b: u32) -> u32 {
    b
}

#[node(output = "b")]
fn b_from_a(a: u32) -> u32 {
    a
}

#[node(output = "b")]
fn other_b() -> u32 {
    1
}

#[node(output = "b")]
fn text_b() -> Vec<u32> {
    vec![1]
}

#[test]
fn graphs_that_cannot_be_are_refused_with_the_names() {
    let error = |nodes: Vec<flowglass::NodeDef>| {
        Pipeline::builder("p").nodes(nodes).build().err().map(|error| error.message().to_owned()).unwrap_or_default()
    };
    assert_eq!(
        error(nodes![a_from_b, b_from_a].into()),
        "pipeline `p`: these nodes need each other in a cycle: a_from_b → b_from_a → a_from_b"
    );
    assert_eq!(
        error(nodes![b_from_a, other_b].into()),
        "pipeline `p`: `b` is made by two nodes, `b_from_a` and `other_b`; rename one output"
    );
    assert_eq!(
        error(nodes![a_from_b, a_from_b].into()),
        "pipeline `p`: two nodes are called `a_from_b`; give one another name with `named`"
    );
    assert_eq!(
        error(nodes![a_from_b, text_b].into()),
        "pipeline `p`: `b`, made by node `text_b`, is a `Vec<u32>`, but node `a_from_b` reads it as `u32`; \
         to run `a_from_b` once for each element, use `.map_over(\"b\", \"b\")`"
    );
    assert_eq!(error(vec![a_from_b {}.input("bb", "x")]), "pipeline `p`: node `a_from_b` has no input `bb`; did you mean `b`?");
}

#[test]
fn a_map_keeps_the_order_and_says_what_failed() {
    let texts = vec!["one two".to_owned(), String::new(), "three".to_owned()];
    let map = words().map(inputs! { text: texts }, ["text"]).wait().unwrap();
    assert_eq!((map.status(), map.failed(), map.items().len()), (Status::Error, 1, 3));
    assert_eq!(map.item::<usize>(0, "length").unwrap(), 2);
    let error = map.items().nth(1).unwrap().error().unwrap().to_string();
    assert_eq!(error.lines().next(), Some("words[1] > extremes: there are no words"));
    let error = map.column::<usize>("length").unwrap_err();
    assert_eq!(error.message(), "`length` has no value for 1 items: 1");
    let types: Vec<SpanType> = map.trace().iter().map(|span| span.span_type).take(3).collect();
    assert_eq!(types, [SpanType::Pipeline, SpanType::Map, SpanType::Item]);
    let stopped = words().map(inputs! { text: vec![String::new(), "a".to_owned()] }, ["text"]).on_error(OnError::Stop);
    assert_eq!(stopped.wait().unwrap().failed(), 1);
}

#[node(output = "sum")]
fn add(left: i64, right: i64) -> i64 {
    left + right
}

#[test]
fn maps_zip_and_combine() {
    let pipeline = Pipeline::builder("sums").node(add {}).build().unwrap();
    let lists = || inputs! { left: vec![1i64, 2], right: vec![10i64, 20] };
    let sums = |map: MapRun| map.column::<i64>("sum").unwrap();
    assert_eq!(sums(pipeline.map(lists(), ["left", "right"]).wait().unwrap()), [11, 22]);
    assert_eq!(sums(pipeline.map(lists(), ["left", "right"]).mode(MapMode::Product).wait().unwrap()), [11, 21, 12, 22]);
    assert_eq!(sums(pipeline.map(inputs! { left: vec![1i64], right: 5 }, ["left"]).wait().unwrap()), [6]);
    assert!(sums(pipeline.map(inputs! { left: Vec::<i64>::new(), right: 5 }, ["left"]).wait().unwrap()).is_empty());
    let error = pipeline.map(inputs! { left: vec![1i64], right: vec![1i64, 2] }, ["left", "right"]).wait().err().unwrap();
    assert!(error.message().contains("length"), "{error}");
}

#[node(output = "total")]
fn total(lengths: &[usize]) -> usize {
    lengths.iter().sum()
}

#[test]
fn a_pipeline_is_a_node_renamed_and_mapped() {
    let outer = Pipeline::builder("corpus")
        .node(words().as_node().map_over("text", "texts").output("length", "lengths"))
        .node(total {})
        .build()
        .unwrap();
    let texts = vec!["one two".to_owned(), "three".to_owned()];
    let run = outer.run(inputs! { texts: texts }).wait().unwrap();
    assert_eq!(run.get::<usize>("total").unwrap(), 3);
    assert_eq!(run.get::<Vec<usize>>("lengths").unwrap(), [2, 1]);
    let tree: Vec<String> = run.trace().into_iter().map(|span| span.name).collect();
    assert_eq!(tree[..4], ["pipeline corpus", "map words", "item 0", "node clean"]);
    assert!(!tree.contains(&"node extremes".to_owned()), "nobody needs it");
    let failed = outer.run(inputs! { texts: 5 }).wait().err().unwrap();
    assert_eq!(failed.to_string(), "input `texts` is a `i32`, but node `words` reads it as `list of String`");
}

#[test]
fn nested_failures_carry_the_whole_path() {
    let outer = Pipeline::builder("corpus").node(words().as_node().map_over("text", "texts")).build().unwrap();
    let error = outer.run(inputs! { texts: vec!["a".to_owned(), String::new()] }).wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Items);
    assert_eq!(
        error.to_string(),
        "corpus > words: 1 of 2 items failed; first failure: corpus > words[1] > extremes: there are no words"
    );
}

#[test]
fn a_cache_on_disk_computes_only_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let statuses = |text: &str| {
        let cache = DiskCache::open(folder.path()).unwrap();
        let run = words().run(inputs! { text: text }).cache(cache).wait().unwrap();
        let spans = run.trace();
        let status = |span: &flowglass::model::Span| span.text("cache.status").unwrap_or("-").to_owned();
        spans.iter().filter(|span| span.span_type == SpanType::Node).map(status).collect::<Vec<_>>()
    };
    assert_eq!(statuses("a bb"), ["write"; 4]);
    assert_eq!(statuses("a bb"), ["hit"; 4]);
    assert_eq!(statuses("a bb c"), ["write"; 4]);
    assert_eq!(statuses("a bb"), ["hit"; 4]);
}

#[test]
fn a_growing_map_computes_only_what_is_new_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let cached = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let cache = DiskCache::open(folder.path()).unwrap();
        let map = words().map(inputs! { text: texts }, ["text"]).cache(cache).wait().unwrap();
        (map.cached(), map.column::<usize>("length").unwrap())
    };
    assert_eq!(cached(&["a", "b c"]), (0, vec![1, 2]));
    assert_eq!(cached(&["d e f", "b c", "a"]), (2, vec![3, 2, 1]));
    assert_eq!(cached(&["a", "b c", "d e f"]), (3, vec![1, 2, 3]));
}

#[test]
fn a_mapped_function_is_cached_item_by_item() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::builder("p").node(clean {}.map_over("text", "texts")).build().unwrap();
    let run = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let run = pipeline.run(inputs! { texts: texts }).cache(DiskCache::open(folder.path()).unwrap()).wait().unwrap();
        let hits = run.trace().iter().filter(|span| span.text("cache.status") == Some("hit")).count();
        (run.get::<Vec<String>>("cleaned").unwrap().join(" "), hits)
    };
    assert_eq!(run(&["A", "B"]), ("a b".to_owned(), 0));
    assert_eq!(run(&["B", "C"]), ("b c".to_owned(), 1));
    assert_eq!(run(&["C", "B"]), ("c b".to_owned(), 4), "both items, and so the map and the run");
}

struct Model {
    name: &'static str,
}

impl CacheKey for Model {
    fn cache_key(&self) -> String {
        self.name.to_owned()
    }
}

struct Pool;

#[node(output = "answer")]
fn ask(model: Arc<Model>, text: &str) -> String {
    format!("{}: {text}", model.name)
}

#[node(output = "rows", cache = false)]
fn query(pool: &Pool) -> u32 {
    let _: &Pool = pool;
    7
}

#[node(output = "cached_rows")]
fn cached_query(pool: &Pool) -> u32 {
    let _: &Pool = pool;
    7
}

#[node(output = "doubled")]
fn double(rows: u32) -> u32 {
    rows * 2
}

#[test]
fn objects_say_their_own_keys_and_the_others_must_not_be_cached() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || DiskCache::open(folder.path()).unwrap();
    let asking = Pipeline::builder("asking").node(ask {}).build().unwrap();
    let hit = |name| {
        let run = asking.run(inputs! { model: Model { name }, text: "x" }).cache(cache()).wait().unwrap();
        run.trace().iter().any(|span| span.text("cache.status") == Some("hit"))
    };
    assert_eq!([hit("m1"), hit("m1"), hit("m2")], [false, true, false]);

    let counting = Pipeline::builder("rows").nodes(nodes![query, double]).build().unwrap();
    for expected in ["write", "hit"] {
        let run = counting.run(inputs! { pool: Pool }).cache(cache()).wait().unwrap();
        let double = run.trace().into_iter().find(|span| span.name == "node double").unwrap();
        assert_eq!(double.text("cache.status"), Some(expected), "keyed by the value that the uncached node gave");
    }
    let refused = Pipeline::builder("rows").node(cached_query {}).build().unwrap();
    let error = refused.run(inputs! { pool: Pool }).cache(cache()).wait().err().unwrap();
    assert!(error.to_string().contains("`Pool` has no cache key"), "{error}");
}

static TRIES: AtomicU32 = AtomicU32::new(0);

#[node(output = "flaky")]
fn flaky(context: &NodeContext) -> Result<u32, BoxError> {
    TRIES.fetch_add(1, SeqCst);
    if context.attempt() < 3 { Err("not yet".into()) } else { Ok(context.attempt()) }
}

#[test]
fn retries_are_attempts_below_the_nodes_span() {
    let retry = Retry::attempts(3).delay(Duration::ZERO);
    let pipeline = Pipeline::builder("p").node(flaky {}.retry(retry)).build().unwrap();
    let run = pipeline.run(inputs! {}).wait().unwrap();
    assert_eq!((run.get::<u32>("flaky").unwrap(), TRIES.load(SeqCst)), (3, 3));
    let names: Vec<(String, Status)> = run.trace().into_iter().map(|span| (span.name, span.status)).collect();
    let expected = [
        ("pipeline p", Status::Ok),
        ("node flaky", Status::Ok),
        ("attempt 1", Status::Error),
        ("attempt 2", Status::Error),
        ("attempt 3", Status::Ok),
    ];
    assert_eq!(names, expected.map(|(name, status)| (name.to_owned(), status)));
}

#[test]
fn a_pipeline_inside_is_tried_again_as_a_whole() {
    let tries = Arc::new(AtomicU32::new(0));
    let inner = Pipeline::builder("inner").node(counted {}).build().unwrap();
    let retry = Retry::attempts(3).delay(Duration::ZERO);
    let outer = Pipeline::builder("outer").node(inner.as_node().retry(retry)).build().unwrap();
    let run = outer.run(inputs! { tries: Tries(Arc::clone(&tries)) }).wait().unwrap();
    assert_eq!((run.get::<u32>("counted").unwrap(), tries.load(SeqCst)), (2, 2));
    let names: Vec<String> = run.trace().into_iter().map(|span| span.name).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("attempt")).count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "node counted").count(), 2);
}

struct Tries(Arc<AtomicU32>);

#[node(output = "counted")]
fn counted(tries: &Tries) -> Result<u32, BoxError> {
    match tries.0.fetch_add(1, SeqCst) + 1 {
        1 => Err("the first time fails".into()),
        count => Ok(count),
    }
}

#[tokio::test]
async fn a_pipeline_inside_has_its_own_time_limit() {
    let inner = Pipeline::builder("inner").node(never {}).build().unwrap();
    let limited = inner.as_node().timeout(Duration::from_millis(1));
    let outer = Pipeline::builder("outer").node(limited).build().unwrap();
    let run = outer.run(inputs! {}).settle().await.unwrap();
    assert_eq!(run.error().unwrap().to_string(), "outer > inner: took longer than 1ms");
    let statuses: Vec<(String, Status)> = run.trace().into_iter().map(|span| (span.name, span.status)).collect();
    let expected = [("pipeline outer", Status::Error), ("pipeline inner", Status::Error), ("node never", Status::Cancelled)];
    assert_eq!(statuses, expected.map(|(name, status)| (name.to_owned(), status)));
}

#[test]
fn another_environment_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let hits = |environment: &str| {
        let pipeline = Pipeline::builder("p").nodes(nodes![clean]).environment(environment).build().unwrap();
        let cache = DiskCache::open(folder.path()).unwrap();
        let run = pipeline.run(inputs! { text: "x" }).cache(cache).wait().unwrap();
        run.trace().iter().filter(|span| span.text("cache.status") == Some("hit")).count()
    };
    assert_eq!([hits("model 1"), hits("model 2")], [0, 0]);
    assert!(hits("model 1") > 0);
}

#[node(output = "never")]
async fn never() -> u32 {
    std::future::pending().await
}

#[node(output = "panics")]
fn panics() -> u32 {
    panic!("by design")
}

#[tokio::test]
async fn time_limits_panics_and_cancellation_end_a_run() {
    let late = Pipeline::builder("p").node(never {}.timeout(Duration::from_millis(1))).build().unwrap();
    let error = late.run(inputs! {}).await.err().unwrap();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Timeout, "p > never"));

    let panicking = Pipeline::builder("p").node(panics {}).build().unwrap();
    let error = panicking.run(inputs! {}).await.err().unwrap();
    assert_eq!(error.to_string(), "p > panics: panicked: by design");

    let token = CancelToken::new();
    let pending = Pipeline::builder("p").node(never {}).build().unwrap();
    let run = tokio::spawn(pending.run(inputs! {}).cancel_with(token.clone()).settle());
    tokio::task::yield_now().await;
    token.cancel();
    let run = run.await.unwrap().unwrap();
    assert_eq!(run.status(), Status::Cancelled);
    assert!(run.trace().iter().all(|span| span.status == Status::Cancelled), "{:?}", run.trace());
}

#[node(output = "threaded", blocking)]
fn threaded(text: String) -> String {
    let _span = span("inside the thread");
    text
}

#[tokio::test]
async fn blocking_nodes_keep_their_place_in_the_trace() {
    let pipeline = Pipeline::builder("p").node(threaded {}).build().unwrap();
    let run = pipeline.run(inputs! { text: "x" }).backend(LocalBackend::threads()).await.unwrap();
    let spans = run.trace();
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(find("inside the thread").parent_id, find("node threaded").span_id);
}

#[test]
fn events_pair_up_in_one_order() {
    let (told, heard) = std::sync::mpsc::channel();
    let callbacks = Callbacks::new().with(move |event: &flowglass::model::Event<'_>, _: &mut flowglass::CallbackContext| {
        told.send((event.seq, event.name(), event.site.path.to_string())).unwrap();
    });
    let outer = Pipeline::builder("corpus").node(words().as_node().map_over("text", "texts")).build().unwrap();
    outer.run(inputs! { texts: vec!["a b".to_owned()] }).callbacks(callbacks).wait().unwrap();
    let events: Vec<_> = heard.try_iter().collect();
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let names: Vec<&str> = events.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names[..4], ["pipeline.started", "map.started", "item.started", "node.started"]);
    assert_eq!(names[names.len() - 3..], ["item.finished", "map.finished", "pipeline.finished"]);
    let count = |verb: EventVerb| names.iter().filter(|name| name.ends_with(verb.as_str())).count();
    assert_eq!(count(EventVerb::Started), count(EventVerb::Finished));
}

#[node(output = "wrapped")]
fn wrap<T: Clone>(x: T) -> Vec<T> {
    vec![x]
}

#[test]
fn generic_functions_are_nodes_for_written_out_types() {
    let pipeline = Pipeline::builder("p").node(wrap::<u8>::node()).build().unwrap();
    let run = pipeline.run(inputs! { x: 3 }).wait().unwrap();
    assert_eq!(run.get::<Vec<u8>>("wrapped").unwrap(), [3]);
}

#[test]
fn runs_are_kept_in_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".flowglass/flowglass.db");
    let recorder = telemetry::sqlite(&path).unwrap();
    let run = words().run(inputs! { text: "a b" }).telemetry(recorder.clone()).attribute("tenant", "x").wait().unwrap();
    recorder.flush(Duration::from_secs(10)).unwrap();
    let store = flowglass::store::SqliteStore::open(&path).unwrap();
    let found = store.find_run(&run.id().to_string()[..8]).unwrap();
    assert_eq!((found.id, found.name.as_str(), found.version.as_str()), (run.id(), "words", "1"));
    let spans = store.trace(&found).unwrap();
    assert_eq!(spans, run.trace());
    assert!(spans.iter().all(|span| span.text("tenant") == Some("x")));
    assert_eq!(store.graph(words().fingerprint()).unwrap().as_ref(), Some(&**words().graph()));
}

#[test]
fn fingerprints_change_with_the_code_and_not_with_the_order() {
    let other = Pipeline::builder("words").version("1").nodes(nodes![clean, split, extremes, count]).build().unwrap();
    assert_eq!(words().fingerprint(), other.fingerprint());
    let changed = Pipeline::builder("words").version("2").nodes(nodes![clean, split, extremes, count]).build().unwrap();
    assert_ne!(words().fingerprint(), changed.fingerprint());
    let renamed = words().with_name("letters");
    assert_eq!((renamed.name(), renamed.graph().name.as_str()), ("letters", "letters"));
    assert_ne!(words().fingerprint(), renamed.fingerprint());
}
