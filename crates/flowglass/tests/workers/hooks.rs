//! What hooks see of values where workers do the work: what comes home or lies in a shared cache, and why the rest is not there.

use std::sync::Arc;

use flowglass::model::{Event, Subject, Unavailable};
use flowglass::prelude::*;
use flowglass::{CallbackContext, Callbacks, DiskCache};
use parking_lot::Mutex;

use crate::pipelines::{report, sums};
use crate::workers;

type Seen = Arc<Mutex<Vec<(String, Result<String, Unavailable>)>>>;

/// Writes down what nodes, pipelines and maps are given and have made, loaded where it must be.
fn looking() -> (Callbacks, Seen) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, context: &mut CallbackContext| {
        let given = context.input_names().iter().map(|name| (name, event.input(name)));
        let made = context.output_names().iter().map(|name| (name, event.output(name)));
        for (name, value) in given.chain(made).filter_map(|(name, value)| Some((name, value?))) {
            let loaded = match event.site.subject {
                _ if name.starts_with("pid") => continue,
                Subject::Map => value.load::<Vec<u64>>().map(|list| format!("{list:?}")),
                _ if value.type_name().starts_with("list") || value.type_name().starts_with("Vec") => {
                    value.load::<Vec<u64>>().map(|list| format!("{list:?}"))
                }
                _ => value.load::<u64>().map(ToString::to_string),
            };
            let index = event.index.map(|index| format!("[{index}]")).unwrap_or_default();
            note.lock().push((format!("{}{index} {} {name}", event.name(), event.site.path), loaded));
        }
    });
    (callbacks, seen)
}

fn seen_of(seen: &Seen, beginning: &str) -> Vec<Result<String, Unavailable>> {
    seen.lock().iter().filter(|(what, _)| what.starts_with(beginning)).map(|(_, value)| value.clone()).collect()
}

#[test]
fn what_goes_to_workers_and_comes_home_is_there_and_what_stays_says_so() {
    let (callbacks, seen) = looking();
    let inputs = inputs! { number: 5_u64, numbers: vec![1_u64, 2] };
    report().unwrap().run(inputs).backend(workers(1)).callbacks(callbacks).wait().unwrap();
    let at = |beginning: &str| seen_of(&seen, beginning);
    let here = |text: &str| vec![Ok(text.to_owned())];
    // A call, a pipeline that travels whole, and the items of a map over one: given here, and back here.
    assert_eq!(at("pipeline.started report > one number"), here("5"));
    assert_eq!(at("pipeline.finished report > one one_sum"), here("26"));
    assert_eq!(at("item.started[1] report > each number"), here("2"));
    assert_eq!(at("item.finished[1] report > each sums"), here("5"));
    assert_eq!(at("map.started report > each number"), here("[1, 2]"));
    assert_eq!(at("map.finished report > each sums"), here("[2, 5]"));
    assert_eq!(at("node.started report > total sums"), here("[2, 5]"));
    assert_eq!(at("node.finished report > total total"), here("33"));
    // Inside of what travels whole nothing leaves the worker; what it took from here is here.
    assert_eq!(at("node.started report > one > square number"), here("5"));
    assert_eq!(at("node.started[1] report > each > square number"), here("2"));
    assert_eq!(at("node.started report > one > add square"), [Err(Unavailable::WithWorker)]);
    assert_eq!(at("node.finished report > one > square square"), [Err(Unavailable::WithWorker)]);
    assert_eq!(at("node.finished[0] report > each > add sum"), [Err(Unavailable::WithWorker)]);
}

#[test]
fn what_a_worker_finds_in_a_shared_cache_is_loaded_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let known = sums().unwrap().run(inputs! { number: 5_u64 }).outputs(["square"]);
    known.cache(cache.clone()).wait().unwrap();
    let (callbacks, seen) = looking();
    let inputs = inputs! { number: 5_u64, numbers: vec![5_u64] };
    report().unwrap().run(inputs).cache(cache).backend(workers(1)).callbacks(callbacks).wait().unwrap();
    assert_eq!(seen_of(&seen, "node.cached report > one > square square"), [Ok("25".to_owned())]);
    assert_eq!(seen_of(&seen, "node.cached[0] report > each > square square"), [Ok("25".to_owned())]);
}
