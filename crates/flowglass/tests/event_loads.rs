//! What lies in a cache, hooks load only if they ask for it: a hit that nobody looks at loads nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use flowglass::cache::{Entry, SignatureStore, ValueStore};
use flowglass::model::{Event, EventVerb, Subject, Unavailable};
use flowglass::prelude::*;
use flowglass::value::KeyDigest;
use flowglass::{Cache, CacheError, CallbackContext, Callbacks, MemoryCache};
use parking_lot::Mutex;

/// What is kept by digests.
type Kept<T> = Arc<Mutex<Vec<(KeyDigest, T)>>>;

/// Keeps every value apart from its entry, and counts how often one is loaded.
#[derive(Clone, Default)]
struct Shelf {
    entries: Kept<Arc<Entry>>,
    values: Kept<Vec<u8>>,
    loads: Arc<AtomicU32>,
}

impl SignatureStore for Shelf {
    fn describe(&self) -> String {
        "shelf".to_owned()
    }

    fn inline_bytes(&self) -> usize {
        0
    }

    fn get(&self, signature: &KeyDigest) -> Result<Option<Arc<Entry>>, CacheError> {
        Ok(self.entries.lock().iter().rfind(|(known, _)| known == signature).map(|(_, entry)| Arc::clone(entry)))
    }

    fn put(&self, signature: &KeyDigest, entry: Entry) -> Result<(), CacheError> {
        self.entries.lock().push((*signature, Arc::new(entry)));
        Ok(())
    }

    fn remove(&self, signature: &KeyDigest) -> Result<(), CacheError> {
        self.entries.lock().retain(|(known, _)| known != signature);
        Ok(())
    }
}

impl ValueStore for Shelf {
    fn holds(&self, digest: &KeyDigest, _: u64) -> bool {
        self.values.lock().iter().any(|(known, _)| known == digest)
    }

    fn load(&self, digest: &KeyDigest) -> Result<Vec<u8>, CacheError> {
        self.loads.fetch_add(1, SeqCst);
        let values = self.values.lock();
        let found = values.iter().find(|(known, _)| known == digest);
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| CacheError::new("it is gone"))
    }

    fn put(&self, digest: &KeyDigest, bytes: &[u8]) -> Result<(), CacheError> {
        self.values.lock().push((*digest, bytes.to_vec()));
        Ok(())
    }

    fn remove(&self, digest: &KeyDigest) -> Result<(), CacheError> {
        self.values.lock().retain(|(known, _)| known != digest);
        Ok(())
    }
}

impl Shelf {
    fn cache(&self) -> Cache {
        Cache::new(self.clone(), self.clone())
    }

    fn loads(&self) -> u32 {
        self.loads.load(SeqCst)
    }
}

#[node(output = "double")]
fn double(number: u64) -> u64 {
    number * 2
}

#[node(output = "next")]
fn next(double: u64) -> u64 {
    double + 1
}

#[node(output = "sum")]
fn total(nexts: Vec<u64>) -> u64 {
    nexts.into_iter().sum()
}

/// Two nodes, one behind the other.
fn chain() -> Pipeline {
    Pipeline::builder("chain").nodes(nodes![double, next]).build().unwrap()
}

/// The chain as a node, as a map, and what sums up: hits of every kind.
fn whole() -> Pipeline {
    let one = chain().as_node().named("one").output("next", "one");
    let each = chain().as_node().named("each").map_over("number", "numbers").output("next", "nexts");
    Pipeline::builder("whole").node(one).node(each).node(total {}).build().unwrap()
}

type Seen = Arc<Mutex<Vec<(String, String, Result<String, Unavailable>)>>>;

/// Looks at what hits have made; loads it, if that is asked for.
fn looking(is_loading: bool) -> (Callbacks, Seen) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, context: &mut CallbackContext| {
        if event.kind.verb() != EventVerb::Cached {
            return;
        }
        for name in context.output_names() {
            let Some(made) = event.output(name) else { continue };
            assert!(!made.is_here(), "nobody has loaded it");
            let index = event.index.map(|index| format!("[{index}]")).unwrap_or_default();
            let loaded = if is_loading { made.load::<u64>().map(|_| ()) } else { Ok(()) };
            let shown = loaded.map(|()| made.preview(20).unwrap_or_else(|| "elsewhere".to_owned()));
            note.lock().push((format!("{}{index}", event.name()), format!("{}.{name}", event.of()), shown));
        }
    });
    (callbacks, seen)
}

fn lines(seen: &Seen) -> String {
    let line = |(event, of, shown): &(String, String, Result<String, Unavailable>)| {
        format!("{event} {of}: {}\n", shown.as_ref().map_or_else(ToString::to_string, Clone::clone))
    };
    seen.lock().iter().map(line).collect()
}

