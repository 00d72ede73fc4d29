//! Hooks look at what things are given and have made, where it lies: nothing is copied, loaded or kept for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use flowglass::model::{Event, Subject, Unavailable};
use flowglass::prelude::*;
use flowglass::{Callback, CallbackContext, CallbackResult, Callbacks, MemoryCache};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

type Lines = Arc<Mutex<Vec<String>>>;

/// Writes down what each thing is given and has made, as far as it is here.
struct Looks(Lines);

impl Looks {
    fn look(&self, event: &Event<'_>, context: &CallbackContext) -> CallbackResult {
        let index = event.index.map(|index| format!("[{index}]")).unwrap_or_default();
        let shown = |name: &Arc<str>, value: Option<flowglass::model::EventValue<'_>>| {
            let value = value?;
            let shown = value.preview(40).unwrap_or_else(|| "elsewhere".to_owned());
            Some(format!("{name}: {} = {shown}", value.type_name()))
        };
        let given = context.input_names().iter().filter_map(|name| shown(name, event.input(name)));
        let made = context.output_names().iter().filter_map(|name| shown(name, event.output(name)));
        let values: Vec<String> = given.chain(made).collect();
        self.0.lock().push(format!("{}{index} {}", event.name(), values.join(", ")).trim_end().to_owned());
        Ok(())
    }
}

impl Callback for Looks {
    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        self.look(event, context)
    }
}

fn looks() -> (Callbacks, Lines) {
    let lines = Lines::default();
    (Callbacks::new().with(Looks(Arc::clone(&lines))), lines)
}

#[node(output = "double")]
fn double(number: u64) -> u64 {
    number * 2
}

#[node(output = "sum")]
fn total(doubles: Vec<u64>, password: String) -> u64 {
    doubles.into_iter().sum::<u64>() + password.len() as u64
}

fn pipeline() -> Pipeline {
    let doubling = Pipeline::builder("doubling").node(double {}).build().unwrap();
    let each = doubling.as_node().named("each").map_over("number", "numbers").output("double", "doubles");
    Pipeline::builder("sums").node(each).node(total {}).build().unwrap()
}

#[test]
fn everything_that_starts_shows_what_it_is_given_and_what_ends_what_it_made() {
    let (callbacks, lines) = looks();
    let inputs = inputs! { numbers: vec![3_u64, 4], password: "hunter2" };
    pipeline().run(inputs).callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(lines.lock().join("\n"), @"
    pipeline.started numbers: list of u64 = [2 × u64], password: String = [redacted]
    map.started number: list of u64 = [2 × u64]
    item.started[0] number: u64 = 3
    node.started[0] number: u64 = 3
    node.finished[0] double: u64 = 6
    item.finished[0] doubles: u64 = 6
    item.started[1] number: u64 = 4
    node.started[1] number: u64 = 4
    node.finished[1] double: u64 = 8
    item.finished[1] doubles: u64 = 8
    map.finished doubles: list of u64 = [2 × u64]
    node.started doubles: list of u64 = [2 × u64], password: String = [redacted]
    node.finished sum: u64 = 21
    pipeline.finished doubles: list of u64 = [2 × u64], sum: u64 = 21
    ");
}

#[test]
fn what_nobody_needs_of_a_pipeline_is_neither_given_nor_made() {
    let (callbacks, lines) = looks();
    let both = Pipeline::builder("both").nodes(nodes![double, total]).build().unwrap();
    let outer = Pipeline::builder("outer").node(&both).callbacks(callbacks.clone()).build().unwrap();
    outer.run(inputs! { number: 3_u64 }).outputs(["double"]).wait().unwrap();
    insta::assert_snapshot!(std::mem::take(&mut *lines.lock()).join("\n"), @"
    pipeline.started number: u64 = 3
    pipeline.started number: u64 = 3
    node.started number: u64 = 3
    node.finished double: u64 = 6
    pipeline.finished double: u64 = 6
    pipeline.finished double: u64 = 6
    ");
    let each = both.as_node().map_over("number", "numbers").output("double", "all").output("sum", "sums");
    let outer = Pipeline::builder("outer").node(each).callbacks(callbacks).build().unwrap();
    outer.run(inputs! { numbers: vec![3_u64] }).outputs(["all"]).wait().unwrap();
    let lines = lines.lock();
    assert!(lines.iter().any(|line| line.starts_with("map.finished all: ")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("sum") && !line.contains("password")), "{lines:?}");
}

#[test]
fn a_top_level_map_shows_the_lists_it_takes_apart_and_those_it_makes() {
    let (callbacks, lines) = looks();
    let doubling = Pipeline::builder("doubling").node(double {}).build().unwrap();
    doubling.map(inputs! { number: vec![3_u64, 4] }, ["number"]).callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(lines.lock().join("\n"), @"
    pipeline.started number: Vec<u64> = [3, 4]
    map.started number: Vec<u64> = [3, 4]
    item.started[0] number: u64 = 3
    node.started[0] number: u64 = 3
    node.finished[0] double: u64 = 6
    item.finished[0] double: u64 = 6
    item.started[1] number: u64 = 4
    node.started[1] number: u64 = 4
    node.finished[1] double: u64 = 8
    item.finished[1] double: u64 = 8
    map.finished double: list of u64 = [2 × u64]
    pipeline.finished double: list of u64 = [2 × u64]
    ");
}

#[test]
fn results_of_a_map_are_there_as_one_list() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        let made = event.output("double").and_then(|made| made.get::<Vec<u64>>().cloned());
        note.lock().extend(made.map(|made| (event.name(), made)));
    });
    let doubling = Pipeline::builder("doubling").node(double {}).build().unwrap();
    doubling.map(inputs! { number: vec![3_u64, 4] }, ["number"]).callbacks(callbacks).wait().unwrap();
    let both = ["map.finished", "pipeline.finished"].map(|name| (name.to_owned(), vec![6, 8]));
    assert_eq!(*seen.lock(), both);
}

