//! How the server finds things: seen by what it read of which index, which says more than any time.

use flowglass_model::{AttributeValue, Sink, Span, SpanId, TraceId};
use flowglass_store::query::Query;
use flowglass_store::{SinkOptions, Store};

use super::server::Server;
use super::{batch, open};

const SPANS: u64 = 20_000;
const PER_BATCH: u64 = 2_000;

/// Fills a store: of `often` every second span has one value, of `rarely` each its own.
fn fill(server: &Server) {
    let store = open(server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let span = |id: u64| Span {
        trace_id: TraceId::from_bytes([u8::try_from(id % 200).unwrap() + 1; 16]),
        span_id: SpanId::from_u64(id),
        name: format!("step {}", id % 7),
        start_unix_ns: 1_000_000_000 * i64::try_from(id).unwrap(),
        duration_ns: id * 1000,
        attributes: vec![
            ("often".to_owned(), AttributeValue::Int(i64::try_from(id % 2).unwrap())),
            ("rarely".to_owned(), AttributeValue::Str(format!("value {id}"))),
        ],
        ..Span::default()
    };
    for first in (1..=SPANS).step_by(usize::try_from(PER_BATCH).unwrap()) {
        let spans: Vec<Span> = (first..first + PER_BATCH).map(span).collect();
        sink.write(&batch(1, first, &spans)).unwrap();
    }
    drop(sink);
    server.psql("s", "ANALYZE span");
}

/// How many entries of an index were read, and how often it was looked into.
#[derive(Debug, Clone, Copy)]
struct Read {
    entries: u64,
    scans: u64,
}

/// Asks on connections that are then closed, and returns what was read of the index by start, of that of attributes, and of the table
/// from its beginning to its end.
fn reads(server: &Server, ask: impl Fn(&dyn Store)) -> [Read; 3] {
    let counts = || {
        // A connection has told of all that it did once it is gone.
        let others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flowglass'";
        while server.psql("s", others).trim() != "0" {}
        let of = |pattern: &str| {
            server.psql(
                "s",
                &format!(
                    "SELECT coalesce(sum(idx_tup_read), 0) || ' ' || coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes \
                     WHERE schemaname = 's' AND indexrelname LIKE 'span\\_%{pattern}'"
                ),
            )
        };
        let whole = server.psql(
            "s",
            "SELECT coalesce(sum(seq_tup_read), 0) || ' ' || coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables \
             WHERE schemaname = 's' AND relname LIKE 'span\\_%'",
        );
        [of("start\\_unix\\_ns\\_idx"), of("attributes\\_idx"), whole].map(|text| {
            let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap());
            Read { entries: numbers.next().unwrap(), scans: numbers.next().unwrap() }
        })
    };
    let before = counts();
    ask(&open(server, "s"));
    let after = counts();
    [0, 1, 2].map(|at| Read { entries: after[at].entries - before[at].entries, scans: after[at].scans - before[at].scans })
}

fn twenty(store: &dyn Store, query: Query) -> usize {
    store.query(&query.limit(20)).unwrap().rows.len()
}

#[test]
fn what_is_rare_is_found_by_the_index_of_attributes() {
    let Some(server) = Server::start() else { return };
    fill(&server);
    for (value, there) in [("value 77", 1), ("nothing of the kind", 0)] {
        let [by_start, by_attributes, whole] = reads(&server, |store| {
            assert_eq!(twenty(store, Query::spans().is("rarely", value)), there);
        });
        // A thousand of those that come first are looked at, to see whether it is rare.
        assert!(by_start.entries <= 1_100, "{by_start:?}");
        assert!(by_attributes.scans >= 1 && by_attributes.entries <= 10, "{by_attributes:?}");
        assert_eq!(whole.entries, 0);
    }
}

#[test]
fn what_is_frequent_is_found_among_those_that_come_first() {
    let Some(server) = Server::start() else { return };
    fill(&server);
    let [by_start, by_attributes, whole] = reads(&server, |store| {
        assert_eq!(twenty(store, Query::spans().equals("often", 1.0)), 20);
    });
    assert!(by_start.entries <= 1_300, "{by_start:?}");
    assert_eq!((by_attributes.scans, whole.entries), (0, 0));
    // What is asked for by nothing but its order costs what is shown, and a page behind others no more than the first.
    let [by_start, ..] = reads(&server, |store| {
        let first = store.query(&Query::spans().limit(20)).unwrap();
        let second = store.query(&Query { after: first.next, ..Query::spans().limit(20) }).unwrap();
        assert_eq!(second.rows.len(), 20);
    });
    assert!(by_start.entries <= 300, "{by_start:?}");
}

#[test]
fn a_count_by_a_rare_attribute_reads_nothing_else() {
    let Some(server) = Server::start() else { return };
    fill(&server);
    let [by_start, by_attributes, whole] = reads(&server, |store| {
        assert_eq!(store.count(&Query::spans().is("rarely", "value 77")).unwrap(), 1);
    });
    assert!(by_attributes.scans >= 1 && by_start.entries == 0 && whole.entries == 0, "{by_start:?} {whole:?}");
}
