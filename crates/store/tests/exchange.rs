//! What one store gives out, another takes in: everything, and nothing twice.

use std::sync::Arc;

use flowglass_model::{
    Batch, BatchBuilder, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, RunId, Sink, Span,
    SpanEvent, SpanId, SpanLink, SpanType, Status, Temporality, TraceId, WriterId, conventions,
};
use flowglass_store::{ImportTimes, Imported, RunFilter, Selection, SinkOptions, SqliteStore};
use tempfile::TempDir;

fn store() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create_or_open(&folder.path().join("a.db")).unwrap();
    (folder, store)
}

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16])
}

fn span(number: u8, id: u64, parent: u64, status: Status) -> Span {
    let attributes = vec![(conventions::PIPELINE_NAME.into(), "shop".into()), ("number".into(), i64::from(number).into())];
    let event = SpanEvent { name: "said".into(), unix_ns: 1_000 * i64::from(number), ..SpanEvent::default() };
    let link = SpanLink { trace_id: trace(9), span_id: SpanId::from_u64(9), ..SpanLink::default() };
    Span {
        trace_id: trace(number),
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(parent),
        name: format!("node {id}"),
        span_type: if parent == 0 { SpanType::Pipeline } else { SpanType::Node },
        status,
        start_unix_ns: 1_000 * i64::from(number) + i64::try_from(id).unwrap_or(0),
        duration_ns: 5,
        attributes,
        events: vec![event],
        links: vec![link],
        ..Span::default()
    }
}

fn resource(name: &str) -> Arc<Resource> {
    Arc::new(Resource { attributes: vec![("service.name".into(), name.into())], ..Resource::default() })
}

fn batch(service: &str, sequence: u64, fill: impl FnOnce(&mut BatchBuilder)) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(WriterId::random(), sequence, resource(service));
    fill(&mut builder);
    Arc::new(builder.finish())
}

/// Two runs, logs, points and a free event, of two services.
fn filled() -> (TempDir, SqliteStore) {
    let (folder, store) = store();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    for (service, number) in [("one", 1), ("two", 2)] {
        let written = batch(service, 1, |builder| {
            builder.push(&span(number, 12, 11, Status::Error));
            builder.push(&span(number, 11, 0, Status::Ok));
            let said = SpanEvent { name: "deployed".into(), unix_ns: 7, ..SpanEvent::default() };
            builder.push_owned_event((TraceId::NONE, SpanId::NONE), &said);
            let log = LogRecord { unix_ns: 1_500, body: "hello".into(), trace_id: trace(number), ..LogRecord::default() };
            // The same was said twice at one moment.
            builder.push_owned_log(&log);
            builder.push_owned_log(&log);
            let row = builder.push_owned_metric(&Metric::new("m", MetricKind::Counter, Temporality::Delta));
            let value = MetricValue::Number(Number::Int(3));
            let point = MetricPoint { start_unix_ns: 1, unix_ns: 2_500, value, attributes: Vec::new(), exemplars: Vec::new() };
            builder.push_owned_point(row, &point);
        });
        sink.write(&written).unwrap();
    }
    drop(sink);
    (folder, store)
}

fn all(store: &SqliteStore) -> Vec<Batch> {
    store.batches(&Selection::default()).unwrap().map(Result::unwrap).collect()
}

fn import(into: &SqliteStore, batches: &[Batch]) -> Imported {
    let mut times = ImportTimes::default();
    batches.iter().for_each(|batch| times.look(batch));
    let mut importer = into.import(times).unwrap();
    batches.iter().for_each(|batch| importer.add(batch).unwrap());
    importer.finish()
}

/// All that a store tells, in one text.
fn told(store: &SqliteStore) -> String {
    let mut runs = store.runs(&RunFilter::default()).unwrap();
    runs.sort_by_key(|run| run.id);
    let traces: Vec<Vec<Span>> = runs.iter().map(|run| store.trace(run).unwrap()).collect();
    let mut services: Vec<String> =
        all(store).iter().map(|batch| format!("{:?} {:?}", batch.resource, batch.counts())).collect();
    services.sort();
    let mut free: Vec<String> = all(store).iter().flat_map(free_events).collect();
    free.sort();
    format!("{runs:#?}{traces:#?}{:#?}{:#?}{services:#?}{free:#?}", store.logs(None).unwrap(), store.metrics(None).unwrap())
}

fn free_events(batch: &Batch) -> Vec<String> {
    let free = batch.events().filter(|event| event.owner().1.is_none());
    free.map(|event| format!("{:?}", event.to_event())).collect()
}

