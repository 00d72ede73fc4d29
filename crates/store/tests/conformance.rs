//! Every store of this crate passes the suite, and so does one that a user brings along.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use flowglass_model::{Fingerprint, Graph, Rollup, RunId, Sink, Span};
use flowglass_store::query::Query;
use flowglass_store::{
    Capabilities, MemoryStore, Page, RollupFilter, SinkOptions, SqliteStore, Store, StoreError, conformance,
};
use proptest::prelude::*;

fn file_in(folder: &Path) -> Arc<dyn Store> {
    let path = folder.join(format!("{}.db", std::fs::read_dir(folder).unwrap().count()));
    Arc::new(SqliteStore::create_or_open(&path).unwrap())
}

fn pass(make: impl FnMut() -> Arc<dyn Store>) {
    if let Err(why) = conformance::check(make) {
        panic!("{why}");
    }
}

#[test]
fn memory() {
    pass(|| Arc::new(MemoryStore::new()));
}

#[test]
fn a_file() {
    let folder = tempfile::tempdir().unwrap();
    pass(|| file_in(folder.path()));
}

/// A store as a user may write one: it counts how often it is asked, and leaves the rest to another.
#[derive(Debug, Default)]
struct Counting {
    inner: MemoryStore,
}

impl Store for Counting {
    fn location(&self) -> String {
        "counting:".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LEAST
    }

    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError> {
        self.inner.sink(options)
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.query(query)
    }

    fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError> {
        self.inner.trace(run)
    }

    fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError> {
        self.inner.graph(fingerprint)
    }

    fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>, StoreError> {
        self.inner.rollups(filter)
    }
}

#[test]
fn a_users_own() {
    pass(|| Arc::new(Counting::default()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_answers_as_memory_does_while_it_merges(seed in any::<u64>()) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("runs.db")).unwrap();
        let done = AtomicBool::new(false);
        let agreed = thread::scope(|scope| {
            // Segments are merged all the time, under every question.
            scope.spawn(|| while !done.load(Ordering::Relaxed) {
                let _ = store.compact();
            });
            let agreed = conformance::check_agreement(&store, seed);
            done.store(true, Ordering::Relaxed);
            agreed
        });
        prop_assert!(agreed.is_ok(), "{}", agreed.unwrap_err());
    }
}
