//! What went wrong in the systems that this one comes after, in their stores and queries: it can't here, in any store.

use std::path::Path;
use std::sync::Arc;

use flowglass_model::{
    AttributeValue, BatchBuilder, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, Span, SpanEvent,
    SpanId, SpanType, Status, Temporality, TraceId, WriterId, conventions as names,
};
use flowglass_store::query::{Moment, Query, Select};
use flowglass_store::{MemoryStore, Rows, SinkOptions, SqliteStore, Store};

const START: i64 = 1_790_000_000_000_000_000;

/// Shows each kind of store, empty, to a test.
fn each_store(test: impl Fn(&dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    test(&MemoryStore::new());
    test(&SqliteStore::create_or_open(Path::new(&folder.path().join("runs.db"))).unwrap());
}

fn write(store: &dyn Store, fill: impl FnOnce(&mut BatchBuilder)) {
    let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::new(Resource::default()));
    fill(&mut builder);
    store.sink(SinkOptions::default()).unwrap().write(&Arc::new(builder.finish())).unwrap();
}

fn span(id: u64, attributes: &[(&str, AttributeValue)]) -> Span {
    Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(id),
        name: format!("node n{id}"),
        span_type: SpanType::Node,
        start_unix_ns: START + i64::try_from(id).unwrap() * 1_000_000_000,
        duration_ns: id * 1_000_000,
        attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        ..Span::default()
    }
}

fn spans(store: &dyn Store, query: &str) -> Vec<Span> {
    match store.query(&Query::parse(Select::Spans, query).unwrap()).unwrap().rows {
        Rows::Spans(found) => found.into_iter().map(|found| found.span).collect(),
        other => panic!("asked for spans, got {other:?}"),
    }
}

/// Upstream only a full buffer of spans was ever written: events and metrics grew without bound and were never seen.
#[test]
fn events_metrics_and_logs_need_no_span_to_be_stored() {
    each_store(|store| {
        let event = SpanEvent { name: "deployed".into(), unix_ns: START, ..SpanEvent::default() };
        write(store, |builder| builder.push_owned_event((TraceId::NONE, SpanId::NONE), &event));
        write(store, |builder| {
            let row = builder.push_owned_metric(&Metric::new("queue.depth", MetricKind::Gauge, Temporality::Unspecified));
            let value = MetricValue::Number(Number::Int(3));
            builder.push_owned_point(
                row,
                &MetricPoint {
                    start_unix_ns: 0,
                    unix_ns: START,
                    value,
                    attributes: vec![("queue".into(), "small".into())],
                    exemplars: Vec::new(),
                },
            );
        });
        write(store, |builder| {
            builder.push_owned_log(&LogRecord { unix_ns: START, body: "said".into(), ..LogRecord::default() })
        });
        for select in [Select::Events, Select::Metrics, Select::Logs] {
            assert_eq!(store.count(&Query::new(select)).unwrap(), 1, "{select:?} of {}", store.location());
        }
    });
}

/// Upstream a failed span put what has no form in JSON into its error, and nothing was stored any more from then on.
#[test]
fn whatever_a_span_says_the_next_ones_are_stored() {
    each_store(|store| {
        let odd: [(&str, AttributeValue); 6] = [
            ("nan", f64::NAN.into()),
            ("infinite", f64::INFINITY.into()),
            ("nul", "a\0b".into()),
            ("long", "x".repeat(100_000).into()),
            ("deep", (0..40).fold(AttributeValue::Null, |inner, _| AttributeValue::List(vec![inner]))),
            ("", AttributeValue::Bytes(vec![0xff, 0xfe])),
        ];
        let failed = Span { status: Status::Error, status_message: "Traceback\0\u{1b}[31m\n…".into(), ..span(1, &odd) };
        write(store, |builder| builder.push(&failed));
        write(store, |builder| builder.push(&span(2, &[])));
        assert_eq!(store.count(&Query::spans()).unwrap(), 2);
        assert_eq!(spans(store, "status:error")[0].status_message, failed.status_message);
    });
}

/// Upstream all values of attributes became text.
#[test]
fn values_keep_their_types() {
    let values: [(&str, AttributeValue); 6] = [
        ("int", i64::MAX.into()),
        ("float", 0.5.into()),
        ("truth", true.into()),
        ("text", "12".into()),
        ("bytes", AttributeValue::Bytes(vec![1, 2])),
        ("list", AttributeValue::List(vec![1i64.into(), "1".into()])),
    ];
    each_store(|store| {
        write(store, |builder| builder.push(&span(1, &values)));
        assert_eq!(spans(store, "")[0].attributes, span(1, &values).attributes, "{}", store.location());
        assert_eq!(spans(store, "float>0.4 int>5").len(), 1);
        assert_eq!(spans(store, "text>5").len(), 0, "text is no number");
    });
}

/// Upstream knew a few of the filters that it documented, and no metrics could be asked for at all.
#[test]
fn every_filter_is_heeded_and_all_of_them_must_hold() {
    each_store(|store| {
        for id in 1..=30 {
            let region: AttributeValue = if id % 2 == 0 { "east" } else { "west" }.into();
            let attributes = [("region", region), (names::PIPELINE_VERSION, "2".into())];
            let status = if id % 3 == 0 { Status::Error } else { Status::Ok };
            write(store, |builder| builder.push(&Span { status, ..span(id, &attributes) }));
        }
        let found = |query: &str| spans(store, query).iter().map(|span| span.span_id.to_u64()).collect::<Vec<_>>();
        assert_eq!(found("region=east status:error sort:started"), [6, 12, 18, 24, 30]);
        assert_eq!(found("region=east status:error duration>20ms version=2 sort:started"), [24, 30]);
        assert_eq!(found("name:n1* region=west status:error sort:-duration limit:2"), [15]);
        let page = |query: Query| match store.query(&query).unwrap() {
            page if page.rows.is_empty() => (Vec::new(), None),
            page => {
                let Rows::Spans(rows) = page.rows else { panic!("no spans") };
                (rows.into_iter().map(|found| found.span.span_id.to_u64()).collect(), page.next)
            }
        };
        let (first, next) = page(Query::spans().since(Moment::At(START + 20_000_000_000)).limit(6));
        let (second, last) = page(Query::spans().since(Moment::At(START + 20_000_000_000)).limit(6).after(next.unwrap()));
        assert_eq!([first, second].concat(), (20..=30).rev().collect::<Vec<_>>());
        assert_eq!(last, None);
    });
}

/// Upstream any word was taken for a status, and broke when it was written.
#[test]
fn a_status_that_is_none_is_refused_where_it_is_said() {
    let error = Query::parse(Select::Runs, "status:completed").unwrap_err();
    assert!(error.to_string().contains("status:completed"), "{error}");
    let error = Query::parse(Select::Runs, "status=fialed").unwrap_err();
    assert!(error.to_string().contains('^'), "{error}");
}