#[test]
fn a_hit_that_nobody_looks_at_loads_nothing() {
    let (shelf, pipeline) = (Shelf::default(), chain());
    let run = || pipeline.run(inputs! { number: 3_u64 }).cache(shelf.cache()).outputs(["double"]);
    run().wait().unwrap();
    let before = shelf.loads();
    let (silent, heard) = (run(), Callbacks::new().with(|_: &Event<'_>, _: &mut CallbackContext| {}));
    // What leaves a run is loaded once, whoever hears of it.
    silent.wait().unwrap();
    assert_eq!(shelf.loads() - before, 1);
    run().callbacks(heard).wait().unwrap();
    assert_eq!(shelf.loads() - before, 2);
    let (callbacks, seen) = looking(false);
    run().callbacks(callbacks).wait().unwrap();
    assert_eq!((shelf.loads() - before, seen.lock().len()), (3, 1), "to look is not to load");
    let (callbacks, seen) = looking(true);
    run().callbacks(callbacks).wait().unwrap();
    assert_eq!(shelf.loads() - before, 5, "loaded for who asked, and as it left");
    assert_eq!(lines(&seen), "node.cached double.double: 6\n");
}

#[test]
fn hits_of_every_kind_know_what_they_stand_for() {
    let (shelf, pipeline) = (Shelf::default(), whole());
    let run = || pipeline.run(inputs! { number: 1_u64, numbers: vec![1_u64, 2] }).cache(shelf.cache());
    run().wait().unwrap();
    let (callbacks, seen) = looking(false);
    run().callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(lines(&seen), @"
    item.cached[0] each.nexts: elsewhere
    item.cached[1] each.nexts: elsewhere
    map.cached each.nexts: [2 × u64]
    pipeline.cached one.one: elsewhere
    node.cached total.sum: elsewhere
    ");
    let (callbacks, seen) = looking(true);
    run().callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(lines(&seen), @"
    item.cached[0] each.nexts: 3
    item.cached[1] each.nexts: 5
    map.cached each.nexts: it is a `list of u64`
    pipeline.cached one.one: 3
    node.cached total.sum: 8
    ");
}

#[test]
fn hits_of_a_map_at_the_top_know_their_items() {
    let (shelf, pipeline) = (Shelf::default(), chain());
    let map = || pipeline.map(inputs! { number: vec![1_u64, 2] }, ["number"]).cache(shelf.cache());
    map().wait().unwrap();
    let (callbacks, seen) = looking(false);
    map().callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(lines(&seen), @"
    item.cached[0] chain.double: elsewhere
    item.cached[0] chain.next: elsewhere
    item.cached[1] chain.double: elsewhere
    item.cached[1] chain.next: elsewhere
    map.cached chain.double: [2 × u64]
    map.cached chain.next: [2 × u64]
    ");
}

#[test]
fn what_a_cache_has_lost_is_unavailable_and_computed_again() {
    let (shelf, pipeline) = (Shelf::default(), chain());
    let run = |callbacks: Callbacks| {
        pipeline.run(inputs! { number: 3_u64 }).cache(shelf.cache()).callbacks(callbacks).outputs(["next"]).wait().unwrap()
    };
    run(Callbacks::new());
    let (values, seen) = (Arc::clone(&shelf.values), Arc::new(Mutex::new(Vec::new())));
    let note = Arc::clone(&seen);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if event.kind.verb() == EventVerb::Cached {
            // It is there when the cache is asked, and gone when the value is.
            values.lock().clear();
            let made = event.output("double").or_else(|| event.output("next")).unwrap();
            note.lock().push((made.load::<u64>().cloned(), made.unavailable().is_some()));
        }
    });
    assert_eq!(run(callbacks).get::<u64>("next").unwrap(), 7);
    assert!(matches!(&seen.lock()[0], (Err(Unavailable::Lost(_)), true)), "{seen:?}");
}

#[test]
fn another_type_is_told_by_its_name() {
    let cache = MemoryCache::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let callbacks = Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if let Some(made) = event.output("double").filter(|_| event.site.subject == Subject::Node) {
            note.lock().push((made.load::<String>().cloned(), made.load::<u64>().cloned()));
        }
    });
    for _ in 0..2 {
        chain().run(inputs! { number: 3_u64 }).cache(cache.clone()).callbacks(callbacks.clone()).wait().unwrap();
    }
    let both = || (Err(Unavailable::OfType("u64".to_owned())), Ok(6));
    assert_eq!(*seen.lock(), [both(), both()], "computed, and from the cache");
}
