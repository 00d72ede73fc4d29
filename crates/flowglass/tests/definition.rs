//! Inputs that may be left out: defaults of parameters, bound inputs, and what stands against them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use flowglass::prelude::*;
use flowglass::{ErrorKind, NodeDef};

#[node(output = "taken")]
fn take(words: &[String], #[default(2)] limit: usize) -> Vec<String> {
    words.iter().take(limit).cloned().collect()
}

#[node(output = "joined")]
fn join(taken: Vec<String>, #[default(", ")] between: &str, #[default] end: String) -> String {
    taken.join(between) + &end
}

#[node]
fn limit(words: &[String]) -> usize {
    words.len()
}

#[node(output = "half")]
fn half(#[default(4)] limit: usize) -> usize {
    limit / 2
}

#[node(output = "double")]
fn double(limit: usize) -> usize {
    limit * 2
}

fn texts() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).into()
}

fn joining() -> Pipeline {
    Pipeline::builder("joining").nodes(nodes![join, take]).build().unwrap()
}

fn joined(pipeline: &Pipeline, inputs: Inputs) -> String {
    pipeline.run(inputs).wait().unwrap().get("joined").unwrap()
}

#[test]
fn parameters_with_defaults_may_be_left_out() {
    let pipeline = joining();
    assert_eq!(joined(&pipeline, inputs! { words: texts() }), "a, b");
    assert_eq!(joined(&pipeline, inputs! { words: texts(), limit: 3, between: "-", end: "!" }), "a-b-c!");
    assert_eq!(pipeline.unfulfilled_inputs().collect::<Vec<_>>(), ["words"]);
    assert_eq!(take(&texts(), 1), ["a"], "the function itself has no defaults");
}

#[test]
fn a_node_that_makes_the_value_counts_before_the_default() {
    let pipeline = Pipeline::builder("p").nodes(nodes![join, take, limit]).build().unwrap();
    assert_eq!(joined(&pipeline, inputs! { words: texts() }), "a, b, c");
    let kept = Pipeline::builder("p").nodes(nodes![join, limit]).node(take {}.keep_default("limit")).build().unwrap();
    assert_eq!(joined(&kept, inputs! { words: texts() }), "a, b");
}

#[test]
fn a_default_counts_in_cache_keys_by_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let hit = |inputs: Inputs| {
        let run = joining().run(inputs).cache(DiskCache::open(folder.path()).unwrap()).wait().unwrap();
        let span = run.trace().into_iter().find(|span| span.name == "node take").unwrap();
        span.text("cache.status") == Some("hit")
    };
    assert!(!hit(inputs! { words: texts() }));
    assert!(hit(inputs! { words: texts(), limit: 2 }), "what is given is the same");
    assert!(!hit(inputs! { words: texts(), limit: 1 }));
}

fn refusal(nodes: impl IntoIterator<Item = NodeDef>) -> String {
    Pipeline::builder("p").nodes(nodes).build().err().map(|error| error.message().to_owned()).unwrap_or_default()
}

#[test]
fn an_input_is_needed_by_whoever_has_no_default_for_it() {
    let pipeline = Pipeline::builder("p").nodes(nodes![half, double]).build().unwrap();
    let error = pipeline.run(inputs! {}).wait().err().unwrap();
    assert_eq!(error.to_string(), "pipeline `p` needs the input `limit` (a usize, read by node `double`)");
    let given = Pipeline::builder("p").nodes(nodes![half, double]).defaults(inputs! { limit: 8 }).build().unwrap();
    assert_eq!(given.run(inputs! {}).wait().unwrap().get::<usize>("double").unwrap(), 16);
}

#[test]
fn two_defaults_for_one_input_are_refused_until_the_pipeline_says_which() {
    let nodes = || nodes![half, take];
    assert_eq!(
        refusal(nodes()),
        "pipeline `p`: input `limit` is 4 by default in node `half` and 2 in node `take`; \
         say which with `.defaults(inputs! { limit: … })`"
    );
    let pipeline = Pipeline::builder("p").nodes(nodes()).defaults(inputs! { limit: 6 }).build().unwrap();
    let run = pipeline.run(inputs! { words: texts() }).wait().unwrap();
    assert_eq!((run.get::<usize>("half").unwrap(), run.get::<Vec<String>>("taken").unwrap().len()), (3, 3));
    assert_eq!(
        refusal([half {}.keep_default("limti")]),
        "pipeline `p`: node `half` has no input `limti`; did you mean `limit`?"
    );
    assert!(refusal([double {}.keep_default("limit")]).contains("which has none"));
}

