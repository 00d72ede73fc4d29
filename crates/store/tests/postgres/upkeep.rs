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
    let counts = [Select::Events, Select::Metrics].map(|select| (select, all(&store, select).len()));
    let before = |of| counts.iter().find_map(|(select, count)| (*select == of).then_some(*count)).unwrap();
    let places = || {
        let check = Store::check(&store).unwrap();
        check.problems.into_iter().map(|problem| problem.place).collect::<Vec<_>>()
    };
    server.psql("s", "UPDATE facet SET spans = spans + 1 WHERE key = 'status'");
    assert_eq!(places(), ["table facet"]);
    server.psql("s", "UPDATE facet SET spans = spans - 1 WHERE key = 'status'");
    server.psql("s", "UPDATE trace SET spans = 0, last_unix_ns = first_unix_ns - 1");
    assert_eq!(places(), ["table trace", "table trace"]);
    // It goes on behind what can't be read, counts it, and compares what is said twice.
    server.psql("s", "UPDATE span SET data = '\\x00' WHERE span_id IN (SELECT span_id FROM span LIMIT 2)");
    server.psql(
        "s",
        "UPDATE point SET p95 = 7, value = value + 1; UPDATE log SET unix_ns = unix_ns + 1; UPDATE event SET data = '\\x90'",
    );
    let found = Store::check(&store).unwrap();
    let said = |table: &str| {
        let of_table = found.problems.iter().filter(|problem| problem.place == table);
        of_table.map(|problem| problem.what.as_str()).collect::<Vec<_>>().join("; ")
    };
    assert!(said("table span").starts_with("2 rows can't be read"), "{found:?}");
    assert_eq!(found.spans, whole.spans - 2);
    for (table, select) in [("table event", Select::Events), ("table point", Select::Metrics)] {
        assert!(said(table).starts_with(&format!("{} rows", before(select))), "{found:?}");
    }
    assert!(said("table log").contains("say in their columns something else"), "{found:?}");
    server.psql("s", "DELETE FROM resource");
    assert!(places().contains(&"table span".to_owned()));
    server.psql("s", "UPDATE rollup SET durations = '\\xff'");
    let found = places();
    assert!(found.contains(&"table rollup".to_owned()), "{found:?}");
}
