//! What a store tells of itself, and what a check of it finds.

use flowglass_model::Sink;
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Query, Select};
use flowglass_store::{SinkOptions, Store};

use super::server::Server;
use super::{all, open};

#[test]
fn a_store_tells_what_is_in_it() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(6);
    (0..4).for_each(|_| sink.write(&recording.batch(20)).unwrap());
    let (info, details) = (Store::info(&store).unwrap(), Store::details(&store).unwrap());
    assert_eq!((info.runs, info.spans + details.open_spans), {
        let count = |query| store.count(&query).unwrap();
        (count(Query::runs()), count(Query::spans()))
    });
    assert!(info.size_bytes > 100_000 && info.format_version > 0, "{info:?}");
    assert!(details.oldest_unix_ns < details.newest_unix_ns);
    assert!(!details.writers.is_empty());
    let migration = Store::migrate(&store).unwrap();
    assert_eq!(migration.from, migration.to);
    drop(sink);
    assert!(Store::details(&store).unwrap().writers.is_empty());
}

#[test]
fn a_check_says_what_is_wrong() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(7);
    (0..4).for_each(|_| sink.write(&recording.batch(20)).unwrap());
    drop(sink);
    let whole = Store::check(&store).unwrap();
    assert!(whole.is_whole(), "{:?}", whole.problems);
    assert_eq!(whole.spans, all(&store, Select::Spans).len() as u64);
    let places = || {
        let check = Store::check(&store).unwrap();
        check.problems.into_iter().map(|problem| problem.place).collect::<Vec<_>>()
    };
    server.psql("s", "UPDATE trace SET spans = 0, last_unix_ns = first_unix_ns - 1");
    assert_eq!(places(), ["table trace", "table trace"]);
    server.psql("s", "DELETE FROM resource");
    assert!(places().contains(&"table span".to_owned()));
    server.psql("s", "UPDATE rollup SET durations = '\\xff'; UPDATE span SET data = '\\x00'");
    let found = places();
    assert!(found.contains(&"rollups".to_owned()) && found.contains(&"records".to_owned()), "{found:?}");
}
