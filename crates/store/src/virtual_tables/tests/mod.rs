//! Tests of SQL over a store.

mod agreement;
mod answers;
mod refusals;

use std::sync::Arc;

use flowglass_model::{
    Batch, BatchBuilder, ExponentialHistogram, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource,
    Severity, Sink, Span, SpanEvent, SpanId, SpanType, Status, Temporality, TraceId, WriterId, conventions,
};
use tempfile::TempDir;

use super::{SqlConnection, SqlLimits, SqlValue};
use crate::{Durability, SinkOptions, SqliteSink, SqliteStore};

/// 2025-11-21 14:00:00 UTC.
const START: i64 = 1_763_733_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

struct Fixture {
    _folder: TempDir,
    store: SqliteStore,
    sink: Option<SqliteSink>,
    writer: WriterId,
    sequence: u64,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
        let sink = store.sink(SinkOptions { durability: Durability::Process, ..SinkOptions::default() }).unwrap();
        Self { _folder: folder, store, sink: Some(sink), writer: WriterId::random(), sequence: 0 }
    }

    /// Writes a batch.
    fn write(&mut self, fill: impl FnOnce(&mut BatchBuilder)) {
        self.sequence += 1;
        let attributes = vec![("service.name".into(), "shop".into()), ("host.name".into(), "box".into())];
        let resource = Arc::new(Resource { attributes, ..Resource::default() });
        let mut builder = BatchBuilder::new(self.writer, self.sequence, resource);
        fill(&mut builder);
        self.put(Arc::new(builder.finish()));
    }

    fn put(&mut self, batch: Arc<Batch>) {
        self.sink.as_mut().unwrap().write(&batch).unwrap();
    }

    fn spans(&mut self, spans: &[Span]) {
        self.write(|builder| spans.iter().for_each(|span| builder.push(span)));
    }

    fn sql(&self) -> SqlConnection {
        self.store.sql(SqlLimits::default()).unwrap()
    }

    /// Asks, and returns each row as one text.
    fn ask(&self, statement: &str) -> Vec<String> {
        ask(&self.sql(), statement)
    }
}

fn ask(sql: &SqlConnection, text: &str) -> Vec<String> {
    let mut statement = sql.prepare(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let columns = statement.columns().len();
    let mut rows = statement.query(&[]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap_or_else(|error| panic!("{text}: {error}")) {
        found.push((0..columns).map(|column| told(&row.value(column))).collect::<Vec<_>>().join("|"));
    }
    found
}

fn told(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Real(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Blob(bytes) => format!("x{bytes:02x?}"),
    }
}

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16])
}

/// A node's span that starts so many seconds after [`START`].
fn node(trace_number: u8, id: u64, parent: u64, name: &str, second: i64) -> Span {
    Span {
        trace_id: trace(trace_number),
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(parent),
        name: format!("node {name}"),
        span_type: SpanType::Node,
        start_unix_ns: START + second * SECOND + 123_456_789,
        duration_ns: 1_500_000 * id,
        attributes: vec![(conventions::NODE_ID.into(), name.into()), (conventions::CACHE_STATUS.into(), "miss".into())],
        ..Span::default()
    }
}

fn root(trace_number: u8, id: u64, name: &str, second: i64, status: Status) -> Span {
    Span {
        name: format!("pipeline {name}"),
        span_type: SpanType::Pipeline,
        status,
        attributes: vec![(conventions::PIPELINE_NAME.into(), name.into())],
        ..node(trace_number, id, 0, name, second)
    }
}

/// Two runs with all that a run may have, of which one failed.
fn shop() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.spans(&[node(1, 12, 11, "fetch", 1), node(1, 13, 11, "encode", 2), root(1, 11, "orders", 0, Status::Ok)]);
    let exception = SpanEvent {
        name: "exception".into(),
        unix_ns: START + 61 * SECOND,
        attributes: vec![(conventions::EXCEPTION_TYPE.into(), "Timeout".into())],
        ..SpanEvent::default()
    };
    let failed = Span {
        status: Status::Error,
        status_message: "no answer".into(),
        events: vec![exception],
        ..node(2, 22, 21, "fetch", 61)
    };
    fixture.spans(&[failed, Span { status_message: "no answer".into(), ..root(2, 21, "orders", 60, Status::Error) }]);
    fixture.write(|builder| {
        builder.push_owned_log(&LogRecord {
            unix_ns: START + 61 * SECOND,
            severity: Severity::WARN,
            body: "trying again".into(),
            trace_id: trace(2),
            span_id: SpanId::from_u64(22),
            attributes: vec![("attempt".into(), 2i64.into())],
            ..LogRecord::default()
        });
        push_metrics(builder);
    });
    fixture
}

fn push_metrics(builder: &mut BatchBuilder) {
    let mut durations = ExponentialHistogram::default();
    (1..=100).for_each(|number| durations.record(f64::from(number)));
    let point = |value| MetricPoint {
        start_unix_ns: START,
        unix_ns: START + 62 * SECOND,
        value,
        attributes: vec![(conventions::NODE_ID.into(), "fetch".into())],
        exemplars: Vec::new(),
    };
    let counter = Metric { unit: "{error}".into(), ..Metric::new("node.errors", MetricKind::Counter, Temporality::Delta) };
    let row = builder.push_owned_metric(&counter);
    builder.push_owned_point(row, &point(MetricValue::Number(Number::Int(1))));
    let row = builder.push_owned_metric(&Metric::new("node.duration", MetricKind::Exponential, Temporality::Delta));
    builder.push_owned_point(row, &point(MetricValue::Exponential(durations)));
}
