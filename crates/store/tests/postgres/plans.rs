//! How the server finds things: seen by what it read of which index, which says more than any time.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, Resource, Sink, Span, SpanEvent, SpanId, SpanType, TraceId, WriterId,
};
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

/// Waits until no connection of ours is open: it has told of all that it did once it is gone.
fn settle(server: &Server) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flowglass'";
    while server.psql("s", others).trim() != "0" {}
}

/// Asks on connections that are then closed, and returns what was read of the index by start, of that of attributes, and of the table
/// from its beginning to its end.
fn reads(server: &Server, ask: impl Fn(&dyn Store)) -> [Read; 3] {
    let counts = || {
        settle(server);
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

#[test]
fn what_is_counted_is_told_without_a_look_at_spans() {
    let Some(server) = Server::start() else { return };
    fill(&server);
    let read = reads(&server, |store| {
        assert_eq!(store.count(&Query::spans().equals("often", 1.0)).unwrap(), SPANS / 2);
        assert_eq!(store.count(&Query::spans().equals("often", 7.0)).unwrap(), 0);
        assert_eq!(store.count(&Query::spans().name("step 3")).unwrap(), SPANS / 7);
        assert_eq!(store.count(&Query::spans()).unwrap(), SPANS);
        assert_eq!(store.count(&Query::spans().has("rarely")).unwrap(), SPANS);
    });
    assert!(read.iter().all(|read| read.entries == 0), "{read:?}");
}

#[test]
fn what_was_frequent_until_lately_is_found_where_it_ends() {
    let Some(server) = Server::start() else { return };
    fill(&server);
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let newer: Vec<Span> = (0..2_000)
        .map(|number| run_of(1, u8::try_from(number % 250).unwrap()))
        .zip(1..)
        .map(|(run, id)| Span {
            span_id: SpanId::from_u64(id),
            start_unix_ns: run.start_unix_ns + i64::try_from(id).unwrap(),
            ..run
        })
        .collect();
    sink.write(&batch(1, 100_000, &newer)).unwrap();
    drop((sink, store));
    server.psql("s", "ANALYZE span");
    let [by_start, by_attributes, whole] = reads(&server, |store| {
        assert_eq!(twenty(store, Query::spans().equals("often", 1.0)), 20);
    });
    // The first thousand of those that come first are looked at, and then what is asked for, of which every second one is it.
    assert!(by_start.entries <= 1_500, "{by_start:?}");
    assert_eq!((by_attributes.entries, whole.entries), (0, 0));
}

const DAYS: i64 = 60;
const NS_PER_DAY: i64 = 86_400_000_000_000;

/// The day that it is for the server, counted from 1970.
fn today(server: &Server) -> i64 {
    server.psql("s", "SELECT floor(extract(epoch FROM clock_timestamp()) / 86400)::bigint").trim().parse().unwrap()
}

fn run_of(day: i64, number: u8) -> Span {
    let unix_ns = day * NS_PER_DAY + i64::from(number);
    Span {
        trace_id: TraceId::from_bytes([number + 1; 16]),
        span_id: SpanId::from_u64(1),
        name: "pipeline daily".to_owned(),
        span_type: SpanType::Pipeline,
        start_unix_ns: unix_ns,
        attributes: vec![("word".to_owned(), format!("number {number}").as_str().into())],
        events: vec![SpanEvent { name: "done".to_owned(), unix_ns, ..SpanEvent::default() }],
        ..Span::default()
    }
}

/// Asks on a connection that is then closed, and returns in how many parts of the tables of spans and events the server looked.
fn parts(server: &Server, ask: impl Fn(&dyn Store)) -> u64 {
    let looked = "SELECT sum(scans) FROM (
        SELECT coalesce(sum(idx_scan), 0) + coalesce(min(seq_scan), 0) AS scans FROM pg_stat_user_tables
        WHERE schemaname = 's' AND (relname LIKE 'span\\_%' OR relname LIKE 'event\\_%') GROUP BY relname) t";
    let count = || {
        settle(server);
        server.psql("s", looked).trim().parse::<u64>().unwrap()
    };
    let before = count();
    ask(&open(server, "s"));
    count() - before
}

#[test]
fn of_sixty_days_those_are_looked_at_that_matter() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let today = today(&server);
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    // Many on the last day, one on each day before.
    let mut runs: Vec<Span> = (0..DAYS).map(|day| run_of(today - day, u8::try_from(day).unwrap())).collect();
    runs.extend((0..30).map(|number| run_of(today, 100 + number)));
    sink.write(&batch(1, 1, &runs)).unwrap();
    drop((sink, store));
    assert_eq!(server.psql("s", "SELECT count(*) > 60 FROM pg_inherits WHERE inhparent = 'span'::regclass").trim(), "t");
    let by_id = parts(&server, |store| {
        let run = store.find_run(&run_of(0, 40).trace_id.to_string()).unwrap();
        assert_eq!(store.trace(run.id).unwrap()[0].events.len(), 1);
    });
    assert!(by_id <= 8, "{by_id}");
    let latest = parts(&server, |store| {
        assert_eq!((twenty(store, Query::spans()), twenty(store, Query::runs())), (20, 20));
    });
    assert!(latest <= 8, "{latest}");
    // A page behind the others begins where they ended.
    let old = Query { after: Some("00000000000000000000000000000001.0000000000000001.i1".parse().unwrap()), ..Query::spans() };
    assert!(parts(&server, |store| assert_eq!(twenty(store, old.clone()), 0)) <= 2);
    // What is frequent is found on the last day; what is somewhere is looked for everywhere once, and then fetched from there.
    let frequent = parts(&server, |store| assert_eq!(twenty(store, Query::spans().name("pipeline daily")), 20));
    assert!(frequent <= 4, "{frequent}");
    for (word, there) in [("number 50", 1), ("number 1000", 0)] {
        let somewhere = parts(&server, |store| assert_eq!(twenty(store, Query::spans().is("word", word)), there));
        assert!(somewhere <= 3 * 63, "{somewhere}");
    }
}