#[test]
fn bound_inputs_hold_until_a_run_gives_others() {
    let bound = joining().bind(inputs! { words: texts(), limit: 1 }).unwrap();
    assert_eq!(joined(&bound, inputs! {}), "a");
    assert_eq!(joined(&bound, inputs! { limit: 3 }), "a, b, c");
    let shown: Vec<(&str, String)> = bound.bound_inputs().map(|(name, value)| (name, value.to_string())).collect();
    assert_eq!(shown, [("words", r#"["a", "b", "c"]"#.to_owned()), ("limit", "1".to_owned())]);
    assert_eq!(bound.unfulfilled_inputs().count(), 0);

    let released = bound.unbind("limit").unwrap().unbind("words").unwrap();
    assert_eq!(released.unfulfilled_inputs().collect::<Vec<_>>(), ["words"]);
    assert_eq!(joined(&released, inputs! { words: texts() }), "a, b", "the default is back");
    assert_eq!(released.graph(), joining().graph());
    assert_eq!(joined(&joining(), inputs! { words: texts() }), "a, b", "binding changes no other pipeline");
}

#[test]
fn wrong_names_and_values_are_refused_when_they_are_bound() {
    let error = joining().bind(inputs! { limt: 1 }).err().unwrap();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Input, "pipeline `joining` has no input `limt`; did you mean `limit`?")
    );
    let error = joining().bind(inputs! { limit: "two" }).err().unwrap();
    assert_eq!(error.message(), "input `limit` is a `String`, but node `take` reads it as `usize`");
    assert!(joining().unbind("nothing").is_err());
}

#[test]
fn what_is_bound_stays_bound_inside_another_pipeline() {
    let inner = joining().bind(inputs! { limit: 1 }).unwrap();
    let outer = Pipeline::builder("outer").node(&inner).build().unwrap();
    assert_eq!(outer.unfulfilled_inputs().collect::<Vec<_>>(), ["words"]);
    assert!(outer.run(inputs! { words: texts(), limit: 3 }).wait().is_err(), "the outer pipeline has no such input");
    assert_eq!(joined(&outer, inputs! { words: texts() }), "a");

    let mapped = Pipeline::builder("outer").node(inner.as_node().input("limit", "many")).build().unwrap();
    assert_eq!(joined(&mapped, inputs! { words: texts(), many: 2 }), "a, b");
    assert_ne!(joining().fingerprint(), inner.fingerprint());
    assert_ne!(inner.fingerprint(), joining().bind(inputs! { limit: 2 }).unwrap().fingerprint());
}

#[test]
fn a_graph_shows_what_is_bound_and_hides_secrets() {
    let pipeline = Pipeline::builder("p").node(join {}).node(secretive {}).build().unwrap();
    let pipeline = pipeline.bind(inputs! { between: "-", password: "hunter2" }).unwrap();
    let drawn = pipeline.to_string();
    assert!(drawn.contains("input between  String = \"-\" (bound)\n"), "{drawn}");
    assert!(drawn.contains("input end  String = \"\"\n"), "{drawn}");
    assert!(drawn.contains("[redacted]") && !drawn.contains("hunter2"), "{drawn}");
    let json = serde_json::to_string(pipeline.graph()).unwrap();
    assert!(json.contains("\"bound\":true") && !json.contains("hunter2"), "{json}");
}

#[node(output = "secretive")]
fn secretive(password: &str) -> usize {
    password.len()
}

struct Model {
    name: String,
}

impl State for Model {
    type Arguments = String;
    async fn construct(name: &String) -> Result<Self, flowglass::BoxError> {
        match name.as_str() {
            "missing" => Err("there is no such model".into()),
            "broken" => panic!("by design"),
            "slow" => {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                Ok(Self { name: name.to_owned() })
            }
            name => Ok(Self { name: name.to_owned() }),
        }
    }
}

#[node(output = "answer")]
fn answer(#[state] model: &Model, question: &str) -> String {
    format!("{}: {question}", model.name)
}

#[node(output = "name")]
async fn name(
    #[state]
    #[default(Stateful::new("small"))]
    model: Arc<Model>,
) -> String {
    tokio::task::yield_now().await;
    model.name.clone()
}

#[test]
fn state_is_built_at_its_first_use_and_shared_by_all_items() {
    let pipeline = Pipeline::builder("asking").node(answer {}).build().unwrap();
    let model = Stateful::<Model>::new("large");
    let bound = pipeline.bind(inputs! { model: model.clone() }).unwrap();
    assert!(!model.is_built());
    let questions = vec!["one".to_owned(), "two".to_owned()];
    let backend = flowglass::LocalBackend::threads();
    let map = bound.map(inputs! { question: questions }, ["question"]).backend(backend).wait().unwrap();
    assert_eq!(map.column::<String>("answer").unwrap(), ["large: one", "large: two"]);
    assert!(model.is_built());
    assert_eq!(answer(&Model { name: "m".into() }, "q"), "m: q", "the function takes the plain type");
}

#[test]
fn state_may_be_a_default_and_counts_by_its_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::builder("naming").node(name {}).build().unwrap();
    let run = |inputs: Inputs| {
        let run = pipeline.run(inputs).cache(DiskCache::open(folder.path()).unwrap()).wait().unwrap();
        let hit = run.trace().iter().any(|span| span.text("cache.status") == Some("hit"));
        (run.get::<String>("name").unwrap(), hit)
    };
    assert_eq!(run(inputs! {}), ("small".to_owned(), false));
    assert_eq!(run(inputs! { model: Stateful::<Model>::new("small") }), ("small".to_owned(), true));
    assert_eq!(run(inputs! { model: Stateful::<Model>::new("large") }), ("large".to_owned(), false));
}

