//! What is counted: exact whatever is written, replaced or taken away, by whom and when; read from no span where it can be.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Batch, Sink, Span, SpanId, SpanType, Status, TraceId};
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Moment, Now, Query, Select};
use flowglass_store::{PostgresStore, RetentionPolicy, SinkOptions, Store};
use proptest::prelude::*;

use super::forgetting::Transaction;
use super::server::Server;
use super::{batch, open};

const DAY_NS: i64 = 86_400_000_000_000;

/// All that is counted alone, in a query.
fn questions() -> Vec<Query> {
    let spans =
        ["", "status:error", "status:ok", "name=\"node encode\"", "type:node", "node:encode", "node:clean", "has(node:encode)"];
    let attributes = [
        "rows=12",
        "rows:12",
        "flag=true",
        "word=a",
        "word=b",
        "number=1",
        "number=2",
        "\"service.name\"=press",
        "\"service.name\":*",
    ];
    let parse = |select: Select, text: &str| Query::parse(select, text).unwrap();
    let of_spans = spans.iter().chain(&attributes).map(|text| parse(Select::Spans, text));
    let moments = [
        today() * DAY_NS,
        (today() - 2) * DAY_NS,
        (today() - 2) * DAY_NS + 7,
        1_700_000_100_000_000_000,
        1_700_006_400_000_000_000,
    ];
    let in_times = moments.into_iter().flat_map(|moment| {
        let of = [
            Query::spans(),
            parse(Select::Spans, "word=a"),
            parse(Select::Spans, "status:ok node:encode"),
            parse(Select::Runs, ""),
        ];
        of.into_iter().flat_map(move |query| {
            let since = query.clone().since(Moment::At(moment));
            let both = since.clone().before(Moment::At(moment + 2 * DAY_NS));
            [query.before(Moment::At(moment)), since, both]
        })
    });
    of_spans
        .chain(in_times)
        .chain(["", "name:report", "status:error", "word=a"].map(|text| parse(Select::Runs, text)))
        .collect()
}

/// Compares each count with what is found, and the table with what is counted.
fn is_right(store: &PostgresStore) -> Result<(), String> {
    for query in questions() {
        let found = store.query(&query.clone().limit(usize::MAX)).unwrap().rows.len() as u64;
        let counted = store.count(&query).unwrap();
        if counted != found {
            return Err(format!("{counted} and not {found} {} with `{query}`", query.select.as_str()));
        }
    }
    let check = Store::check(store).unwrap();
    if check.is_whole() { Ok(()) } else { Err(format!("{:?}", check.problems)) }
}

fn today() -> i64 {
    Now::system().0.div_euclid(DAY_NS)
}

/// A span that says `word`, of a day so many days ago.
fn span(id: u64, days_ago: i64, word: &str) -> Span {
    let is_root = id.is_multiple_of(10);
    Span {
        trace_id: TraceId::from_bytes([u8::try_from(id / 10).unwrap() + 1; 16]),
        span_id: SpanId::from_u64(id + 1),
        name: if is_root { "pipeline report" } else { "node encode" }.to_owned(),
        span_type: if is_root { SpanType::Pipeline } else { SpanType::Node },
        status: if id.is_multiple_of(4) { Status::Error } else { Status::Ok },
        start_unix_ns: (today() - days_ago) * DAY_NS + i64::try_from(id).unwrap(),
        attributes: vec![
            ("word".to_owned(), word.into()),
            ("number".to_owned(), if is_root { 1.0.into() } else { 1i64.into() }),
            ("unique".to_owned(), i64::try_from(id).unwrap().into()),
        ],
        ..Span::default()
    }
}

fn spans(ids: std::ops::Range<u64>, days_ago: i64, word: &str) -> Vec<Span> {
    ids.map(|id| span(id, days_ago, word)).collect()
}

fn count(store: &PostgresStore, text: &str) -> u64 {
    store.count(&Query::parse(Select::Spans, text).unwrap()).unwrap()
}

fn uncounted(server: &Server) -> String {
    server.psql("s", "SELECT count(DISTINCT day) FROM uncounted").trim().to_owned()
}

/// Makes all days that somebody changed be counted now.
fn count_now(server: &Server, store: &PostgresStore) {
    server.psql("s", "UPDATE uncounted SET noted = noted - interval '1 hour'");
    Store::migrate(store).unwrap();
}

#[test]
fn what_is_replaced_late_and_forgotten_is_counted_as_it_is() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &spans(0..60, 3, "a"))).unwrap();
    sink.write(&batch(1, 2, &[spans(60..90, 1, "a"), spans(90..100, 0, "b")].concat())).unwrap();
    assert_eq!(["word=a", "word=b", "number=1"].map(|text| count(&store, text)), [90, 10, 100]);
    is_right(&store).unwrap();
    // Some are there already and say something else now, others are new, and one is there twice in what comes.
    let again = [spans(50..80, 3, "b"), spans(50..52, 3, "c"), spans(60..65, 1, "b")].concat();
    sink.write(&batch(1, 3, &again)).unwrap();
    assert_eq!(["word=a", "word=b"].map(|text| count(&store, text)), [75, 43]);
    is_right(&store).unwrap();
    // Of a day, all goes, and of another one a part.
    let failed = RetentionPolicy { max_age: Some(Duration::ZERO), statuses: vec![Status::Error], ..RetentionPolicy::default() };
    store.retain(&failed).unwrap();
    is_right(&store).unwrap();
    store.retain(&RetentionPolicy { max_age: Some(Duration::from_secs(2 * 86_400)), ..RetentionPolicy::default() }).unwrap();
    is_right(&store).unwrap();
    drop(sink);
    is_right(&store).unwrap();
    // What is from a day that was dropped comes too late.
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(2, 1, &spans(200..210, 3, "a"))).unwrap();
    is_right(&store).unwrap();
    assert_eq!(uncounted(&server), "0");
}

