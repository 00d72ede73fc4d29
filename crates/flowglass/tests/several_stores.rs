//! Several stores at once, of which one fails: the others have everything, and the run goes on.

use std::sync::Arc;
use std::time::Duration;

use flowglass::model::{Batch, Sink, SinkError, SinkErrorKind};
use flowglass::prelude::*;
use flowglass::store::query::{Query, Select};
use flowglass::store::{MemoryStore, SinkOptions, SqliteStore, Store};
use flowglass::telemetry;

#[node(output = "doubled")]
fn double(number: u64) -> u64 {
    number * 2
}

/// A destination that refuses everything.
struct Refusing;

impl Sink for Refusing {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        Err(SinkError::new(SinkErrorKind::Permanent, "no room on this disk"))
    }
}

#[test]
fn one_that_fails_costs_the_others_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file: Arc<dyn Store> = Arc::new(SqliteStore::create_or_open(&folder.path().join("runs.db")).unwrap());
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let recorder = telemetry::to_store(&*file, SinkOptions::default())
        .unwrap()
        .sink("refusing", Refusing)
        .sink("memory", memory.sink(SinkOptions::default()).unwrap())
        .build();
    let pipeline = Pipeline::builder("doubling").nodes(nodes![double]).telemetry(recorder.clone()).build().unwrap();
    for number in 0..20u64 {
        let run = pipeline.run(inputs! { number: number }).wait().unwrap();
        assert_eq!(run.get::<u64>("doubled").unwrap(), number * 2);
    }
    let flushed = recorder.flush(Duration::from_secs(60));
    assert!(flushed.is_err_and(|error| error.to_string().contains("no room on this disk")), "the failure is told");
    for store in [&file, &memory] {
        let counts = [Select::Runs, Select::Spans].map(|select| store.count(&Query::new(select)).unwrap());
        assert_eq!(counts, [20, 40], "{}", store.location());
    }
    let stats = recorder.stats();
    let of = |name: &str| stats.sinks.iter().find(|sink| sink.name == name).unwrap();
    assert_eq!((of("store").dropped_failed.total(), of("memory").dropped_failed.total()), (0, 0));
    assert_eq!((of("refusing").delivered.spans, of("refusing").dropped_failed.spans), (0, 40));
}