#[test]
fn state_that_cannot_be_built_fails_at_the_node() {
    let pipeline = Pipeline::builder("asking").node(answer {}).build().unwrap();
    let error = |name: &str| {
        let inputs = inputs! { model: Stateful::<Model>::new(name), question: "?" };
        pipeline.run(inputs).wait().err().unwrap()
    };
    let missing = error("missing");
    assert_eq!((missing.path(), missing.error_type()), ("asking > answer", "state"));
    assert!(missing.to_string().contains("the state `Model` couldn't be built by `Model::construct`"), "{missing}");
    assert!(missing.to_string().contains("there is no such model"), "{missing}");
    let broken = error("broken");
    assert_eq!((broken.path(), broken.kind()), ("asking > answer", ErrorKind::Panic));
}

/// Takes a turn before it is there, and counts how often it is built.
fn slowly(built: &Arc<AtomicUsize>) -> Stateful<Model> {
    let built = Arc::clone(built);
    Stateful::with_async("slow", move |name| {
        let built = Arc::clone(&built);
        async move {
            tokio::task::yield_now().await;
            built.fetch_add(1, SeqCst);
            Ok::<_, flowglass::BoxError>(Model { name: (*name).to_owned() })
        }
    })
}

#[test]
fn state_that_takes_waiting_is_awaited_by_functions_of_every_kind() {
    let closure = node_fn!("closed", |#[state] model: &Model| -> String { model.name.clone() });
    let pipeline = Pipeline::builder("p").nodes(nodes![answer, name]).node(closure).build().unwrap();
    for backend in [flowglass::LocalBackend::default(), flowglass::LocalBackend::threads()] {
        let built = Arc::default();
        let run = pipeline.run(inputs! { model: slowly(&built), question: "?" }).backend(backend).wait().unwrap();
        assert_eq!(run.get::<String>("answer").unwrap(), "slow: ?");
        assert_eq!([run.get::<String>("name").unwrap(), run.get::<String>("closed").unwrap()], ["slow", "slow"]);
        assert_eq!(built.load(SeqCst), 1);
    }
    let named = pipeline.run(inputs! { model: Stateful::<Model>::new("slow"), question: "?" }).wait().unwrap();
    assert_eq!(named.get::<String>("answer").unwrap(), "slow: ?");
}