#[test]
fn another_store_takes_everything_and_nothing_twice() {
    let ((_folder, from), (_other, to)) = (filled(), store());
    let batches = all(&from);
    let first = import(&to, &batches);
    assert_eq!((first.added.spans, first.added.events, first.added.logs, first.added.points), (4, 6, 4, 2));
    assert_eq!(first.known.total(), 0);
    assert_eq!(told(&to), told(&from));
    let again = import(&to, &batches);
    assert_eq!((again.added.total(), again.known), (0, first.added));
    assert_eq!(told(&to), told(&from));
    to.compact().unwrap();
    assert_eq!(import(&to, &all(&from)).added.total(), 0);
    // The store's own records are known to it, too.
    assert_eq!(import(&from, &batches).added.total(), 0);
}

#[test]
fn a_part_that_is_known_is_left_out() {
    let ((_folder, from), (_other, to)) = (filled(), store());
    let part = Selection { traces: Some(vec![trace(1)]), ..Selection::default() };
    let part: Vec<Batch> = from.batches(&part).unwrap().map(Result::unwrap).collect();
    let first = import(&to, &part);
    assert_eq!((first.added.spans, first.added.events, first.added.logs, first.added.points), (2, 2, 2, 0));
    let rest = import(&to, &all(&from));
    assert_eq!((rest.added.spans, rest.added.events, rest.added.logs, rest.added.points), (2, 4, 2, 2));
    assert_eq!(rest.known, first.added);
}

#[test]
fn times_bound_what_is_given_out() {
    let (_folder, store) = filled();
    let counts = |start: Option<i64>, end: Option<i64>| {
        let selection = Selection { start_unix_ns: start, end_unix_ns: end, ..Selection::default() };
        let batches = store.batches(&selection).unwrap().map(|batch| batch.unwrap().counts());
        batches.fold((0, 0, 0, 0), |sum, of| (sum.0 + of.spans, sum.1 + of.events, sum.2 + of.logs, sum.3 + of.points))
    };
    assert_eq!(counts(None, None), (4, 6, 4, 2));
    assert_eq!(counts(Some(2_000), None), (2, 2, 0, 2));
    assert_eq!(counts(None, Some(1_500)), (2, 4, 0, 0));
    assert_eq!(counts(Some(1_012), Some(1_501)), (1, 0, 4, 0));
}

#[test]
fn a_span_that_still_runs_is_taken_as_interrupted_until_its_end_comes() {
    let ((_folder, from), (_other, to)) = (store(), store());
    let mut sink = from.sink(SinkOptions::default()).unwrap();
    sink.write(&batch("one", 1, |builder| builder.push(&span(1, 11, 0, Status::Running)))).unwrap();
    let status = |store: &SqliteStore| store.trace(&store.runs(&RunFilter::default()).unwrap()[0]).unwrap()[0].status;
    assert_eq!(import(&to, &all(&from)).added.spans, 1);
    assert_eq!((status(&from), status(&to)), (Status::Running, Status::Interrupted));
    assert_eq!(import(&to, &all(&from)).added.spans, 0);
    sink.write(&batch("one", 2, |builder| builder.push(&span(1, 11, 0, Status::Ok)))).unwrap();
    assert_eq!(import(&to, &all(&from)).added.spans, 1);
    assert_eq!(status(&to), Status::Ok);
    assert_eq!(flowglass_store::Store::trace(&to, RunId::from(trace(1))).unwrap().len(), 1);
}

#[test]
fn a_copy_in_plain_tables_has_the_same_rows() {
    let (folder, store) = filled();
    let path = folder.path().join("copy.db");
    let rows = store.copy_to_sqlite(&path, &Selection::default()).unwrap();
    let copy = rusqlite::Connection::open(&path).unwrap();
    let ask = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let tables = ["runs", "spans", "events", "metrics", "logs", "attributes", "rollups"];
    let each = tables.map(|table| ask(&format!("SELECT count(*) FROM {table}")));
    assert_eq!(each[..5], [2, 4, 6, 2, 4]);
    assert_eq!(each.iter().sum::<i64>(), i64::try_from(rows).unwrap());
    assert_eq!(ask("SELECT count(*) FROM spans WHERE attributes ->> 'number' = 2 AND resource ->> 'service.name' = 'two'"), 2);
    assert!(store.copy_to_sqlite(&path, &Selection::default()).is_err(), "what is there isn't overwritten");
    let one = folder.path().join("one.db");
    store.copy_to_sqlite(&one, &Selection { traces: Some(vec![trace(2)]), ..Selection::default() }).unwrap();
    let copy = rusqlite::Connection::open(&one).unwrap();
    assert_eq!(copy.query_row("SELECT count(*), min(trace_id) FROM spans", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}
