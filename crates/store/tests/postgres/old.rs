//! Stores of earlier versions: their tables are brought up to date with all that is in them, and their rows are read for ever.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, ExponentialHistogram, InstrumentationScope, LogRecord, Metric, MetricKind,
    MetricPoint, MetricValue, Resource, Sink, Span, SpanEvent, SpanId, Temporality, TraceId, WriterId,
};
use flowglass_store::query::{Query, Select};
use flowglass_store::{PostgresOptions, PostgresStore, Rows, SinkOptions, Store};
use serde::Serialize;

use super::server::Server;
use super::{all, open};

/// What stood beside the columns of a span up to version 4.
#[derive(Serialize)]
struct SpanRest<'a> {
    flags: u32,
    attributes: &'a [(String, AttributeValue)],
    trace_state: &'a str,
    dropped: [u32; 3],
    scope: &'a Option<Arc<InstrumentationScope>>,
    exact: Option<(String, String, u64)>,
}

fn attributes() -> Vec<(String, AttributeValue)> {
    let entry = |key: &str, value: AttributeValue| (key.to_owned(), value);
    vec![
        entry("zulu", 1.0.into()),
        entry("alpha", AttributeValue::Bytes(vec![0xab])),
        entry("odd", AttributeValue::Float(f64::INFINITY)),
        entry("twice", 1i64.into()),
        entry("twice", 2i64.into()),
    ]
}

fn scope() -> Option<Arc<InstrumentationScope>> {
    Some(Arc::new(InstrumentationScope { name: "library".to_owned(), ..InstrumentationScope::default() }))
}

fn span() -> Span {
    Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(1),
        name: "n\0".to_owned(),
        duration_ns: 5_000_000,
        attributes: attributes(),
        scope: scope(),
        ..Span::default()
    }
}

fn event() -> SpanEvent {
    SpanEvent { name: "happened".to_owned(), unix_ns: 7, attributes: attributes(), dropped_attributes: 3 }
}

fn log() -> LogRecord {
    let body = AttributeValue::Map(vec![("b".to_owned(), 1.0.into()), ("a".to_owned(), AttributeValue::Null)]);
    LogRecord { observed_unix_ns: 9, body, attributes: attributes(), scope: scope(), ..LogRecord::default() }
}

fn point() -> MetricPoint {
    let mut histogram = ExponentialHistogram::default();
    (1..=100).for_each(|value| histogram.record(f64::from(value)));
    MetricPoint {
        start_unix_ns: 3,
        unix_ns: 8,
        value: MetricValue::Exponential(histogram),
        attributes: attributes(),
        exemplars: vec![],
    }
}

/// One of each.
fn records() -> Arc<Batch> {
    let mut builder = BatchBuilder::new(WriterId::from_bytes([1; 16]), 1, Arc::new(Resource::default()));
    builder.push(&Span { events: vec![event()], ..span() });
    builder.push_owned_log(&log());
    let metric = builder.push_owned_metric(&Metric::new("seconds", MetricKind::Exponential, Temporality::Delta));
    builder.push_owned_point(metric, &point());
    Arc::new(builder.finish())
}