/// Events by themselves, of the span of a run.
fn events(sequence: u64, run: &Span, times_unix_ns: &[i64]) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(WriterId::from_bytes([1; 16]), sequence, Arc::new(Resource::default()));
    for unix_ns in times_unix_ns {
        let event = SpanEvent { name: "alone".to_owned(), unix_ns: *unix_ns, ..SpanEvent::default() };
        builder.push_owned_event((run.trace_id, run.span_id), &event);
    }
    Arc::new(builder.finish())
}

#[test]
fn events_of_other_days_than_their_spans_are_found() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let run = run_of(today(&server) - 20, 1);
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let (earlier, later) = (run.start_unix_ns - 9 * NS_PER_DAY, run.start_unix_ns + 9 * NS_PER_DAY);
    sink.write(&events(1, &run, &[earlier])).unwrap();
    sink.write(&batch(1, 2, std::slice::from_ref(&run))).unwrap();
    sink.write(&events(3, &run, &[later, i64::MIN, i64::MAX])).unwrap();
    drop(sink);
    let times = || {
        let found = store.trace(store.find_run(&run.trace_id.to_string()).unwrap().id).unwrap();
        found[0].events.iter().map(|event| event.unix_ns).collect::<Vec<_>>()
    };
    let wanted = [i64::MIN, earlier, run.start_unix_ns, later, i64::MAX];
    assert_eq!(times(), wanted);
    assert!(Store::check(&store).unwrap().is_whole());
    // Of a trace from before version 6, only its spans are known.
    let narrow = format!("UPDATE trace SET first_unix_ns = {0}, last_unix_ns = {0}, covers_events = false", run.start_unix_ns);
    server.psql("s", &narrow);
    assert_eq!(times(), wanted);
}