#[test]
fn what_comes_and_goes_one_by_one_is_counted() {
    let (callbacks, lines) = looks();
    let doubling = Pipeline::builder("doubling").node(double {}).build().unwrap();
    let why = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&why);
    let callbacks = callbacks.with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if event.site.subject == Subject::Map {
            let value = event.input("number").or_else(|| event.output("double")).unwrap();
            note.lock().push((value.unavailable(), value.load::<Vec<u64>>().cloned()));
        }
    });
    let items = doubling.map_stream(Inputs::new(), "number", futures_util::stream::iter([3_u64, 4]));
    let map = items.callbacks(callbacks).stream().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(map.finish()).total(), 2);
    let lines = lines.lock().join("\n");
    assert!(lines.contains("map.started number: list of u64 = elsewhere\n"), "{lines}");
    assert!(lines.contains("map.finished double: list of u64 = [2 × u64]\n"), "{lines}");
    let one_by_one = (Some(Unavailable::OneByOne), Err(Unavailable::OneByOne));
    assert_eq!(*why.lock(), [one_by_one.clone(), one_by_one]);
}

/// Moved from node to node; the one that is 7 must not be cloned.
#[derive(Serialize, Deserialize)]
struct Dear(u64);

static CLONED: AtomicU32 = AtomicU32::new(0);

impl Clone for Dear {
    fn clone(&self) -> Self {
        // Other tests have values of their own.
        CLONED.fetch_add(u32::from(self.0 == 7), SeqCst);
        Self(self.0)
    }
}

#[node(output = "dear")]
fn make(number: u64) -> Dear {
    Dear(number)
}

#[node(output = "last")]
fn take(dear: Dear) -> u64 {
    dear.0
}

fn dear() -> Pipeline {
    Pipeline::builder("dear").nodes(nodes![make, take]).build().unwrap()
}

#[test]
fn looking_at_a_value_keeps_it_from_nobody() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        let found = event.input("dear").or_else(|| event.output("dear"));
        if let Some(dear) = found.as_ref().and_then(|value| value.get::<Dear>()) {
            note.lock().push((event.name(), dear.0));
        }
        assert!(found.is_none_or(|value| value.get::<String>().is_none()), "it is of its own type alone");
    });
    let run = dear().run(inputs! { number: 7_u64 }).outputs(["last"]).callbacks(callbacks).wait().unwrap();
    assert_eq!(run.get::<u64>("last").unwrap(), 7);
    assert_eq!(*seen.lock(), [("node.finished".to_owned(), 7), ("node.started".to_owned(), 7)]);
    assert_eq!(CLONED.load(SeqCst), 0, "the last reader got the value itself");
}

#[test]
fn what_lies_in_a_cache_is_not_loaded_to_be_shown() {
    let (cache, pipeline) = (MemoryCache::new(), dear());
    let run = || pipeline.run(inputs! { number: 8_u64 }).cache(cache.clone());
    run().outputs(["dear"]).wait().unwrap();
    let here = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&here);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if event.site.subject == Subject::Node {
            note.lock().push((event.name(), event.input("dear").map(|dear| (dear.is_here(), dear.type_name()))));
        }
    });
    run().outputs(["last"]).callbacks(callbacks).wait().unwrap();
    let dear = Some((false, "Dear".to_owned()));
    let names = ["node.started", "node.cached", "node.started", "node.finished"].map(str::to_owned);
    let seen: Vec<_> = names.into_iter().zip([None, None, dear, None]).collect();
    assert_eq!(*here.lock(), seen);
}

#[test]
fn an_event_that_is_told_later_knows_what_is_left() {
    let (callbacks, lines) = looks();
    // The first callback of the set starts a run with the same set: all of that is told when it is done.
    let (again, inner) = (callbacks.clone(), dear());
    let mut is_first = true;
    let callbacks = callbacks.with(move |_: &Event<'_>, _: &mut CallbackContext| {
        if std::mem::take(&mut is_first) {
            let run = inner.run(inputs! { number: 9_u64 }).outputs(["last"]).callbacks(again.clone());
            std::thread::scope(|scope| scope.spawn(|| run.wait().unwrap()).join().unwrap());
        }
    });
    dear().run(inputs! { number: 10_u64 }).callbacks(callbacks).wait().unwrap();
    let lines = lines.lock().join("\n");
    assert!(lines.contains("dear: Dear = elsewhere") && lines.contains("dear: Dear = "), "{lines}");
}