/// Makes of a store one of version 3, with rows as that version wrote them.
fn age(server: &Server) {
    let named = |record: Vec<u8>| record.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let old_span = SpanRest {
        flags: span().flags,
        attributes: &attributes(),
        trace_state: "",
        dropped: [0; 3],
        scope: &scope(),
        exact: Some((span().name, String::new(), span().duration_ns)),
    };
    let rows = [
        ("span", rmp_serde::to_vec_named(&old_span).unwrap()),
        ("event", rmp_serde::to_vec_named(&event()).unwrap()),
        ("log", rmp_serde::to_vec_named(&log()).unwrap()),
        ("point", rmp_serde::to_vec_named(&point()).unwrap()),
    ];
    for (table, data) in rows {
        server.psql("s", &format!("UPDATE {table} SET data = '\\x{}'", named(data)));
    }
    server.psql(
        "s",
        "DROP TRIGGER span_uncounted ON span; DROP TRIGGER span_replaced ON span; DROP FUNCTION note_uncounted, count_replaced;
         DROP FUNCTION facets_of, day_of; DROP TABLE facet, facet_change, uncounted;
         DROP VIEW runs, spans, events, logs, metrics, attributes, rollups; DROP TABLE unfilled; DROP FUNCTION ended_below;
         ALTER TABLE span DROP COLUMN scope; ALTER TABLE open_span DROP COLUMN scope; ALTER TABLE log DROP COLUMN scope;
         ALTER TABLE point DROP COLUMN count, DROP COLUMN sum, DROP COLUMN min, DROP COLUMN max, DROP COLUMN p50, DROP COLUMN p95,
            DROP COLUMN p99, DROP COLUMN temporality, DROP COLUMN start_unix_ns;
         ALTER TABLE resource DROP COLUMN used; ALTER TABLE trace DROP COLUMN covers_events;
         ALTER TABLE rollup DROP COLUMN p50_ns, DROP COLUMN p95_ns, DROP COLUMN p99_ns;
         DELETE FROM schema_version WHERE version > 3; UPDATE schema_version SET applied = applied - interval '1 day'",
    );
}

/// Fills a store, and returns what is in it, and what its tables say in the columns that version 4 added.
fn filled(server: &Server) -> (Vec<Rows>, String) {
    let store = open(server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&records()).unwrap();
    drop(sink);
    (answers(&store), added(server))
}

fn answers(store: &dyn Store) -> Vec<Rows> {
    [Select::Spans, Select::Events, Select::Logs, Select::Metrics].map(|select| all(store, select)).into()
}

fn added(server: &Server) -> String {
    server.psql(
        "s",
        "SELECT scope FROM span; SELECT scope FROM log; SELECT count, sum, min, max, p50, p95, p99, temporality, start_unix_ns FROM point;
         SELECT p50_ns, p95_ns, p99_ns FROM rollup ORDER BY period_s",
    )
}

#[test]
fn rows_of_version_three_are_read_and_filled() {
    let Some(server) = Server::start() else { return };
    let (before, columns) = filled(&server);
    assert!(columns.contains("library") && columns.contains("|100|"), "{columns}");
    age(&server);
    let store = open(&server, "s");
    assert_eq!(answers(&store), before);
    assert_ne!(added(&server), columns);
    // Nobody has counted them yet: they are counted when they are asked for.
    let counts = || ["", "alpha=ab", "twice=1"].map(|text| store.count(&Query::parse(Select::Spans, text).unwrap()).unwrap());
    assert_eq!((server.psql("s", "SELECT count(*) FROM uncounted").trim(), counts()), ("1", [1, 1, 1]));
    let migration = Store::migrate(&store).unwrap();
    assert_eq!((migration.from, migration.to), (3, Store::info(&store).unwrap().format_version));
    assert_eq!(added(&server), columns);
    assert_eq!(server.psql("s", "SELECT (SELECT count(*) FROM unfilled) + (SELECT count(*) FROM uncounted)").trim(), "0");
    assert_eq!((answers(&store), counts()), (before, [1, 1, 1]));
    assert!(Store::check(&store).unwrap().is_whole());
}

#[test]
fn who_writes_fills_what_is_old_little_by_little() {
    let Some(server) = Server::start() else { return };
    let (_, columns) = filled(&server);
    age(&server);
    let quick = server.address("s") + "&heartbeat=10ms";
    let store = PostgresStore::create_or_open(&quick, PostgresOptions::default()).unwrap();
    let sink = store.sink(SinkOptions::default()).unwrap();
    while server.psql("s", "SELECT (SELECT count(*) FROM unfilled) + (SELECT count(*) FROM uncounted)").trim() != "0" {}
    assert_eq!(added(&server), columns);
    drop(sink);
}

#[test]
fn a_store_that_is_new_has_nothing_to_fill() {
    let Some(server) = Server::start() else { return };
    drop(open(&server, "s"));
    assert_eq!(server.psql("s", "SELECT count(*) FROM unfilled").trim(), "0");
}
