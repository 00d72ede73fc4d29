//! What holds at each level of nested pipelines: inherited, set or off, each aspect by itself.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use flowglass::model::{Event, LabelOrigin, SpanType, Subject};
use flowglass::prelude::*;
use flowglass::{Backend, CallbackContext, Callbacks, ErrorKind, IntoNode, LocalBackend, Setting};

#[node(output = "low")]
fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[node(output = "length")]
fn measure(low: &str) -> usize {
    low.len()
}

#[node(output = "twice")]
fn double(length: usize) -> usize {
    length * 2
}

#[node(output = "never")]
async fn never() -> u32 {
    std::future::pending().await
}

fn leaf() -> Pipeline {
    Pipeline::builder("leaf").node(lower {}).build().unwrap()
}

/// `outer > inner > leaf`, with a node of its own at each level.
fn three(inner: impl Fn(&Pipeline) -> Pipeline, outer: impl Fn(&Pipeline) -> Pipeline) -> Pipeline {
    let middle = Pipeline::builder("inner").node(leaf()).node(measure {}).build().unwrap();
    outer(&Pipeline::builder("outer").node(inner(&middle)).node(double {}).build().unwrap())
}

fn same(pipeline: &Pipeline) -> Pipeline {
    pipeline.clone()
}

#[test]
fn each_aspect_is_inherited_from_the_nearest_that_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Setting::Set(flowglass::Cache::from(DiskCache::open(folder.path()).unwrap()));
    let pipeline = three(
        |inner| inner.with_backend(LocalBackend::threads().max_workers(4).into()).with_callbacks(Setting::Off),
        |outer| outer.with_cache(cache()).with_timeout(Duration::from_secs(60).into()),
    );
    let holds = pipeline.effective("outer > inner > leaf").unwrap();
    assert_eq!(holds.path, "outer > inner > leaf");
    assert_eq!(holds.backend.origin, LabelOrigin::Inherited("outer > inner".into()));
    assert_eq!(holds.backend.value.as_ref().and_then(Backend::as_local).unwrap().max_workers, Some(4));
    assert_eq!(holds.cache.origin, LabelOrigin::Inherited("outer".into()));
    assert!(holds.callbacks.value.is_none() && holds.callbacks.origin == LabelOrigin::Inherited("outer > inner".into()));
    assert_eq!((holds.timeout.value, &holds.telemetry.origin), (Some(Duration::from_secs(60)), &LabelOrigin::Default));

    let at_root = pipeline.effective("").unwrap();
    assert_eq!((&at_root.cache.origin, &at_root.backend.origin), (&LabelOrigin::Here, &LabelOrigin::Default));
    let printed = pipeline.effective("inner").unwrap().to_string();
    assert!(printed.starts_with("outer > inner\n  backend      threads ×4 (set here)\n"), "{printed}");
    assert!(printed.contains("\n  callbacks    no callbacks (set here)\n  telemetry    telemetry (default)\n"), "{printed}");
    assert!(printed.contains("timeout      timeout 60s (inherited from outer)"), "{printed}");
}

#[test]
fn paths_that_lead_nowhere_are_refused_with_the_nearest() {
    let pipeline = three(same, same);
    let error = |path: &str| pipeline.effective(path).err().unwrap();
    assert_eq!(error("iner").to_string(), "pipeline `outer` has no pipeline `iner` inside; did you mean `inner`?");
    assert!(error("inner > measure").message().contains("it is a function"));
    assert_eq!(error("outer > double").kind(), ErrorKind::Input);
}

#[test]
fn what_a_use_says_counts_before_what_the_pipeline_says() {
    let limited = leaf().with_timeout(Duration::from_secs(5).into()).with_backend(LocalBackend::sequential().into());
    let used = limited.as_node().timeout(Duration::from_secs(1)).cache(false);
    let pipeline = Pipeline::builder("outer").node(used).build().unwrap();
    let holds = pipeline.effective("leaf").unwrap();
    assert_eq!(holds.timeout.value, Some(Duration::from_secs(1)));
    assert_eq!(holds.backend.value.as_ref().and_then(Backend::as_local), Some(&LocalBackend::sequential()));
    assert_eq!((holds.cache.value.is_some(), &holds.cache.origin), (false, &LabelOrigin::Here));

    let unlimited = Pipeline::builder("outer").node(limited.as_node().no_timeout()).build().unwrap();
    let timeout = unlimited.effective("leaf").unwrap().timeout;
    assert_eq!((timeout.value, timeout.origin), (None, LabelOrigin::Here), "off isn't the same as not given");
    assert_eq!(limited.effective("").unwrap().timeout.value, Some(Duration::from_secs(5)), "a use changes no other use");
}