#[test]
fn who_does_not_count_is_noticed() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &[spans(0..30, 3, "a"), spans(30..60, 0, "a")].concat())).unwrap();
    let columns =
        "parent_id, name, kind, type, status, message, run, start_unix_ns, duration_ns, attributes, resource, written, data";
    let copy = format!(
        "INSERT INTO span (trace_id, span_id, {columns}) SELECT 'ff' || trace_id, span_id, {columns} FROM span WHERE start_unix_ns < {}",
        today() * DAY_NS
    );
    for change in [copy.as_str(), "DELETE FROM span WHERE trace_id LIKE 'ff%' AND run IS NOT NULL"] {
        server.psql("s", change);
        assert_eq!(uncounted(&server), "1");
        assert_eq!(count(&store, "word=a"), server.psql("s", "SELECT count(*) FROM span").trim().parse::<u64>().unwrap());
    }
    server.psql("s", "UPDATE span SET attributes = attributes || '{\"word\": \"b\"}', status = 'ok' WHERE trace_id NOT LIKE 'ff%' AND run IS NOT NULL");
    assert_eq!(["word=b", "word=a"].map(|text| count(&store, text)), [6, 81]);
    // As long as it may go on, nobody counts such a day; then somebody does, and what is written meanwhile is counted as well.
    Store::migrate(&store).unwrap();
    assert_eq!(uncounted(&server), "1");
    sink.write(&batch(1, 2, &spans(60..70, 3, "a"))).unwrap();
    count_now(&server, &store);
    assert_eq!((uncounted(&server).as_str(), count(&store, "word=a")), ("0", 91));
    server.psql("s", "DELETE FROM span WHERE trace_id LIKE 'ff%'");
    count_now(&server, &store);
    assert_eq!(uncounted(&server), "0");
    // The rows that people changed say in their columns something else than what was recorded: that is not what is asked here.
    assert_eq!(count(&store, "word=a") + count(&store, "word=b"), 70);
    assert!(Store::check(&store).unwrap().problems.iter().all(|problem| problem.place != "table facet"));
}

#[test]
fn who_is_in_the_middle_while_a_day_is_counted_is_counted_later() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &spans(0..30, 0, "a"))).unwrap();
    let columns = "name, kind, type, status, message, start_unix_ns, duration_ns, attributes, resource, written, data";
    let insert = |trace: &str| {
        format!(
            "INSERT INTO span (trace_id, span_id, parent_id, {columns}) SELECT '{trace}', span_id, '', {columns} FROM span WHERE trace_id LIKE '01%'"
        )
    };
    server.psql("s", &insert(&"fe".repeat(16)));
    let writer = Transaction::begin(&server, &insert(&"ff".repeat(16)));
    count_now(&server, &store);
    assert_eq!((uncounted(&server).as_str(), count(&store, "word=a")), ("0", 40));
    writer.commit();
    assert_eq!((uncounted(&server).as_str(), count(&store, "word=a")), ("1", 50));
    count_now(&server, &store);
    assert_eq!((uncounted(&server).as_str(), count(&store, "word=a")), ("0", 50));
}

#[test]
fn open_spans_are_counted_with_the_others() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let running = |id: u64| Span { status: Status::Running, ..span(id, 0, "a") };
    sink.write(&batch(1, 1, &[spans(0..9, 0, "a"), vec![running(20), running(21)]].concat())).unwrap();
    assert_eq!(["", "word=a", "status:running", "type:pipeline"].map(|text| count(&store, text)), [11, 11, 2, 2]);
    assert_eq!(store.count(&Query::runs()).unwrap(), 2);
    is_right(&store).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_right_whatever_was_written(seed in any::<u64>(), steps in prop::collection::vec(0_u8..8, 1..40)) {
        let Some(server) = Server::start() else { return Ok(()) };
        let store = open(&server, "s");
        let mut recording = Recording::new(seed);
        let mut sinks = [store.sink(SinkOptions::default()).unwrap(), store.sink(SinkOptions::default()).unwrap()];
        let mut last: Vec<Arc<Batch>> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match step {
                // What one wrote another one writes once more.
                6 if !last.is_empty() => {
                    let again = Batch { writer: flowglass_model::WriterId::random(), ..Batch::clone(&last[at % last.len()]) };
                    sinks[1].write(&Arc::new(again)).unwrap();
                }
                7 => {
                    let keep_last = Some(1 + u64::from(*step));
                    store.retain(&RetentionPolicy { keep_last, ..RetentionPolicy::default() }).unwrap();
                }
                _ => {
                    last.push(recording.batch(1 + u64::from(*step) * 9));
                    sinks[at % 2].write(&last[last.len() - 1]).unwrap();
                }
            }
        }
        let right = is_right(&store);
        prop_assert!(right.is_ok(), "{right:?}");
        drop(sinks);
        let right = is_right(&store);
        prop_assert!(right.is_ok(), "at the end: {right:?}");
    }
}