#[test]
fn a_function_is_configured_by_the_pipeline_that_it_is_in() {
    let error = Pipeline::builder("p").node(lower {}.into_node().no_callbacks()).build().err().unwrap();
    assert_eq!(
        error.message(),
        "pipeline `p`: `callbacks` is for pipelines, and node `lower` is a function; put it into a pipeline of its own to set it apart"
    );
}

fn telling() -> (Callbacks, Receiver<String>) {
    let (told, heard) = channel();
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if event.site.subject == Subject::Node && event.name() == "node.started" {
            told.send(event.site.path.to_string()).unwrap();
        }
    });
    (callbacks, heard)
}

#[test]
fn callbacks_replace_those_around_them_and_off_is_off_for_all_below() {
    let (outer_callbacks, outer) = telling();
    let (inner_callbacks, inner) = telling();
    let pipeline = three(
        |pipeline| pipeline.with_callbacks(inner_callbacks.clone().into()),
        |pipeline| pipeline.with_callbacks(outer_callbacks.clone().into()),
    );
    pipeline.run(inputs! { text: "A" }).wait().unwrap();
    assert_eq!(outer.try_iter().collect::<Vec<_>>(), ["outer > double"]);
    assert_eq!(inner.try_iter().collect::<Vec<_>>(), ["outer > inner > leaf > lower", "outer > inner > measure"]);

    let (callbacks, heard) = telling();
    let silent = three(|pipeline| pipeline.with_callbacks(Setting::Off), same);
    silent.run(inputs! { text: "A" }).callbacks(callbacks).wait().unwrap();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["outer > double"]);
}

fn cached_nodes(run: &Run) -> Vec<String> {
    let spans = run.trace();
    let stored = spans.iter().filter(|span| span.span_type == SpanType::Node && span.text("cache.status") == Some("write"));
    stored.map(|span| span.name.clone()).collect()
}

#[test]
fn caches_are_set_inherited_and_off_by_themselves() {
    let open = |folder: &tempfile::TempDir| DiskCache::open(folder.path()).unwrap();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let count = |folder: &tempfile::TempDir, pipeline: &Pipeline| {
        cached_nodes(&pipeline.run(inputs! { text: "A" }).cache(open(folder)).wait().unwrap())
    };
    assert_eq!(count(&first, &three(same, same)), ["node lower", "node measure", "node double"]);
    let off = three(|inner| inner.with_cache(Setting::Off), same);
    assert_eq!(count(&second, &off), ["node double"]);

    let (outer, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let middle = Pipeline::builder("inner").node(leaf()).node(measure {}).build().unwrap();
    let used = middle.with_cache(Setting::Off).as_node().cache_in(open(&own));
    let pipeline = Pipeline::builder("outer").node(used).node(double {}).build().unwrap();
    assert_eq!(count(&outer, &pipeline).len(), 3, "the use switches the cache on again");
    let alone = cached_nodes(&middle.run(inputs! { text: "A" }).cache(open(&own)).wait().unwrap());
    assert!(alone.is_empty(), "what the use kept is found again: {alone:?}");
}

#[tokio::test]
async fn a_pipeline_keeps_its_time_limit_inside_another() {
    let inner = Pipeline::builder("inner").node(never {}).timeout(Duration::from_millis(1)).build().unwrap();
    let outer = Pipeline::builder("outer").node(&inner).build().unwrap();
    let error = outer.run(inputs! {}).await.err().unwrap();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Timeout, "outer > inner: took longer than 1ms"));
}

#[test]
fn no_telemetry_of_a_child_leaves_the_rest_recorded() {
    let inner = Pipeline::builder("inner").nodes(nodes![lower, measure]).build().unwrap();
    let outer = Pipeline::builder("outer").node(inner.as_node().no_telemetry()).node(double {}).build().unwrap();
    let run = outer.run(inputs! { text: "A" }).wait().unwrap();
    let names: Vec<String> = run.trace().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["pipeline outer", "pipeline inner", "node double"]);
}

#[test]
fn a_drawn_graph_says_what_is_set_and_what_is_inherited() {
    let pipeline = three(
        |inner| inner.with_timeout(Duration::from_secs(5).into()),
        |outer| outer.with_backend(LocalBackend::threads().max_workers(2).into()),
    );
    let fingerprint = pipeline.fingerprint().to_string();
    let drawn = pipeline.to_string().replace(&fingerprint, "F");
    assert!(drawn.starts_with("pipeline outer  F  [threads ×2]*\n"), "{drawn}");
    assert!(drawn.contains("inner  pipeline  ↓[threads ×2] [timeout 5s]*\n"), "{drawn}");
    assert!(drawn.contains("leaf  pipeline  ↓[threads ×2] ↓[timeout 5s]\n"), "{drawn}");
    assert_eq!(pipeline.fingerprint(), three(same, same).fingerprint(), "how it is run makes no other pipeline of it");
}
